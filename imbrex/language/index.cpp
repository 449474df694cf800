#include "imbrex/language/index.h"

#include "imbrex/builder/program_builder.h"
#include "imbrex/ir/parse.h"

namespace imbrex {
namespace {

// What is too long already stays as it is, however long its author goes on: it is refused, with a line, where it is used.
template <class Make>
Index combined(const Index& a, const Index& b, const Make& make) {
  for (const Index* each : {&a, &b})
    if (ir::index_nodes(each->expr()) > ir::kMaxIndexNodes) return *each;
  return Index(make(a.expr(), b.expr()));
}

Condition compare(const Index& a, ir::Compare how, const Index& b) { return {{{a.expr(), how, b.expr()}}}; }

}  // namespace

Index operator+(const Index& a, const Index& b) { return combined(a, b, ir::add); }
Index operator-(const Index& a, const Index& b) { return combined(a, b, ir::sub); }
Index operator*(const Index& a, const Index& b) { return combined(a, b, ir::mul); }
Index operator/(const Index& a, const Index& b) { return combined(a, b, ir::floor_div); }
Index operator%(const Index& a, const Index& b) { return combined(a, b, ir::mod); }
Index min(const Index& a, const Index& b) { return combined(a, b, ir::min); }
Index max(const Index& a, const Index& b) { return combined(a, b, ir::max); }
Index ceil_div(const Index& a, const Index& b) { return combined(a, b, ir::ceil_div); }

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
