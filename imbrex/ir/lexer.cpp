#include "imbrex/ir/lexer.h"

#include <fmt/format.h>

#include <array>

#include "imbrex/base/error.h"
#include "imbrex/base/utf8.h"

namespace imbrex::ir {
namespace {

// Longer symbols first.
constexpr std::array<std::string_view, 25> kSymbols = {"+:", "..", "//", "<=", "==", "!=", ">=", "<", ">", "=", "+", "-", "*",
                                                       "/",  "%",  "(",  ")",  "[",  "]",  "{",  "}", ",", ":", ".", "@"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// How many bytes the letter takes with which the text begins; 0 where it begins with none.
size_t letter(std::string_view text) {
  const Utf8Character c = utf8_character(text);
  const bool is_ascii_letter = (c.value >= 'a' && c.value <= 'z') || (c.value >= 'A' && c.value <= 'Z') || c.value == '_';
  return is_ascii_letter || (c.value >= 0x80 && c.is_visible() && !c.is_blank()) ? c.length : 0;
}

// How many bytes the name takes with which the text begins; 0 where it begins with none.
size_t name(std::string_view text) {
  size_t length = letter(text);
  for (size_t more = length; more > 0; length += more) {
    const std::string_view rest = text.substr(length);
    more = !rest.empty() && is_digit(rest[0]) ? 1 : letter(rest);
  }
  return length;
}
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The first character, or byte, of the text.
std::string shown(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) return "a byte order mark (bytes ef bb bf), which editors do not show";
  const Utf8Character c = utf8_character(text);
  return c.is_visible() && !c.is_blank() ? fmt::format("'{}'", text.substr(0, c.length))
                                         : fmt::format("byte 0x{:02x}", static_cast<unsigned char>(text[0]));
}

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Token> run() {
    for (skip(); at_ < text_.size(); skip()) tokens_.push_back(next());
    tokens_.push_back(start(Token::Kind::end));
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Token start(Token::Kind kind) const {
    const int column = static_cast<int>(at_ - line_start_) + 1;
    return Token{kind, "", line_, column};
  }
  [[noreturn]] void fail(const std::string& message, const std::string& hint) const {
    const auto column = at_ - line_start_ + 1;
    throw UserError(Diagnostic{"tile-syntax", {file_, line_}, fmt::format("column {}: {}", column, message), hint, {}, false});
  }

  // Blanks and comments.
  void skip() {
    for (; at_ < text_.size(); ++at_) {
      if (peek() == '#')
        while (at_ + 1 < text_.size() && peek(1) != '\n') ++at_;
      else if (!is_blank(peek()))
        return;
      if (peek() == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      }
    }
  }

  Token next() {
    if (const size_t length = name(text_.substr(at_))) return take(start(Token::Kind::name), length);
    if (is_digit(peek())) return number();
    if (peek() == '"') return string();
    for (std::string_view symbol : kSymbols)
      if (text_.substr(at_, symbol.size()) == symbol) return take(start(Token::Kind::symbol), symbol.size());
    fail(fmt::format("no word or symbol of the language begins with {}", shown(text_.substr(at_))),
         "remove it; comments start with '#'");
  }

  Token take(Token token, size_t length) {
    token.text = std::string(text_.substr(at_, length));
    at_ += length;
    return token;
  }

  // 12, 0.5, 1e-06. `0 .. 4` has no digit behind its point.
  Token number() {
    size_t length = 1;
    const auto digits = [&] {
      while (is_digit(peek(length))) ++length;
    };
    digits();
    bool integer = true;
    if (peek(length) == '.' && is_digit(peek(length + 1))) {
      integer = false;
      ++length;
      digits();
    }
    const size_t sign = peek(length + 1) == '-' || peek(length + 1) == '+' ? 1 : 0;
    if ((peek(length) == 'e' || peek(length) == 'E') && is_digit(peek(length + 1 + sign))) {
      integer = false;
      length += 2 + sign;
      digits();
    }
    if (letter(text_.substr(at_ + length)) > 0) {
      at_ += length;
      fail(fmt::format("{} directly behind a number", shown(text_.substr(at_))),
           "separate the two, or start the name with a letter");
    }
    return take(start(integer ? Token::Kind::integer : Token::Kind::number), length);
  }

  Token string() {
    Token token = start(Token::Kind::string);
    for (++at_; peek() != '"'; ++at_) {
      if (at_ >= text_.size() || peek() == '\n') fail("the string does not end on its line", "close it with '\"'");
      token.text += peek() == '\\' ? escape() : peek();
    }
    ++at_;
    return token;
  }

  // \" \\ and \xHH; leaves the position on the escape's last character.
  char escape() {
    ++at_;
    if (peek() == '"' || peek() == '\\') return peek();
    if (peek() != 'x') fail("unknown escape in a string", "write \\\", \\\\ or \\x and two hexadecimal digits");
    int value = 0;
    for (int i = 0; i < 2; ++i) {
      ++at_;
      const std::string_view digits = "0123456789abcdef";
      const size_t digit = at_ < text_.size() ? digits.find(peek()) : std::string_view::npos;
      if (digit == std::string_view::npos) fail("\\x needs two hexadecimal digits", "write \\x0a for a line feed");
      value = 16 * value + static_cast<int>(digit);
    }
    return static_cast<char>(value);
  }

  std::string_view text_;
  const std::string& file_;
  std::vector<Token> tokens_;
  size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view text, const std::string& file_name) { return Lexer(text, file_name).run(); }

bool is_name(std::string_view text) { return !text.empty() && name(text) == text.size(); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::end: return "the end of the file";
    case Token::Kind::string: return "the string \"" + token.text.substr(0, 60) + "\"";
    default: return "'" + token.text.substr(0, 60) + "'";
  }
}

}  // namespace imbrex::ir
