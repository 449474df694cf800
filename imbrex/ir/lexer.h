// Words of the tile program's text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace imbrex::ir {

struct Token {
  enum class Kind : uint8_t { name, integer, number, string, symbol, end };
  Kind kind = Kind::end;
  std::string text;  // as written; a string without its quotes and escapes
  int line = 1, column = 1;
};

// The words of `text`, the last of kind `end`. Throws UserError "tile-syntax" on a character that starts no word.
std::vector<Token> tokens_of(std::string_view text, const std::string& file_name);

// Whether the text is a name: ASCII letters, digits and `_`, and any visible characters beyond ASCII; no digit first.
bool is_name(std::string_view text);

// How a message names a token: 'let', end of file.
std::string describe(const Token& token);

}  // namespace imbrex::ir
