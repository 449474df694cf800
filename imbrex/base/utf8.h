// Texts from outside as characters of UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace imbrex {

struct Utf8Character {
  size_t length = 0;  // bytes; 0 where the bytes are no character
  uint32_t value = 0;

  // Whether a reader sees it, and sees it where it stands: no control character, and none that turns the direction of writing.
  bool is_visible() const;
  // A space of any width.
  bool is_blank() const;
};

// At the beginning of `text`.
Utf8Character utf8_character(std::string_view text);

// With what is no character, or not visible, as \xHH for each of its bytes.
std::string with_visible_characters(std::string_view text);

}  // namespace imbrex
