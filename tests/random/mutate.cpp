#include "random/mutate.h"

#include <functional>
#include <set>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "random/places.h"
#include "random/random_kernel.h"

namespace imbrex::test {
namespace {

using ir::Axis;
using ir::Block;
using ir::IndexExpr;
using ir::Loop;
using ir::Statement;

// A way to break a program: changes what is at the place, or returns false where there is nothing of its kind. `variant` counts
// from 0 through the ways to do it there.
struct Breakage {
  const char* what;
  int variants;
  std::function<bool(const Place&, int variant)> apply;
};

bool drop_store(const Place& place, int) {
  if (!place.node<ir::Store>()) return false;
  place.replace_by({});
  return true;
}

bool drop_guard(const Place& place, int variant) {
  const auto* branch = place.node<ir::If>();
  if (!branch) return false;
  place.replace_by(Block(variant == 0 ? branch->then_block : branch->else_block));
  return true;
}

bool drop_else(const Place& place, int) {
  auto* branch = place.node<ir::If>();
  if (!branch || branch->else_block.empty()) return false;
  branch->else_block.clear();
  return true;
}

bool change_comparison(const Place& place, int) {
  auto* branch = place.node<ir::If>();
  if (!branch) return false;
  ir::Compare& compare = branch->condition.front().compare;
  switch (compare) {
    case ir::Compare::lt: compare = ir::Compare::le; break;
    case ir::Compare::le: compare = ir::Compare::lt; break;
    case ir::Compare::eq: compare = ir::Compare::gt; break;
    case ir::Compare::ne: compare = ir::Compare::gt; break;
    case ir::Compare::ge: compare = ir::Compare::gt; break;
    case ir::Compare::gt: compare = ir::Compare::ge; break;
  }
  return true;
}

// Variants: axis 0, 1, 2 by +1, then by -1.
bool shift(std::vector<Axis>& slice, int variant) {
  const size_t axis = static_cast<size_t>(variant % 3);
  if (axis >= slice.size() || slice[axis].kind == Axis::Kind::by) return false;
  slice[axis].begin = ir::add(slice[axis].begin, ir::constant(variant < 3 ? 1 : -1));
  return true;
}

// Changes the first slice that a statement loads.
bool change_load(Statement& statement, const std::function<bool(std::vector<Axis>&)>& change) {
  ir::ExprPtr* value = nullptr;
  if (auto* store = std::get_if<ir::Store>(&statement.node)) value = &store->value;
  if (auto* assign = std::get_if<ir::Assign>(&statement.node)) value = &assign->value;
  if (!value) return false;
  bool done = false;
  *value = ir::rewrite(*value, [&](const ir::ExprPtr& e) {
    if (done || e->op != ir::Op::load) return e;
    std::vector<Axis> slice = e->slice;
    done = change(slice);
    return done ? ir::make_load(e->name, e->dtype, std::move(slice)) : e;
  });
  return done;
}

bool shift_store(const Place& place, int variant) {
  auto* store = place.node<ir::Store>();
  return store && shift(store->slice, variant);
}

bool shift_load(const Place& place, int variant) {
  return change_load(place.statement(), [&](std::vector<Axis>& slice) { return shift(slice, variant); });
}

// The first product with a constant gets another constant.
bool change_stride(IndexExpr& e, int64_t by) {
  if (!e) return false;
  if (e->kind == ir::Index::Kind::mul && (ir::constant_value(e->a) || ir::constant_value(e->b))) {
    const bool first = ir::constant_value(e->a).has_value();
    e = ir::mul(first ? e->b : e->a, ir::constant(*ir::constant_value(first ? e->a : e->b) + by));
    return true;
  }
  if (!e->a) return false;
  IndexExpr a = e->a, b = e->b;
  if (!change_stride(a, by) && !change_stride(b, by)) return false;
  ir::Index changed = *e;
  changed.a = a, changed.b = b;
  e = std::make_shared<const ir::Index>(std::move(changed));
  return true;
}

bool change_stride(std::vector<Axis>& slice, int variant) {
  for (Axis& axis : slice)
    if (axis.kind != Axis::Kind::by && change_stride(axis.begin, variant == 0 ? -1 : 1)) return true;
  return false;
}

bool change_store_stride(const Place& place, int variant) {
  auto* store = place.node<ir::Store>();
  return store && change_stride(store->slice, variant);
}

bool change_load_stride(const Place& place, int variant) {
  return change_load(place.statement(), [&](std::vector<Axis>& slice) { return change_stride(slice, variant); });
}

bool exchange_axes(const Place& place, int variant) {
  auto* store = place.node<ir::Store>();
  const size_t first = static_cast<size_t>(variant);
  if (!store || first + 1 >= store->slice.size()) return false;
  std::swap(store->slice[first], store->slice[first + 1]);
  return true;
}

bool exchange_view_axes(const Place& place, int variant) {
  auto* view = place.node<ir::View>();
  const size_t first = static_cast<size_t>(variant);
  if (!view || first + 1 >= view->shape.size()) return false;
  std::swap(view->shape[first], view->shape[first + 1]);
  return true;
}

// The store goes where that of the loop's first iteration goes.
bool forget_loop(const Place& place, int) {
  auto* store = place.node<ir::Store>();
  const auto around = place.loop();
  if (!store || !around) return false;
  const Loop& loop = std::get<Loop>((*around->first)[around->second].node);
  bool done = false;
  const auto first = [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
    if (leaf.name != loop.variable || leaf.kind == ir::Index::Kind::span_size) return std::nullopt;
    done = true;
    return leaf.kind == ir::Index::Kind::span_index ? ir::constant(0) : loop.begin;
  };
  for (Axis& axis : store->slice)
    if (axis.kind != Axis::Kind::by) axis.begin = ir::substitute(axis.begin, first);
  return done;
}

bool shorten_loop(const Place& place, int) {
  auto* loop = place.node<Loop>();
  if (!loop || !loop->of_span.empty()) return false;
  loop->extent = ir::sub(loop->extent, ir::constant(1));
  return true;
}

bool lengthen_loop(const Place& place, int) {
  auto* loop = place.node<Loop>();
  if (!loop || !loop->of_span.empty()) return false;
  loop->extent = ir::add(loop->extent, ir::constant(1));
  return true;
}

bool start_loop_late(const Place& place, int) {
  auto* loop = place.node<Loop>();
  if (!loop || loop->tile > 0) return false;
  loop->begin = ir::add(loop->begin, ir::constant(1));
  loop->extent = ir::sub(loop->extent, ir::constant(1));
  return true;
}

bool change_tile(const Place& place, int variant) {
  auto* loop = place.node<Loop>();
  if (!loop || loop->tile == 0 || (variant == 1 && loop->tile == 1)) return false;
  loop->tile += variant == 0 ? 1 : -1;
  return true;
}

bool claim_parallel(const Place& place, int) {
  auto* loop = place.node<Loop>();
  if (!loop || loop->kind == Loop::Kind::parallel) return false;
  loop->kind = Loop::Kind::parallel;
  loop->stages = 0;
  return true;
}

bool hoist_scratch(const Place& place, int) {
  const auto around = place.loop();
  if (!place.node<ir::CreateTensor>() || !around) return false;
  Statement create = std::move(place.statement());
  place.block->erase(place.block->begin() + static_cast<std::ptrdiff_t>(place.index));
  around->first->insert(around->first->begin() + static_cast<std::ptrdiff_t>(around->second), std::move(create));
  return true;
}

bool exchange_with_next(const Place& place, int) {
  if (place.index + 1 >= place.block->size()) return false;
  std::swap((*place.block)[place.index], (*place.block)[place.index + 1]);
  return true;
}

const std::vector<Breakage>& breakages() {
  static const std::vector<Breakage> all = {
      {"a store dropped", 1, drop_store},
      {"a guard dropped", 2, drop_guard},
      {"an else dropped", 1, drop_else},
      {"a comparison changed", 1, change_comparison},
      {"a store's offset shifted", 6, shift_store},
      {"a load's offset shifted", 6, shift_load},
      {"a store's stride changed", 2, change_store_stride},
      {"a load's stride changed", 2, change_load_stride},
      {"axes of a store exchanged", 2, exchange_axes},
      {"axes of a view exchanged", 2, exchange_view_axes},
      {"a store that forgets its loop", 1, forget_loop},
      {"a loop shortened", 1, shorten_loop},
      {"a loop lengthened", 1, lengthen_loop},
      {"a loop that starts late", 1, start_loop_late},
      {"a tile size changed", 2, change_tile},
      {"parallel claimed", 1, claim_parallel},
      {"a scratch tensor hoisted", 1, hoist_scratch},
      {"statements exchanged", 1, exchange_with_next},
  };
  return all;
}

}  // namespace

std::vector<Mutant> mutants_of(const ir::Program& program, size_t most, uint64_t seed) {
  struct Choice {
    size_t statement;
    const Breakage* breakage;
    int variant;
  };
  size_t statements = 0;
  ir::for_each_statement(program.body, [&](const Statement&) { return ++statements, true; });
  std::vector<Choice> choices;
  for (size_t k = 0; k < statements; ++k)
    for (const Breakage& breakage : breakages())
      for (int variant = 0; variant < breakage.variants; ++variant) choices.push_back({k, &breakage, variant});
  Random random(seed);
  for (size_t k = choices.size(); k > 1; --k)
    std::swap(choices[k - 1], choices[static_cast<size_t>(random.below(static_cast<int64_t>(k)))]);

  std::vector<Mutant> mutants;
  std::set<std::string> texts{ir::print(program)};
  for (const Choice& choice : choices) {
    if (mutants.size() == most) break;
    ir::Program changed = program;
    const std::vector<Place> places = places_of(changed);
    try {
      if (!choice.breakage->apply(places[choice.statement], choice.variant)) continue;
      std::string text = ir::print(changed);
      if (!texts.insert(text).second) continue;
      ir::Program mutant = ir::parse(text, "mutant.tile");
      if (ir::verify(mutant).empty()) mutants.push_back({choice.breakage->what, std::move(mutant), std::move(text)});
    } catch (const UserError&) {
      // What does not parse, or has no shape, is no mutant.
    }
  }
  return mutants;
}

}  // namespace imbrex::test
