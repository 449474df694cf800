// Identifiers of the generated text: the author's names where they can be had, each used once in a kernel.
#pragma once

#include <map>
#include <set>
#include <string>

namespace imbrex::codegen {

class Names {
 public:
  Names();
  // An identifier of its own: `stem`, or `stem_2`, ... where that is taken or means something in C++ or in the headers.
  std::string fresh(const std::string& stem);

 private:
  std::set<std::string> used_;
};

}  // namespace imbrex::codegen
