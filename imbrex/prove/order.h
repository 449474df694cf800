// The order that dependences impose on scopes: what a later scope reads an earlier one wrote, and what it writes an earlier one
// read or wrote. Two scopes without such a path between them may run in either order or at once.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

struct Dependence {
  enum class Kind { read_after_write, write_after_read, write_after_write };
  std::string from, to;  // scopes
  Kind kind;
  std::string tensor;
  std::string bytes;  // what both touch, counted where it is a box: an expression over dimensions
};

std::vector<Dependence> dependences(const Subject& subject);
std::string graph_of_scopes(const Subject& subject);

}  // namespace imbrex::prove
