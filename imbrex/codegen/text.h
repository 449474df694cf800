// Names and other texts of an author's as data in generated C and C++: whatever bytes they hold, they end where they should.
#pragma once

#include <string>

namespace imbrex::codegen {

// A string literal, its quotes included. The compiler reads the bytes of `text` from it, on any machine and in any character set.
std::string literal(const std::string& text);
// For a comment of either kind, `//` or `/* */`: on one line, without an end of the comment, an escape or what hides from a
// reader. Characters that are letters to people stay; bytes that are not become \xHH.
std::string comment(const std::string& text);

}  // namespace imbrex::codegen
