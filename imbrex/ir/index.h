// Index expressions: integers computed from symbolic dimensions and loop variables. They give extents, offsets and conditions.
//
//   index := INTEGER | NAME | NAME.begin | NAME.size | NAME.index
//          | index + index | index - index | index * index | index // index | index % index
//          | min(index, index) | max(index, index)
//
// Values are integers; a program in which one can leave 64 bits is refused (docs/semantics.md). `//` rounds towards minus
// infinity, `%` has the sign of the divisor; both divisors are positive constants wherever the prover is to decide. A NAME is a
// dimension, an integer loop variable, or an index read from data
// (`read`, see program.h); NAME.begin, NAME.size and NAME.index belong to the span NAME of a tiled loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace imbrex::ir {

struct Index;
using IndexExpr = std::shared_ptr<const Index>;

struct Index {
  enum class Kind { constant, name, span_begin, span_size, span_index, add, sub, mul, floor_div, mod, min, max };
  Kind kind;
  int64_t value = 0;  // constant
  std::string name;   // name, span_*
  IndexExpr a, b;     // the operators
};

// Constructors. They fold constants and drop neutral elements, nothing else: what is printed stays close to what was written.
IndexExpr constant(int64_t value);
IndexExpr named(std::string name);
IndexExpr span_begin(std::string span);
IndexExpr span_size(std::string span);
IndexExpr span_index(std::string span);
IndexExpr add(IndexExpr a, IndexExpr b);
IndexExpr sub(IndexExpr a, IndexExpr b);
IndexExpr mul(IndexExpr a, IndexExpr b);
IndexExpr floor_div(IndexExpr a, IndexExpr b);
IndexExpr ceil_div(IndexExpr a, IndexExpr b);  // (a + b - 1) // b
IndexExpr mod(IndexExpr a, IndexExpr b);
IndexExpr min(IndexExpr a, IndexExpr b);
IndexExpr max(IndexExpr a, IndexExpr b);

// The value if the expression is a constant.
std::optional<int64_t> constant_value(const IndexExpr& e);
// True if both are the same function of their names: compared as linear combinations over non-linear atoms, so
// `T - 1 + 1` equals `T`. False means "not shown equal".
bool same(const IndexExpr& a, const IndexExpr& b);
// The value under an environment; none where a step leaves 64 bits or divides by 0. The callback is asked for leaf nodes of kind
// name and span_* only.
std::optional<int64_t> checked_evaluate(const IndexExpr& e, const std::function<int64_t(const Index& leaf)>& leaf_value);
// The same where that cannot be; an InternalError if it is.
int64_t evaluate(const IndexExpr& e, const std::function<int64_t(const Index& leaf)>& leaf_value);
// Replaces leaves for which `leaf` returns an expression; others stay.
IndexExpr substitute(const IndexExpr& e, const std::function<std::optional<IndexExpr>(const Index& leaf)>& leaf);
// A leaf under another name.
IndexExpr renamed(const Index& leaf, std::string name);
// The operator of `e` applied to other operands by the constructors above; `e` itself where they are its own.
IndexExpr with_operands(const IndexExpr& e, IndexExpr a, IndexExpr b);
// The names used, loop spans included (without .begin and the like).
std::set<std::string> names_in(const IndexExpr& e);
// What is not written alike in every language; that of the grammar above.
struct IndexWords {
  std::string floor_div = "//", min = "min", max = "max";
};
// The text of the grammar, or of another language's words, with the fewest parentheses.
std::string to_text(const IndexExpr& e, const IndexWords& words = {});

}  // namespace imbrex::ir
