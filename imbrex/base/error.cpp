#include "imbrex/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "imbrex/base/utf8.h"

namespace imbrex {
namespace {

// The text of one line of a file, without its indentation, or "" where it cannot be read.
std::string text_of(const SourceLine& where) {
  std::ifstream file(where.file);
  std::string text;
  for (int line = 0; line < where.line && std::getline(file, text);) ++line;
  if (!file) return "";
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first);
}

std::string prefix(const SourceLine& where) { return where.line > 0 ? fmt::format("{}:{}: ", where.file, where.line) : ""; }

std::string quoted_line(const SourceLine& where) {
  const std::string text = where.line > 0 ? text_of(where) : "";
  return text.empty() ? "" : fmt::format("\n    | {}", text);
}

// Line breaks and tabs stay: messages and what they quote have several lines.
std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\n\t"), text.size());
    result += with_visible_characters(text.substr(0, end));
    if (end < text.size()) result += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string join(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += (text.empty() ? "" : "\n") + render(diagnostic);
  return text;
}

}  // namespace

bool operator==(const SourceLine& a, const SourceLine& b) {
  if (a.line != b.line || a.file != b.file || a.language != b.language || !a.called_from != !b.called_from) return false;
  return a.called_from == b.called_from || *a.called_from == *b.called_from;
}

std::string render(const Diagnostic& d) {
  std::string text =
      fmt::format("{}{} [{}]: {}{}", prefix(d.where), d.is_warning ? "warning" : "error", d.id, d.message, quoted_line(d.where));
  for (const SourceLine* caller = d.where.called_from.get(); caller; caller = caller->called_from.get())
    text += fmt::format("\n  {}called from here{}", prefix(*caller), quoted_line(*caller));
  for (const Diagnostic::Note& note : d.notes)
    text += fmt::format("\n  {}note: {}{}", prefix(note.where), note.message, quoted_line(note.where));
  if (!d.hint.empty()) text += fmt::format("\n  try: {}", d.hint);
  return printable(text);
}

UserError::UserError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(join(diagnostics)), diagnostics_(std::move(diagnostics)) {}

UserError::UserError(std::string id, std::string message, std::string hint)
    : UserError(Diagnostic{std::move(id), SourceLine{}, std::move(message), std::move(hint), {}, false}) {}

InternalError::InternalError(const std::string& invariant)
    : std::logic_error("internal error: " + invariant + " (this is a defect of Imbrex; please report it)"),
      invariant_(invariant) {}

}  // namespace imbrex
