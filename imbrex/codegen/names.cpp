#include "imbrex/codegen/names.h"

#include <algorithm>
#include <iterator>

namespace imbrex::codegen {
namespace {

// Longer ones say no more, and names may be as long as their author likes.
constexpr size_t kLongestStem = 60;

constexpr const char* kReserved[] = {"alignas",
                                     "alignof",
                                     "and",
                                     "and_eq",
                                     "asm",
                                     "auto",
                                     "bitand",
                                     "bitor",
                                     "bool",
                                     "break",
                                     "case",
                                     "catch",
                                     "char",
                                     "char8_t",
                                     "char16_t",
                                     "char32_t",
                                     "class",
                                     "co_await",
                                     "co_return",
                                     "co_yield",
                                     "compl",
                                     "concept",
                                     "const",
                                     "consteval",
                                     "constexpr",
                                     "constinit",
                                     "const_cast",
                                     "continue",
                                     "decltype",
                                     "default",
                                     "delete",
                                     "do",
                                     "double",
                                     "dynamic_cast",
                                     "else",
                                     "enum",
                                     "explicit",
                                     "export",
                                     "extern",
                                     "false",
                                     "float",
                                     "for",
                                     "friend",
                                     "goto",
                                     "if",
                                     "inline",
                                     "int",
                                     "long",
                                     "mutable",
                                     "namespace",
                                     "new",
                                     "noexcept",
                                     "not",
                                     "not_eq",
                                     "nullptr",
                                     "operator",
                                     "or",
                                     "or_eq",
                                     "private",
                                     "protected",
                                     "public",
                                     "register",
                                     "reinterpret_cast",
                                     "requires",
                                     "restrict",
                                     "return",
                                     "short",
                                     "signed",
                                     "sizeof",
                                     "static",
                                     "static_assert",
                                     "static_cast",
                                     "std",
                                     "struct",
                                     "switch",
                                     "template",
                                     "this",
                                     "thread_local",
                                     "throw",
                                     "true",
                                     "try",
                                     "typedef",
                                     "typeid",
                                     "typename",
                                     "union",
                                     "unsigned",
                                     "using",
                                     "virtual",
                                     "void",
                                     "volatile",
                                     "wchar_t",
                                     "while",
                                     "xor",
                                     "xor_eq",
                                     "unix",
                                     "linux",
                                     "main",
                                     "typeof",
                                     "typeof_unqual",
                                     "NULL",
                                     "EOF",
                                     "errno",
                                     "assert",
                                     "stdin",
                                     "stdout",
                                     "stderr",
                                     "offsetof"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without underscores at its ends or in pairs, which are reserved: they are added where they are wanted.
std::string plain(const std::string& stem) {
  std::string result;
  for (const char c : stem) {
    if (result.size() == kLongestStem) break;
    if (is_letter(c) || is_digit(c))
      result += c;
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (!result.empty() && result.back() == '_') result.pop_back();
  return result.empty() || is_digit(result[0]) ? "v" + result : result;
}

}  // namespace

std::string Names::numbered(const std::string& stem, const std::string& tail) {
  std::string name = stem + tail;
  for (int i = 2; !used_.insert(name).second; ++i) name = stem + "_" + std::to_string(i) + tail;
  return name;
}

std::string Names::fresh(const std::string& stem) { return numbered(plain(stem), "_"); }
std::string Names::own(const std::string& stem) { return numbered(stem, ""); }

std::string c_identifier(const std::string& text) {
  std::string result;
  for (const char c : text) result += is_letter(c) || is_digit(c) ? c : '_';
  return result.empty() || is_digit(result[0]) ? "_" + result : result;
}

bool is_reserved_word(const std::string& identifier) {
  return std::find(std::begin(kReserved), std::end(kReserved), identifier) != std::end(kReserved);
}

}  // namespace imbrex::codegen
