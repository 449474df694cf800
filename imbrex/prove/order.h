// The order that dependences impose on scopes: what a later scope reads an earlier one wrote, and what it writes an earlier one
// read or wrote. Two scopes without such a path between them may run in either order or at once.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

struct Dependence {
  enum class Kind { read_after_write, write_after_read, write_after_write };
  std::string from, to;  // scopes: their names, told apart where they are alike
  Kind kind;
  std::string tensor;
  std::string bytes;  // of the elements that both touch, over all iterations: an expression over dimensions
};

// `dims`: values for which bytes are shown in numbers too.
std::vector<Dependence> dependences(const Subject& subject, const std::map<std::string, int64_t>& dims);
std::string graph_of_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims);

}  // namespace imbrex::prove
