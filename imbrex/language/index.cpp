#include "imbrex/language/index.h"

#include "imbrex/builder/program_builder.h"

namespace imbrex {
namespace {

Condition compare(const Index& a, ir::Compare how, const Index& b) { return {{{a.expr(), how, b.expr()}}}; }

}  // namespace

Index operator+(const Index& a, const Index& b) { return Index(ir::add(a.expr(), b.expr())); }
Index operator-(const Index& a, const Index& b) { return Index(ir::sub(a.expr(), b.expr())); }
Index operator*(const Index& a, const Index& b) { return Index(ir::mul(a.expr(), b.expr())); }
Index operator/(const Index& a, const Index& b) { return Index(ir::floor_div(a.expr(), b.expr())); }
Index operator%(const Index& a, const Index& b) { return Index(ir::mod(a.expr(), b.expr())); }
Index min(const Index& a, const Index& b) { return Index(ir::min(a.expr(), b.expr())); }
Index max(const Index& a, const Index& b) { return Index(ir::max(a.expr(), b.expr())); }
Index ceil_div(const Index& a, const Index& b) { return Index(ir::ceil_div(a.expr(), b.expr())); }

Condition operator<(const Index& a, const Index& b) { return compare(a, ir::Compare::lt, b); }
Condition operator<=(const Index& a, const Index& b) { return compare(a, ir::Compare::le, b); }
Condition operator==(const Index& a, const Index& b) { return compare(a, ir::Compare::eq, b); }
Condition operator!=(const Index& a, const Index& b) { return compare(a, ir::Compare::ne, b); }
Condition operator>=(const Index& a, const Index& b) { return compare(a, ir::Compare::ge, b); }
Condition operator>(const Index& a, const Index& b) { return compare(a, ir::Compare::gt, b); }
Condition operator&&(Condition a, const Condition& b) {
  a.comparisons.insert(a.comparisons.end(), b.comparisons.begin(), b.comparisons.end());
  return a;
}

Span span(Index offset, Index extent) { return {std::move(offset), std::move(extent)}; }
Span between(Index lo, Index hi) {
  Index size(builder::size_between(lo.expr(), hi.expr()));
  return {std::move(lo), std::move(size)};
}

Tiles tiles(const Index& extent, Int n) { return {{0, extent}, n, {}}; }
Tiles tiles(const Span& whole, Int n) { return {whole, n, {}}; }

}  // namespace imbrex
