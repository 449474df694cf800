#include "imbrex/ir/loops.h"

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
  const Loop& loop = *loops.at(e->name);
  const auto extent = constant_value(loop.extent);
  return extent && *extent % loop.tile == 0 ? std::optional(loop.tile) : std::nullopt;
}

bool is_multiple(const IndexExpr& e, int64_t of, const Loops& loops) {
  switch (e->kind) {
    case Kind::constant: return e->value % of == 0;
    case Kind::span_begin: {
      const Loop& loop = *loops.at(e->name);
      return loop.tile % of == 0 && is_multiple(loop.begin, of, loops);
    }
    case Kind::span_size: return fixed_value(e, loops).value_or(1) % of == 0;
    case Kind::add:
    case Kind::sub:
    case Kind::min:
    case Kind::max: return is_multiple(e->a, of, loops) && is_multiple(e->b, of, loops);
    case Kind::mul: return is_multiple(e->a, of, loops) || is_multiple(e->b, of, loops);
    default: return false;
  }
}

}  // namespace imbrex::ir
