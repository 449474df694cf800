#include <algorithm>
#include <array>
#include <limits>

#include "imbrex/ir/visit.h"
#include "rewrites.h"

namespace imbrex::attack {
namespace {

using ir::Block;
using ir::IndexExpr;
using ir::Loop;
using ir::Op;
using ir::Program;
using ir::Statement;
using test::Place;
using test::Random;

constexpr int64_t kTiles[] = {2, 3, 4, 5, 7, 8, 16, 32};

bool is_row_or_column_local(const Program& program, const Loop& loop) {
  return is_local(program, loop, Side::rows) || is_local(program, loop, Side::columns);
}

// Where the extent may be negative, a loop runs no iteration, and its tiles are not as many as the extent says.
bool is_positive(const Program& program, const IndexExpr& e) {
  if (const auto value = ir::constant_value(e)) return *value > 0;
  return e->kind == ir::Index::Kind::span_size || std::any_of(program.dims.begin(), program.dims.end(), [&](const ir::Dim& dim) {
           return e->kind == ir::Index::Kind::name && e->name == dim.name;
         });
}

// A loop over a span that may be cut anew.
const Place* local_loop(const Program& program, const std::vector<Place>& places, Random& random) {
  return drawn(places, random, [&](const Place& place) {
    const auto* loop = place.node<Loop>();
    return loop && loop->tile > 0 && is_positive(program, loop->extent) && is_row_or_column_local(program, *loop);
  });
}

Statement statement(Loop loop) { return {std::move(loop), {}, -1}; }

bool retile(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = local_loop(program, places, random);
  if (!place) return false;
  place->node<Loop>()->tile = pick(random, kTiles);
  return true;
}

bool all_at_once(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = local_loop(program, places, random);
  if (!place) return false;
  const Loop loop = *place->node<Loop>();
  place->replace_by(with_span(loop.body, loop.variable, loop.begin, loop.extent));
  return true;
}

// Whole tiles, then what is left.
bool main_and_tail(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = local_loop(program, places, random);
  if (!place) return false;
  Fresh fresh(program);
  const Loop loop = *place->node<Loop>();
  const IndexExpr n = ir::constant(loop.tile), whole = ir::floor_div(loop.extent, n);
  const std::string i = fresh("i");
  Loop main{loop.kind, loop.stages, i, ir::constant(0), whole, 0, {}, {}};
  main.body = with_span(loop.body, loop.variable, ir::add(loop.begin, ir::mul(ir::named(i), n)), n);
  Block both{statement(std::move(main))};
  const Block tail =
      with_span(fresh.copy(loop.body), loop.variable, ir::add(loop.begin, ir::mul(whole, n)), ir::mod(loop.extent, n));
  both.insert(both.end(), tail.begin(), tail.end());
  place->replace_by(std::move(both));
  return true;
}

// The first tile by itself.
bool peel(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = local_loop(program, places, random);
  if (!place) return false;
  Fresh fresh(program);
  const Loop loop = *place->node<Loop>();
  const IndexExpr first = ir::min(ir::constant(loop.tile), loop.extent);
  Block both = with_span(fresh.copy(loop.body), loop.variable, loop.begin, first);
  Loop others = loop;
  others.of_span.clear();
  others.begin = ir::constant(0);
  others.extent = ir::sub(loop.extent, first);
  const std::string t = loop.variable;
  others.body = with_span(loop.body, t, ir::add(ir::add(loop.begin, first), ir::span_begin(t)), ir::span_size(t));
  both.push_back(statement(std::move(others)));
  place->replace_by(std::move(both));
  return true;
}

// Tiles in larger tiles.
bool nest(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = local_loop(program, places, random);
  if (!place) return false;
  Fresh fresh(program);
  Loop& loop = *place->node<Loop>();
  const std::string t = fresh("t");
  Loop inner{Loop::Kind::range,    0, loop.variable,       ir::span_begin(t), ir::span_size(t),
             pick(random, kTiles), t, std::move(loop.body)};
  loop.variable = t;
  loop.tile *= random.between(1, 4);
  loop.body = {statement(std::move(inner))};
  return true;
}

bool unnest(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    const auto* inner = loop && loop->body.size() == 1 ? std::get_if<Loop>(&loop->body[0].node) : nullptr;
    return inner && loop->tile > 0 && inner->of_span == loop->variable && is_row_or_column_local(program, *inner) &&
           !touched_by(program, inner->body).mentions.contains(loop->variable);
  });
  if (!place) return false;
  Loop loop = *place->node<Loop>();
  Loop inner = std::get<Loop>(loop.body[0].node);
  inner.kind = loop.kind, inner.stages = loop.stages;
  inner.begin = loop.begin, inner.extent = loop.extent, inner.of_span = loop.of_span;
  place->statement() = statement(std::move(inner));
  return true;
}

