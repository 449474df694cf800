// Index expressions in a canonical form: a sum of coefficient * atom, where an atom is a name or a floor division, remainder,
// minimum or maximum that ranges cannot remove. Equal functions that the rules here reach have equal text.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "imbrex/ir/index.h"

namespace imbrex::optimize {

// What is known of a name: least <= name <= most, and name < below, which is over names that are known before it. An absent bound
// is unknown.
struct Range {
  std::optional<int64_t> least, most;
  ir::IndexExpr below = nullptr;
};
using Ranges = std::map<std::string, Range>;  // keyed by the leaf's text: "h", "t.begin"

// The sum of products `coefficient * atom`, and a constant.
struct Linear {
  struct Part {
    int64_t coefficient = 0;
    ir::IndexExpr atom;
  };
  std::map<std::string, Part> parts;  // keyed by the atom's text
  int64_t constant = 0;
};

Linear linear(const ir::IndexExpr& e, const Ranges& ranges);
ir::IndexExpr to_index(const Linear& sum);
// The canonical form of `e`.
ir::IndexExpr simplify(const ir::IndexExpr& e, const Ranges& ranges);
// What is known of the values of `e`.
Range range_of(const ir::IndexExpr& e, const Ranges& ranges);
// True only where `e` is 0 or more for all values of the names, by their constant bounds or by what they are below.
bool is_at_least_zero(const ir::IndexExpr& e, const Ranges& ranges);

}  // namespace imbrex::optimize
