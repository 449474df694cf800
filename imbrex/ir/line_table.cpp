#include "imbrex/ir/line_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <vector>

#include "imbrex/ir/lexer.h"
#include "imbrex/ir/print.h"

namespace imbrex::ir {
namespace {

constexpr const char* kTitle = "# lines of the author";
constexpr size_t kMostCallers = 100;

[[noreturn]] void fail(const std::string& file, int line) {
  throw UserError(Diagnostic{"tile-syntax",
                             {file, line},
                             "this is no entry of the table of the author's lines",
                             R"(an entry is: # 5 "kernels.py":12, or delete the table, which means nothing)",
                             {}});
}

// `# 5 "kernels.py":12 "model.py":20`, of line `at` of the text.
std::pair<int, SourceLine> entry_of(const std::string& line, const std::string& file, int at) {
  std::vector<Token> tokens;
  if (line.rfind("# ", 0) == 0) tokens = tokens_of(line.substr(2), file);
  size_t next = 0;
  const auto integer = [&] {
    int value = 0;
    if (next >= tokens.size() || tokens[next].kind != Token::Kind::integer) fail(file, at);
    const std::string& text = tokens[next++].text;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc() || value < 1) fail(file, at);
    return value;
  };
  const int number = integer();
  std::vector<SourceLine> places;
  while (next < tokens.size() && tokens[next].kind != Token::Kind::end) {
    const Token& name = tokens[next++];
    if (name.kind != Token::Kind::string || tokens[next++].text != ":" || places.size() > kMostCallers) fail(file, at);
    places.push_back({name.text, integer()});
  }
  if (places.empty()) fail(file, at);
  for (size_t i = places.size() - 1; i-- > 0;) places[i].called_from = std::make_shared<const SourceLine>(places[i + 1]);
  return {number, places.front()};
}

}  // namespace

std::string text_of(const LineTable& table) {
  if (table.empty()) return "";
  std::string text = std::string(kTitle) + "\n";
  for (const auto& [line, author] : table) {
    text += fmt::format("# {}", line);
    for (const SourceLine* place = &author; place; place = place->called_from.get())
      text += fmt::format(" {}:{}", quoted(place->file), place->line);
    text += "\n";
  }
  return text;
}

LineTable line_table_of(const std::string& text, const std::string& file_name) {
  LineTable table;
  const size_t title = text.rfind(std::string("\n") + kTitle + "\n");
  if (title == std::string::npos) return table;
  int line = static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(title) + 2, '\n')) + 2;
  std::istringstream lines(text.substr(title + 2 + std::string(kTitle).size()));
  for (std::string entry; std::getline(lines, entry); ++line) table.insert(entry_of(entry, file_name, line));
  return table;
}

}  // namespace imbrex::ir
