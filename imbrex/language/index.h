// Integers, spans and conditions of a kernel: what slices and loops are made of.
//
// Arithmetic on an Index is exact in 64 bits; `/` rounds towards minus infinity and `%` has the sign of the divisor. An Index is
// symbolic: it has a value only when the kernel runs.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/language/source_location.h"

namespace imbrex {

using Int = int64_t;  // a number that is known when the kernel is built

class Index {
 public:
  template <std::integral I>
  Index(I value) : expr_(ir::constant(static_cast<int64_t>(value))) {}
  explicit Index(ir::IndexExpr expr) : expr_(std::move(expr)) {}
  const ir::IndexExpr& expr() const { return expr_; }

 private:
  ir::IndexExpr expr_;
};

// A dimension of the kernel, such as the number of tokens: an Index whose value, at least 1, comes with the call.
class Dim : public Index {
 public:
  using Index::Index;
};

Index operator+(const Index& a, const Index& b);
Index operator-(const Index& a, const Index& b);
Index operator*(const Index& a, const Index& b);
Index operator/(const Index& a, const Index& b);  // floor
Index operator%(const Index& a, const Index& b);
Index min(const Index& a, const Index& b);
Index max(const Index& a, const Index& b);
Index ceil_div(const Index& a, const Index& b);

// Comparisons of indices, all of which hold. For when(...) and assume(...).
struct Condition {
  ir::Condition comparisons;
};
Condition operator<(const Index& a, const Index& b);
Condition operator<=(const Index& a, const Index& b);
Condition operator==(const Index& a, const Index& b);
Condition operator!=(const Index& a, const Index& b);
Condition operator>=(const Index& a, const Index& b);
Condition operator>(const Index& a, const Index& b);
Condition operator&&(Condition a, const Condition& b);

// The indices begin, begin + 1, ..., begin + size - 1 of one axis; none where size <= 0. A loop over tiles hands one to its body.
struct Span {
  Index begin;
  Index size;
  Index index = 0;  // of a loop's span: which iteration, from 0
};
Span span(Index offset, Index extent);  // offset .. offset + extent - 1
Span between(Index lo, Index hi);       // lo .. hi - 1, none where hi <= lo

// A whole axis, as `all` in x(all, d).
struct All {};
inline constexpr All all{};

// Spans of n indices that cover 0 .. extent - 1, or the span given, exactly; the last one may be shorter.
struct Tiles {
  Span whole;
  Int tile;
  std::string name;  // of the loop variable in the printed program; empty: chosen
  Tiles named(std::string loop_variable) const { return {whole, tile, std::move(loop_variable)}; }
};
// A loop over them wants a positive n ("tile-size").
Tiles tiles(const Index& extent, Int n);
Tiles tiles(const Span& whole, Int n);

// The integers begin .. end - 1. A loop takes a plain number or Index too, meaning 0 .. number - 1.
struct Range {
  Index begin, end;
  std::string name;
  Range(Index count) : begin(0), end(std::move(count)) {}
  template <std::integral I>
  Range(I count) : Range(Index(count)) {}
  Range(Index first, Index last) : begin(std::move(first)), end(std::move(last)) {}
  Range named(std::string loop_variable) const {
    Range range = *this;
    range.name = std::move(loop_variable);
    return range;
  }
};

}  // namespace imbrex
