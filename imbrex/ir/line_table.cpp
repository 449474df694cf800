#include "imbrex/ir/line_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "imbrex/ir/lexer.h"
#include "imbrex/ir/print.h"

namespace imbrex::ir {
namespace {

constexpr const char* kTitle = "# lines of the author";
// Behind the title: what the author writes in.
constexpr std::pair<Language, const char*> kLanguages[] = {
    {Language::text, "\n"}, {Language::cpp, ", in C++\n"}, {Language::python, ", in Python\n"}};
constexpr size_t kMostCallers = 100;

[[noreturn]] void fail(const std::string& file, int line) {
  throw UserError(Diagnostic{"tile-syntax",
                             {file, line},
                             "this is no entry of the table of the author's lines",
                             R"(an entry is: # 5 "kernels.py":12, or delete the table, which means nothing)",
                             {}});
}

// `# 5 "kernels.py":12 "model.py":20`, of line `at` of the text.
std::pair<int, SourceLine> entry_of(const std::string& line, Language language, const std::string& file, int at) {
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
    places.push_back({name.text, integer(), {}, language});
  }
  if (places.empty()) fail(file, at);
  for (size_t i = places.size() - 1; i-- > 0;) places[i].called_from = std::make_shared<const SourceLine>(places[i + 1]);
  return {number, places.front()};
}

}  // namespace

std::string text_of(const LineTable& table) {
  if (table.empty()) return "";
  // A line that the author's table does not have is one of the text.
  const auto author =
      std::find_if(table.begin(), table.end(), [](const auto& entry) { return entry.second.language != Language::text; });
  std::string text = kTitle;
  for (const auto& [language, behind] : kLanguages)
    if (language == (author == table.end() ? Language::text : author->second.language)) text += behind;
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
  const size_t title = text.rfind(std::string("\n") + kTitle);
  if (title == std::string::npos) return table;
  for (const auto& [language, behind] : kLanguages) {
    const size_t after = title + 1 + std::string_view(kTitle).size();
    if (text.compare(after, std::string_view(behind).size(), behind) != 0) continue;
    const size_t entries = after + std::string_view(behind).size();
    auto line = static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(entries), '\n')) + 1;
    std::istringstream lines(text.substr(entries));
    for (std::string entry; std::getline(lines, entry); ++line) table.insert(entry_of(entry, language, file_name, line));
  }
  return table;
}

}  // namespace imbrex::ir