// One loop becomes two.
bool split(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    return loop && loop->body.size() > 1 && has_independent_iterations(program, *loop);
  });
  if (!place) return false;
  Fresh fresh(program);
  Loop first = *place->node<Loop>();
  const auto middle = first.body.begin() + random.between(1, static_cast<int64_t>(first.body.size()) - 1);
  Loop second = first;
  second.body.assign(middle, first.body.end());
  first.body.erase(middle, first.body.end());
  const Touched before = touched_by(program, first.body), after = touched_by(program, second.body);
  for (const std::string& name : before.declares)
    if (after.mentions.contains(name)) return false;
  place->replace_by({statement(std::move(first)), fresh.copy({statement(std::move(second))})[0]});
  return true;
}

// Two loops over the same become one.
bool fuse(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const auto next_loop = [](const Place& place) -> Loop* {
    return place.index + 1 < place.block->size() ? std::get_if<Loop>(&(*place.block)[place.index + 1].node) : nullptr;
  };
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    const auto* next = loop ? next_loop(each) : nullptr;
    return next && (next->tile > 0) == (loop->tile > 0) && ir::to_text(next->begin) == ir::to_text(loop->begin) &&
           ir::to_text(next->extent) == ir::to_text(loop->extent);
  });
  if (!place) return false;
  Loop merged = *place->node<Loop>();
  const Loop next = *next_loop(*place);
  if (next.tile != merged.tile && !is_row_or_column_local(program, next)) return false;
  ir::Program alone;
  alone.body = next.body;
  for (Statement& each : alone.body)
    each = ir::substitute(std::move(each), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name != next.variable) return std::nullopt;
      ir::Index renamed = leaf;
      renamed.name = merged.variable;
      return std::make_shared<const ir::Index>(renamed);
    });
  merged.body.insert(merged.body.end(), alone.body.begin(), alone.body.end());
  if (!has_independent_iterations(program, merged)) return false;
  place->block->erase(place->block->begin() + static_cast<std::ptrdiff_t>(place->index) + 1);
  place->statement().node = std::move(merged);
  return true;
}

bool other_kind(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    return loop && has_independent_iterations(program, *loop);
  });
  if (!place) return false;
  Loop& loop = *place->node<Loop>();
  const bool was_parallel = loop.kind == Loop::Kind::parallel;
  loop.kind = was_parallel ? pick(random, std::array{Loop::Kind::range, Loop::Kind::pipeline}) : Loop::Kind::parallel;
  loop.stages = loop.kind == Loop::Kind::pipeline ? 2 : 0;
  return true;
}

// The inner one of two loops becomes the outer one.
bool exchange(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const auto inside = [](const Loop& loop) { return loop.body.size() == 1 ? std::get_if<Loop>(&loop.body[0].node) : nullptr; };
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    const auto* inner = loop ? inside(*loop) : nullptr;
    return inner && inner->of_span != loop->variable && !mentions(inner->begin, loop->variable) &&
           !mentions(inner->extent, loop->variable) && has_independent_iterations(program, *loop) &&
           has_independent_iterations(program, *inner);
  });
  if (!place) return false;
  Loop outer = *place->node<Loop>();
  Loop inner = std::get<Loop>(outer.body[0].node);
  outer.body = std::move(inner.body);
  inner.body = {statement(std::move(outer))};
  place->statement().node = std::move(inner);
  return true;
}

