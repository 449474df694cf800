// Statements that do not dissolve, seen from outside: a function from the tensors that they read to those that they store.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {

struct KeptPart {
  // Equal for parts that are equal but for names, annotations, taps, scopes, the order of operands that may be exchanged, and how
  // iterations are divided among workers.
  std::string text;
  std::vector<std::string> tensors;  // that it reads or stores, in the order in which the text names them
  std::set<std::string> stores;      // of these; what it does not store of them stays
};

// What is known of a tensor from outside of the part, equal in all kernels in which it is the same: it orders operands.
using Identity = std::function<std::string(const std::string& tensor)>;

// Of the statements `first` to `last` of the program's body. Their tiles and indices must all be their own.
KeptPart kept_part(const ir::Program& program, size_t first, size_t last, const BaseOfView& bases, const Identity& identity);

// Whether two blocks at the same place do the same: whether they are equal but for the names that they declare, and for what a
// kept part's text leaves out.
bool do_the_same(const ir::Block& a, const ir::Block& b);

}  // namespace imbrex::optimize
