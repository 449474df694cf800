// The grammar at the top of ir/program.h names each statement, each operation and each element type: no more, no fewer.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "imbrex/ir/program.h"

namespace imbrex::ir {
namespace {

// The comment that a header begins with.
std::string first_comment(const std::string& path) {
  std::ifstream file(path);
  std::string text, line;
  while (std::getline(file, line) && line.starts_with("//")) text += line.substr(2) + "\n";
  return text;
}

// What a rule of the grammar says, with its continued lines; what stands three spaces or more behind is a remark.
std::string rule(const std::string& grammar, const std::string& name) {
  std::istringstream lines(grammar);
  std::string line, found;
  bool is_inside = false;
  while (std::getline(lines, line)) {
    const size_t sign = line.find(":=");
    if (sign != std::string::npos) is_inside = line.substr(0, sign).find(" " + name + " ") != std::string::npos;
    if (line.empty()) is_inside = false;
    if (!is_inside) continue;
    const std::string said = line.substr(sign != std::string::npos ? sign + 2 : 14);
    found += " " + said.substr(0, said.find("   ", said.find_first_not_of(" |")));
  }
  return found;
}

std::set<std::string> words(const std::string& text) {
  std::set<std::string> all;
  std::string word;
  for (const char c : text + " ")
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
    } else if (!word.empty()) {
      all.insert(word);
      word.clear();
    }
  return all;
}

// What stands in quotes.
std::set<std::string> terminals(const std::string& text) {
  std::set<std::string> all;
  for (size_t at = text.find('"'); at != std::string::npos;) {
    const size_t end = text.find('"', at + 1);
    all.insert(text.substr(at + 1, end - at - 1));
    at = text.find('"', end + 1);
  }
  return all;
}

TEST(TheGrammar, NamesEachOperationAndType) {
  const std::string grammar = first_comment(std::string(IMBREX_SOURCE_DIR) + "/imbrex/ir/program.h");
  std::set<std::string> operations, types;
  for (const Operation& row : kOperations)
    if (row.op != Op::variable && row.op != Op::load) operations.insert(row.name);  // written as names and slices
  for (const ElementType& row : kElementTypes) types.insert(row.name);
  EXPECT_EQ(words(rule(grammar, "operation")), operations) << grammar;
  EXPECT_EQ(words(rule(grammar, "dtype")), types) << grammar;
  for (const Operation& row : kOperations) {
    const std::string symbol = row.symbol;
    EXPECT_TRUE(symbol.empty() || terminals(rule(grammar, "expr")).contains(symbol)) << row.name;
  }
}

TEST(TheGrammar, NamesEachStatement) {
  const std::string grammar = first_comment(std::string(IMBREX_SOURCE_DIR) + "/imbrex/ir/program.h");
  // In the order of Statement::node: Assign and Store begin with a name, as `let` may, and AssumeElements has two words.
  const std::vector<std::string> kWords = {"create", "view", "let", "=",      "read",           "in",
                                           "if",     "at",   "tap", "assume", "assume_distinct"};
  EXPECT_EQ(kWords.size(), std::variant_size_v<decltype(Statement::node)>);
  const std::set<std::string> said = terminals(rule(grammar, "statement"));
  for (const std::string& word : kWords) EXPECT_TRUE(said.contains(word)) << word << " in\n" << grammar;
  EXPECT_TRUE(said.contains("assume_sorted"));
  for (const char* loop : {"parallel", "range", "pipeline"}) EXPECT_TRUE(terminals(rule(grammar, "loop")).contains(loop)) << loop;
  for (const Compare compare : {Compare::lt, Compare::le, Compare::eq, Compare::ne, Compare::ge, Compare::gt})
    EXPECT_TRUE(terminals(rule(grammar, "comparison")).contains(text_of(compare))) << text_of(compare);
}

}  // namespace
}  // namespace imbrex::ir