// From the last iteration to the first.
bool reverse(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    return loop && loop->tile == 0 && has_independent_iterations(program, *loop);
  });
  if (!place) return false;
  Loop& loop = *place->node<Loop>();
  const IndexExpr last = ir::sub(ir::add(ir::mul(ir::constant(2), loop.begin), loop.extent), ir::constant(1));
  for (Statement& each : loop.body)
    each = ir::substitute(std::move(each), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name != loop.variable) return std::nullopt;
      return ir::sub(last, ir::named(loop.variable));
    });
  return true;
}

// True if a loop inside goes over the tiles of the loop's span, which begin where that begins.
bool is_divided_inside(const Loop& loop) {
  bool is_divided = false;
  ir::for_each_statement(loop.body, [&](const Statement& each) {
    const auto* inner = std::get_if<Loop>(&each.node);
    is_divided |= inner && inner->of_span == loop.variable;
    return true;
  });
  return is_divided;
}

// A loop over tiles as one over their numbers.
bool by_numbers(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    return loop && loop->tile > 0;
  });
  if (!place) return false;
  Fresh fresh(program);
  const Loop loop = *place->node<Loop>();
  const std::string i = fresh("i");
  const IndexExpr n = ir::constant(loop.tile), skipped = ir::mul(ir::named(i), n);
  if (is_divided_inside(loop)) return false;
  Loop now{loop.kind, loop.stages, i, ir::constant(0), ir::ceil_div(loop.extent, n), 0, {}, {}};
  now.body = with_span(loop.body, loop.variable, ir::add(loop.begin, skipped), ir::min(n, ir::sub(loop.extent, skipped)));
  for (Statement& each : now.body)
    each = ir::substitute(std::move(each), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name == loop.variable && leaf.kind == ir::Index::Kind::span_index) return ir::named(i);
      return std::nullopt;
    });
  place->statement().node = std::move(now);
  return true;
}

// A loop of few iterations without the loop.
bool unroll(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const auto trips = [](const Loop& loop) {
    const auto extent = ir::constant_value(loop.extent);
    return extent ? (loop.tile > 0 ? (*extent + loop.tile - 1) / loop.tile : *extent) : -1;
  };
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* loop = each.node<Loop>();
    return loop && trips(*loop) >= 1 && trips(*loop) <= 6 && !is_divided_inside(*loop);
  });
  if (!place) return false;
  Fresh fresh(program);
  const Loop loop = *place->node<Loop>();
  Block all;
  for (int64_t k = 0; k < trips(loop); ++k) {
    Block copy = fresh.copy(loop.body);
    const int64_t skipped = k * loop.tile;
    for (Statement& each : copy)
      each = ir::substitute(std::move(each), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
        if (leaf.name != loop.variable) return std::nullopt;
        switch (leaf.kind) {
          case ir::Index::Kind::span_begin: return ir::add(loop.begin, ir::constant(skipped));
          case ir::Index::Kind::span_size: return ir::constant(std::min(loop.tile, *ir::constant_value(loop.extent) - skipped));
          case ir::Index::Kind::span_index: return ir::constant(k);
          default: return ir::add(loop.begin, ir::constant(k));
        }
      });
    all.insert(all.end(), copy.begin(), copy.end());
  }
  place->replace_by(std::move(all));
  return true;
}

// ---- sums, products and extremes in chunks ------------------------------------------------------------------------------------

const Place* chunked_loop(const std::vector<Place>& places, Random& random) {
  return drawn(places, random, [&](const Place& place) {
    const auto* loop = place.node<Loop>();
    return loop && chunks_of(*loop).is_chunked;
  });
}

bool rechunk(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = chunked_loop(places, random);
  if (!place) return false;
  Loop& loop = *place->node<Loop>();
  loop.tile = chunks_of(loop).multiple * pick(random, std::array<int64_t, 6>{1, 2, 3, 4, 5, 8});
  if (random.chance(30)) loop.kind = Loop::Kind::pipeline, loop.stages = 2;
  return true;
}

bool one_chunk(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = chunked_loop(places, random);
  if (!place) return false;
  const Loop loop = *place->node<Loop>();
  place->replace_by(with_span(loop.body, loop.variable, loop.begin, loop.extent));
  return true;
}

