// CONTRIBUTING.md says where an elementwise operation and an element type are written down. These are the files that name samples
// of them; a pass that had to name each would add one, and fail here.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;
using Files = std::set<std::string>;

const fs::path kImbrex = fs::path(IMBREX_SOURCE_DIR) / "imbrex";

// The sources below imbrex/, by their paths there.
const std::map<std::string, std::string>& sources() {
  static const std::map<std::string, std::string> all = [] {
    std::map<std::string, std::string> read;
    for (const auto& entry : fs::recursive_directory_iterator(kImbrex))
      if (entry.path().extension() == ".cpp" || entry.path().extension() == ".h")
        read[fs::relative(entry.path(), kImbrex).string()] = read_text(entry.path().string());
    return read;
  }();
  return all;
}

bool is_of_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Those in which the text stands, not as a part of a longer word.
Files files_with(const std::string& wanted) {
  Files found;
  for (const auto& [file, text] : sources())
    for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
      const size_t end = at + wanted.size();
      const bool is_word = at == 0 || !is_of_word(text[at - 1]) || !is_of_word(wanted.front());
      if (is_word && (end == text.size() || !is_of_word(text[end]) || !is_of_word(wanted.back()))) found.insert(file);
    }
  return found;
}

void expect_in_contributing(const std::string& heading, const Files& files) {
  const std::string document = read_text(std::string(IMBREX_SOURCE_DIR) + "/CONTRIBUTING.md");
  const size_t begin = document.find("**" + heading + "**"), end = document.find("\n**", begin + 1);
  ASSERT_NE(begin, std::string::npos) << heading;
  const std::string section = document.substr(begin, end - begin);
  EXPECT_NE(section.find("three places"), std::string::npos) << section;
  for (const std::string& file : files)
    EXPECT_NE(section.find('`' + file + '`'), std::string::npos) << file << " in\n" << section;
}

TEST(Contributing, an_elementwise_operation_is_added_in_three_places) {
  const std::string kTable = "ir/operations.h", kMeaning = "interpret/operations.cpp", kComputed = "target/isa/math.h";
  // Where more may be said of an operation; what is not there is understood all the same.
  const Files more = {"prove/tile_values.cpp", "optimize/rewrites.cpp", "optimize/selections.cpp"};
  for (const std::string operation : {"abs", "exp", "log"}) {
    EXPECT_EQ(files_with("ROW(" + operation + ",").count(kTable), 1u);
    EXPECT_EQ(files_with(operation + "_").count(kComputed), 1u);
    Files named = files_with("Op::" + operation);
    EXPECT_EQ(named.erase(kMeaning), 1u);
    for (const std::string& file : more) named.erase(file);
    EXPECT_EQ(named, Files()) << operation;
  }
  expect_in_contributing("an operation", {kTable, kMeaning, kComputed});
}

TEST(Contributing, an_element_type_is_added_in_three_places) {
  const std::string kTable = "base/dtype.h";
  const Files meaning = {"base/numbers.cpp", "interpret/elements.cpp"}, computed = {"target/isa/lane.h"};
  // Of which operands there are products: a type that is not there has none.
  const Files products = {"optimize/values.cpp", "target/rates.cpp"};
  EXPECT_EQ(files_with("ROW(f16,").count(kTable), 1u);
  EXPECT_TRUE(files_with("load_f16_s").contains(*computed.begin()));
  Files named = files_with("DType::f16");
  for (const std::string& file : meaning) EXPECT_EQ(named.erase(file), 1u) << file;
  for (const std::string& file : products) named.erase(file);
  EXPECT_EQ(named, Files());
  Files all = meaning;
  all.insert(kTable);
  all.insert(computed.begin(), computed.end());
  all.insert("runtime/abi.h");
  expect_in_contributing("an element type", all);
}

// A switch over operations or types with a `default:` compiles with one forgotten. Where a default stands, it is what holds of any
// (no rewriting, nothing known of a value), and says so on its line.
TEST(Contributing, no_pass_has_a_default_for_operations_it_forgot) {
  for (const auto& [file, text] : sources()) {
    if (file.starts_with("kernels/")) continue;  // what uses the language may use some of it
    for (const std::string label :
         {"case Op::", "case ir::Op::", "case OpKind::", "case ir::OpKind::", "case DType::", "case Form::"})
      for (size_t at = text.find(label); at != std::string::npos; at = text.find(label, at + 1)) {
        // To the end of this switch: the first line that closes a brace two columns left of `case`.
        const size_t line = text.rfind('\n', at) + 1, depth = at - line;
        if (depth < 2 || text.find_first_not_of(' ', line) != at) continue;
        const size_t close = text.find('\n' + std::string(depth - 2, ' ') + '}', at);
        const size_t other = text.find('\n' + std::string(depth, ' ') + "default:", at);
        if (other == std::string::npos || other > close) continue;
        const std::string said = text.substr(other + 1, text.find('\n', other + 1) - other - 1);
        EXPECT_NE(said.find("// holds of any"), std::string::npos)
            << "imbrex/" << file << ": " << said
            << "\nName each operation (IMBREX_ELEMENTWISE_CASES are many), or switch on its kind.";
      }
  }
}

}  // namespace
}  // namespace imbrex::tests
