#include "imbrex/base/utf8.h"

#include <fmt/format.h>

namespace imbrex {

bool Utf8Character::is_visible() const {
  const auto between = [&](uint32_t least, uint32_t most) { return value >= least && value <= most; };
  const bool is_control = value < 0x20 || between(0x7f, 0x9f);
  const bool is_hidden = value == 0xad || value == 0x61c || between(0x200b, 0x200f) || between(0x2028, 0x202e) ||
                         between(0x2060, 0x206f) || value == 0xfeff || between(0xfff9, 0xfffb) || value >= 0xe0000;
  return length > 0 && !is_control && !is_hidden;
}

bool Utf8Character::is_blank() const {
  const bool is_wide = (value >= 0x2000 && value <= 0x200a) || value == 0x202f || value == 0x205f || value == 0x3000;
  return length > 0 && (value == ' ' || (value >= '\t' && value <= '\r') || value == 0xa0 || value == 0x1680 || is_wide);
}

Utf8Character utf8_character(std::string_view text) {
  const auto byte = [&](size_t i) -> uint32_t { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const uint32_t first = byte(0);
  if (text.empty()) return {};
  if (first < 0x80) return {1, first};
  const size_t length = first >= 0xf5 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0) return {};
  uint32_t value = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  const bool is_longer_than_needed = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  return is_longer_than_needed || is_surrogate || value > 0x10ffff ? Utf8Character{} : Utf8Character{length, value};
}

std::string with_visible_characters(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const Utf8Character character = utf8_character(text.substr(i));
    const size_t length = character.length > 0 ? character.length : 1;
    if (character.is_visible())
      result += text.substr(i, length);
    else
      for (const char c : text.substr(i, length)) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    i += length;
  }
  return result;
}

}  // namespace imbrex