// The first chunk, or as many as are whole, before the others.
bool split_chunks(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = chunked_loop(places, random);
  if (!place) return false;
  Fresh fresh(program);
  const Loop loop = *place->node<Loop>();
  const IndexExpr n = ir::constant(loop.tile);
  const IndexExpr first = random.chance(50) ? ir::min(n, loop.extent) : ir::mul(ir::floor_div(loop.extent, n), n);
  Block both;
  for (const auto& [begin, extent] :
       {std::pair(loop.begin, first), std::pair(ir::add(loop.begin, first), ir::sub(loop.extent, first))}) {
    Loop part = loop;
    part.begin = ir::constant(0), part.extent = extent;
    part.body = with_span(loop.body, loop.variable, ir::add(begin, ir::span_begin(loop.variable)), ir::span_size(loop.variable));
    both.push_back(fresh.copy({statement(std::move(part))})[0]);
  }
  place->replace_by(std::move(both));
  return true;
}

// The sum, product or extreme of a whole axis in a loop over chunks.
bool chunk(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    const ir::Expr& e = *each.expr;
    const bool is_sum = e.op == Op::row_sum || e.op == Op::row_max || e.op == Op::row_min;
    const bool is_product = e.op == Op::matmul && !e.transpose_a && !e.transpose_b && e.args[1]->op == Op::load;
    return (is_sum || is_product) && e.args[0]->dtype != DType::int32 && !is_continued(each);
  });
  if (!node) return false;
  Fresh fresh(program);
  const ir::ExprPtr whole = pointer_to(*node);
  const ir::ExprPtr& x = whole->args[0];
  const std::string k = fresh("k"), sum = fresh("sum");
  const ir::ExprPtr part = columns_of(x, ir::span_begin(k), ir::span_size(k));
  if (!part || ir::is_one(x->columns)) return false;
  const bool is_bf16 = whole->op == Op::matmul && x->dtype == DType::bf16;
  Loop loop{Loop::Kind::range,
            0,
            k,
            ir::constant(0),
            x->columns,
            is_bf16 ? 32 : pick(random, std::array<int64_t, 5>{3, 8, 16, 32, 64}),
            {},
            {}};
  if (random.chance(30)) loop.kind = Loop::Kind::pipeline, loop.stages = 2;
  const ir::ExprPtr so_far = ir::make_variable(sum, whole->dtype, whole->rows, whole->columns);
  ir::ExprPtr now;
  double start = 0;
  switch (whole->op) {
    case Op::row_sum: now = ir::make_binary(Op::row_sum_acc, so_far, part); break;
    case Op::row_max:
    case Op::row_min: {
      start = whole->op == Op::row_max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
      now = ir::make_binary(whole->op == Op::row_max ? Op::max : Op::min, so_far, ir::make_unary(whole->op, part));
      break;
    }
    default: {
      const ir::ExprPtr rows = rows_of(whole->args[1], ir::span_begin(k), ir::span_size(k));
      if (!rows) return false;
      now = ir::make_matmul_acc(so_far, part, rows, false, false);
    }
  }
  loop.body.push_back({ir::Assign{sum, now, false}, {}, -1});
  replace(*node, so_far);
  const Block before{{ir::Assign{sum, ir::make_constant(whole->dtype, whole->rows, whole->columns, start), true}, {}, -1},
                     statement(std::move(loop))};
  const auto position = node->place.block->begin() + static_cast<std::ptrdiff_t>(node->place.index);
  node->place.block->insert(position, before.begin(), before.end());
  return true;
}

}  // namespace

const std::vector<Rewrite>& rewrites_of_loops() {
  static const std::vector<Rewrite> all = {
      {"other tiles", retile},
      {"all tiles at once", all_at_once},
      {"whole tiles, then a tail", main_and_tail},
      {"the first tile by itself", peel},
      {"tiles in larger tiles", nest},
      {"tiles in tiles as one loop", unnest},
      {"a loop split in two", split},
      {"two loops fused", fuse},
      {"another kind of loop", other_kind},
      {"loops exchanged", exchange},
      {"a loop backwards", reverse},
      {"tiles by their numbers", by_numbers},
      {"a loop unrolled", unroll},
      {"other chunks", rechunk},
      {"one chunk", one_chunk},
      {"chunks in two loops", split_chunks},
      {"in chunks", chunk},
  };
  return all;
}

}  // namespace imbrex::attack
