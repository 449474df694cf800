#include "imbrex/codegen/text.h"

#include <fmt/format.h>

#include "imbrex/base/utf8.h"

namespace imbrex::codegen {

std::string literal(const std::string& text) {
  // Octal escapes have at most three digits, so that what follows them is never part of them. A `?` could begin a trigraph.
  std::string result = "\"";
  for (const char c : text) {
    const bool is_itself = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '?';
    result += is_itself ? std::string(1, c) : fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return result + "\"";
}

std::string comment(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], before = i > 0 ? text[i - 1] : ' ', after = i + 1 < text.size() ? text[i + 1] : ' ';
    // A backslash at the end of a line would draw the next line into the comment; so would a trigraph that stands for one.
    const bool draws_in = c == '\\' || (c == '?' && before == '?');
    const bool ends_or_begins = c == '/' && (before == '*' || after == '*');
    result += draws_in || ends_or_begins ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return with_visible_characters(result);
}

}  // namespace imbrex::codegen
