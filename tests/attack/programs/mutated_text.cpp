// Good programs with a few of their tokens exchanged, repeated, dropped, or put at an edge: the documents' examples, the
// library's kernels, random kernels and those of the other generators.
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "attack.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::attack {
namespace {

std::vector<std::string> documented_programs() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(IMBREX_SOURCE_DIR) / "docs/examples"))
    if (entry.path().extension() == ".tile") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    std::ifstream file(path);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return texts;
}

std::vector<std::string> library_programs() {
  std::vector<std::string> texts;
  for (const kernels::Entry& entry : kernels::registry()) {
    kernels::Options least;
    for (const kernels::OptionInfo& option : entry.options)
      least[option.name] = option.is_integer()
                               ? kernels::OptionValue(std::max(std::get<int64_t>(option.least), option.multiple_of))
                               : option.least;
    try {
      texts.push_back(ir::print(kernels::build(entry.name, "", "", least).program));
    } catch (const UserError&) {
      // Not every kernel can be made as small as each of its options allows.
    }
  }
  require(!texts.empty(), "some kernel of the library is as small as its options allow");
  return texts;
}

std::string good_program(Writer& w) {
  static const std::vector<std::string> documented = documented_programs(), library = library_programs();
  const int64_t source = w.random.below(20);
  if (source < 4) return w.pick(documented);
  if (source < 6) return w.pick(library);
  const uint64_t seed = w.random.next() >> 1;
  if (source < 10) return ir::print(test::random_case(seed, {.extent = 12, .stages = 2, .depth = 2}).program);
  Writer other(seed, -1);
  w.pick(std::array{write_access, write_data_flow, write_integers, write_assumptions})(other);
  return other.text();
}

struct Token {
  size_t begin = 0, size = 0;
  enum class Kind : uint8_t { word, number, text, sign } kind = Kind::sign;
};

std::vector<Token> tokens_of(const std::string& text) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; };
  std::vector<Token> tokens;
  for (size_t k = 0; k < text.size();) {
    Token token{k, 1, Token::Kind::sign};
    if (std::isspace(static_cast<unsigned char>(text[k]))) {
      ++k;
      continue;
    }
    if (text[k] == '"') {
      token = {k, text.find('"', k + 1) - k + 1, Token::Kind::text};
    } else if (is_word(text[k]) && text[k] != '.') {
      while (k + token.size < text.size() && is_word(text[k + token.size]) && text.compare(k + token.size, 2, "..") != 0)
        ++token.size;
      token.kind = std::isdigit(static_cast<unsigned char>(text[k])) ? Token::Kind::number : Token::Kind::word;
    } else if (k + 1 < text.size() && std::string("+: .. <= >= == != //").find(text.substr(k, 2)) != std::string::npos &&
               text[k + 1] != ' ') {
      token.size = 2;
    }
    tokens.push_back(token);
    k += token.size;
  }
  return tokens;
}

constexpr const char* kHostileTexts[] = {"\"a b\"",      "\"int\"", "\"*/\"",   "\"\\\\\"", "\"1\"",
                                         "\"\xc3\xa9\"", "\"\"",    "\"?\?/\"", "\"%s{}\""};
constexpr const char* kHostileNames[] = {"int",    "NULL",   "call",    "smaller", "add",   "INT32_MAX", "linux",  "unix",
                                         "assert", "main",   "this",    "std",     "vf",    "scratch",   "shared", "kernel",
                                         "double", "errno",  "stdin",   "run",     "tasks", "nth",       "EOF",    "memset",
                                         "isa",    "imbrex", "int64_t", "T_",      "_",     "x_begin"};

std::string another(Writer& w, const std::string& text, const std::vector<Token>& tokens, const Token& token) {
  constexpr const char* kNumbers[] = {
      "0", "1", "2", "3", "7", "8", "2147483647", "2147483648", "4611686018427387904", "9223372036854775807"};
  constexpr const char* kSigns[] = {"+", "-", "*", "//", "%", "<", "<=", "==", ">", ":", ","};
  if (token.kind == Token::Kind::number && w.random.chance(50)) return w.pick(kNumbers);
  if (token.kind == Token::Kind::sign && w.random.chance(50)) return w.pick(kSigns);
  if (token.kind == Token::Kind::text) return w.pick(kHostileTexts);
  for (int tries = 0; tries < 20; ++tries) {
    const Token other = w.pick(tokens);
    if (other.kind == token.kind) return text.substr(other.begin, other.size);
  }
  return "";
}

// The same name everywhere, but one that C++ or the support headers know.
std::string renamed(Writer& w, const std::string& text, const std::vector<Token>& tokens) {
  const Token chosen = w.pick(tokens);
  if (chosen.kind != Token::Kind::word) return text;
  const auto stem = [&](const Token& token) {
    const std::string word = text.substr(token.begin, token.size);
    return word.substr(0, word.find('.'));
  };
  const std::string old = stem(chosen), name = w.pick(kHostileNames);
  std::string result;
  size_t end = 0;
  for (const Token& token : tokens) {
    if (token.kind != Token::Kind::word || stem(token) != old) continue;
    result += text.substr(end, token.begin - end) + name;
    end = token.begin + old.size();
  }
  return result + text.substr(end);
}

// One edit: a token, a name or a line.
std::string edited(Writer& w, std::string text) {
  const std::vector<Token> tokens = tokens_of(text);
  const Token token = w.pick(tokens);
  const std::string old = text.substr(token.begin, token.size);
  switch (w.random.below(9)) {
    case 8: return renamed(w, text, tokens);
    case 0: return text.erase(token.begin, token.size);
    case 1: return text.insert(token.begin, old + " ");
    case 2: {  // a line dropped, or written twice
      const size_t begin = text.rfind('\n', token.begin) + 1, end = text.find('\n', token.begin) + 1;
      return w.random.chance(60) ? text.erase(begin, end - begin) : text.insert(begin, text.substr(begin, end - begin));
    }
    case 3: {  // a line moved
      const size_t begin = text.rfind('\n', token.begin) + 1, end = text.find('\n', token.begin) + 1;
      const std::string line = text.substr(begin, end - begin);
      text.erase(begin, end - begin);
      const size_t to = text.find('\n', static_cast<size_t>(w.random.below(static_cast<int64_t>(text.size()))));
      return to == std::string::npos ? text : text.insert(to + 1, line);
    }
    default: return text.replace(token.begin, token.size, another(w, text, tokens, token));
  }
}

bool is_program(const std::string& text) {
  try {
    return ir::verify(ir::parse(text, "edited.tile")).empty();
  } catch (const UserError&) {
    return false;
  }
}

}  // namespace

// Most of what comes of an edit is no program; few of those are kept.
void write_mutated_text(Writer& w) {
  const std::string good = good_program(w);
  std::string text = edited(w, good);
  for (int tries = 0; tries < 30 && !w.random.chance(3) && !is_program(text); ++tries) text = edited(w, good);
  if (is_program(text) && w.random.chance(25)) text = edited(w, text);
  w.set_text(text);
  w.set_edit("tokens edited");
}

}  // namespace imbrex::attack
