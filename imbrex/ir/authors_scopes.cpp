#include "imbrex/ir/authors_scopes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "imbrex/base/utf8.h"

namespace imbrex::ir {

std::vector<AuthorsScope> authors_scopes(const Program& program, const Statement& scope) {
  if (scope.sources.empty()) return {{std::get<At>(scope.node).name, program.where(scope.origin), {}}};
  std::vector<AuthorsScope> scopes;
  for (const Source& source : scope.sources) {
    const SourceLine where = program.where(source.scope_origin), line = program.where(source.origin);
    if (scopes.empty() || scopes.back().name != source.scope || scopes.back().where != where)
      scopes.push_back({source.scope, where, {}});
    scopes.back().lines.push_back(line);
  }
  for (AuthorsScope& each : scopes)
    std::sort(each.lines.begin(), each.lines.end(),
              [](const SourceLine& a, const SourceLine& b) { return a.file != b.file ? a.file < b.file : a.line < b.line; });
  return scopes;
}

std::string text_of(const std::vector<AuthorsScope>& scopes) {
  std::string text;
  for (const AuthorsScope& scope : scopes) {
    text += (text.empty() ? "" : ", ") + (scope.name.empty() ? "outside of scopes" : with_visible_characters(scope.name));
    if (scope.where.line > 0) text += fmt::format(":{}", scope.where.line);
  }
  return text;
}

std::string lines_text(const std::vector<AuthorsScope>& scopes) {
  std::map<std::string, std::set<int>> lines;
  for (const AuthorsScope& scope : scopes)
    for (const SourceLine& line : scope.lines)
      if (line.line > 0) lines[line.file].insert(line.line);
  std::string text;
  for (const auto& [file, numbers] : lines) {
    const char* before = ":";
    text += (text.empty() ? "" : "; ") + with_visible_characters(std::filesystem::path(file).filename().string());
    for (const int number : numbers) text += std::exchange(before, ", ") + std::to_string(number);
  }
  return text;
}

}  // namespace imbrex::ir
