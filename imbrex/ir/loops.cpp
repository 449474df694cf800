#include "imbrex/ir/loops.h"

#include <numeric>

#include "imbrex/ir/visit.h"

namespace imbrex::ir {

using Kind = Index::Kind;

Loops loops_of(const Program& program) {
  Loops loops;
  for_each_statement(program.body, [&](const Statement& s) {
    if (const auto* loop = std::get_if<Loop>(&s.node)) loops[loop->variable] = loop;
    return true;
  });
  return loops;
}

IndexExpr trips_of(const Loop& loop) { return loop.tile > 0 ? ceil_div(loop.extent, constant(loop.tile)) : loop.extent; }

std::optional<int64_t> fixed_value(const IndexExpr& e, const Loops& loops) {
  if (e->kind != Kind::span_size) return constant_value(e);
  const auto found = loops.find(e->name);
  if (found == loops.end()) return std::nullopt;
  const Loop& loop = *found->second;
  const auto extent = constant_value(loop.extent);
  return extent && *extent % loop.tile == 0 ? std::optional(loop.tile) : std::nullopt;
}

int64_t common_divisor(const IndexExpr& e, int64_t of, const Loops& loops) {
  if (const auto value = fixed_value(e, loops)) return std::gcd(*value % of, of);
  switch (e->kind) {
    case Kind::span_begin: {
      const auto found = loops.find(e->name);
      if (found == loops.end()) return 1;
      const Loop& loop = *found->second;
      return std::gcd(loop.tile, common_divisor(loop.begin, of, loops));
    }
    case Kind::add:
    case Kind::sub:
    case Kind::min:
    case Kind::max: return std::gcd(common_divisor(e->a, of, loops), common_divisor(e->b, of, loops));
    case Kind::mul: {
      const int64_t of_first = common_divisor(e->a, of, loops);
      return of_first * common_divisor(e->b, of / of_first, loops);
    }
    default: return 1;
  }
}

}  // namespace imbrex::ir
