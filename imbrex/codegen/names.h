// Identifiers of the generated text. Those that come from an author's names end in an underscore, and no keyword, macro or name
// of a header does: whatever an author calls a thing, it compiles. The generator's own names never end in one.
#pragma once

#include <set>
#include <string>

namespace imbrex::codegen {

class Names {
 public:
  // From a name of the author's, and maybe a word about what of it this is ("x_row"): each is given once in a kernel.
  std::string fresh(const std::string& stem);
  // Of the generator's own, which no header must have: `stem`, or `stem_2`, ... where that is taken.
  std::string own(const std::string& stem);

 private:
  std::string numbered(const std::string& stem, const std::string& tail);

  std::set<std::string> used_;
};

// The letters and digits of any text, the rest as '_'. Not empty, and no digit comes first.
std::string c_identifier(const std::string& text);
// Whether C or C++ gives the identifier a meaning of its own, so that no function can be called so.
bool is_reserved_word(const std::string& identifier);

}  // namespace imbrex::codegen
