#include <algorithm>
#include <array>

#include "imbrex/ir/rename.h"
#include "imbrex/ir/visit.h"
#include "rewrites.h"

namespace imbrex::attack {
namespace {

using ir::Axis;
using ir::Block;
using ir::ExprPtr;
using ir::IndexExpr;
using ir::Op;
using ir::Program;
using ir::Statement;
using test::Place;
using test::Random;

std::vector<Axis> whole(const IndexExpr& rows, const IndexExpr& columns) {
  return {{Axis::Kind::range, ir::constant(0), rows, {}}, {Axis::Kind::range, ir::constant(0), columns, {}}};
}

void insert(const Place& place, size_t at, const Block& statements) {
  place.block->insert(place.block->begin() + static_cast<std::ptrdiff_t>(at), statements.begin(), statements.end());
}

bool same_text(const std::vector<Axis>& a, const std::vector<Axis>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Axis& x, const Axis& y) {
    return x.kind == y.kind && x.kind != Axis::Kind::by && ir::to_text(x.begin) == ir::to_text(y.begin) &&
           ir::to_text(x.size) == ir::to_text(y.size);
  });
}

// A part of a value goes through a tensor.
bool stage(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return each.expr->dtype != DType::boolean && !is_continued(each) && each.expr->op != Op::constant && each.parent;
  });
  if (!node) return false;
  const std::string name = Fresh(program)("s");
  const ExprPtr value = pointer_to(*node);
  const ir::Tensor tensor{name, value->dtype, {value->rows, value->columns}, ir::Role::temporary, {}, -1};
  replace(*node, ir::make_load(name, value->dtype, whole(value->rows, value->columns)));
  insert(node->place, node->place.index,
         {{ir::CreateTensor{tensor}, {}, -1}, {ir::Store{name, whole(value->rows, value->columns), value}, {}, -1}});
  return true;
}

// What is stored and loaded again in the same block is handed on as a tile.
bool forward(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place& each) { return each.node<ir::Store>() != nullptr; });
  if (!place) return false;
  const ir::Store store = *place->node<ir::Store>();
  const std::string name = Fresh(program)("v");
  const std::string base = *touched_by(program, place->statement()).writes.begin();
  bool is_used = false;
  for (size_t i = place->index + 1; i < place->block->size(); ++i) {
    Statement& statement = (*place->block)[i];
    if (ExprPtr* value = value_of(statement))
      *value = ir::rewrite(*value, [&](const ExprPtr& e) {
        if (e->op != Op::load || e->name != store.tensor || !same_text(e->slice, store.slice)) return e;
        is_used = true;
        return ir::make_variable(name, e->dtype, e->rows, e->columns);
      });
    if (touched_by(program, statement).writes.contains(base)) break;
  }
  if (!is_used) return false;
  place->node<ir::Store>()->value = ir::make_variable(name, store.value->dtype, store.value->rows, store.value->columns);
  insert(*place, place->index, {{ir::Assign{name, store.value, true}, {}, -1}});
  // Nothing may be left that reads the tensor.
  const Touched now = touched_by(program, program.body);
  if (now.reads.contains(store.tensor) || !now.declares.contains(store.tensor)) return true;
  for (bool is_done = false; !is_done;) {
    is_done = true;
    for (const Place& each : test::places_of(program)) {
      const auto* create = each.node<ir::CreateTensor>();
      const auto* other = each.node<ir::Store>();
      if (!(create && create->tensor.name == store.tensor) && !(other && other->tensor == store.tensor)) continue;
      each.replace_by({});
      is_done = false;
      break;
    }
  }
  return true;
}

// What is put together is stored by its parts.
bool parts_stored_apart(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place& each) {
    const auto* store = each.node<ir::Store>();
    return store && (store->value->op == Op::concat_rows || store->value->op == Op::concat_columns);
  });
  if (!place) return false;
  const Touched touched = touched_by(program, place->statement());
  for (const std::string& tensor : touched.writes)
    if (touched.reads.contains(tensor)) return false;
  const ir::Store store = *place->node<ir::Store>();
  const bool by_rows = store.value->op == Op::concat_rows;
  // The axis of the slice along which the parts lie.
  std::vector<size_t> ranges;
  for (size_t d = 0; d < store.slice.size(); ++d)
    if (store.slice[d].kind == Axis::Kind::range) ranges.push_back(d);
  if (ranges.size() != 2) return false;
  const size_t axis = by_rows ? ranges[0] : ranges[1];
  Block parts;
  IndexExpr begin = store.slice[axis].begin;
  for (const ExprPtr& value : store.value->args) {
    ir::Store part{store.tensor, store.slice, value};
    part.slice[axis].begin = begin;
    part.slice[axis].size = by_rows ? value->rows : value->columns;
    begin = ir::add(begin, part.slice[axis].size);
    parts.push_back({part, {}, -1});
  }
  if (random.chance(50)) std::reverse(parts.begin(), parts.end());
  place->replace_by(std::move(parts));
  return true;
}

bool halves_stored_apart(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place& each) {
    const auto* store = each.node<ir::Store>();
    return store && ir::constant_value(store->value->columns).value_or(1) > 1;
  });
  if (!place) return false;
  const ir::Store store = *place->node<ir::Store>();
  // The second half must not read what the first one wrote.
  const Touched touched = touched_by(program, place->statement());
  for (const std::string& tensor : touched.writes)
    if (touched.reads.contains(tensor)) return false;
  const int64_t columns = *ir::constant_value(store.value->columns), part = random.between(1, columns - 1);
  Block both;
  for (const auto& [begin, size] : {std::pair(int64_t{0}, part), std::pair(part, columns - part)}) {
    const ExprPtr value = columns_of(store.value, ir::constant(begin), ir::constant(size));
    if (!value) return false;
    ir::Store half{store.tensor, store.slice, value};
    bool is_done = false;
    for (size_t d = half.slice.size(); d-- > 0 && !is_done;)
      if (half.slice[d].kind == Axis::Kind::range) {
        half.slice[d].begin = ir::add(half.slice[d].begin, ir::constant(begin));
        half.slice[d].size = ir::constant(size);
        is_done = true;
      }
    if (!is_done) return false;
    both.push_back({half, {}, -1});
  }
  if (random.chance(50)) std::swap(both[0], both[1]);
  place->replace_by(std::move(both));
  return true;
}

// Neighbouring columns stored together.
bool stored_together(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const auto next_store = [](const Place& place) -> ir::Store* {
    return place.index + 1 < place.block->size() ? std::get_if<ir::Store>(&(*place.block)[place.index + 1].node) : nullptr;
  };
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* store = each.node<ir::Store>();
    const auto* next = store ? next_store(each) : nullptr;
    if (!next || next->tensor != store->tensor || store->slice.empty()) return false;
    const Axis &a = store->slice.back(), &b = next->slice.back();
    if (a.kind != Axis::Kind::range || b.kind != Axis::Kind::range) return false;
    std::vector<Axis> rows_a(store->slice.begin(), store->slice.end() - 1), rows_b(next->slice.begin(), next->slice.end() - 1);
    return same_text(rows_a, rows_b) && ir::same(ir::add(a.begin, a.size), b.begin) &&
           !touched_by(program, (*each.block)[each.index + 1]).reads.contains(store->tensor);
  });
  if (!place) return false;
  ir::Store store = *place->node<ir::Store>();
  const ir::Store next = *next_store(*place);
  if (touched_by(program, (*place->block)[place->index + 1])
          .reads.contains(*touched_by(program, place->statement()).writes.begin()))
    return false;
  store.slice.back().size = ir::add(store.slice.back().size, next.slice.back().size);
  store.value = ir::make_concat(Op::concat_columns, {store.value, next.value});
  place->block->erase(place->block->begin() + static_cast<std::ptrdiff_t>(place->index) + 1);
  place->statement().node = std::move(store);
  return true;
}

// Stored first as something else.
bool stored_twice(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* store = each.node<ir::Store>();
    if (!store) return false;
    const Touched touched = touched_by(program, each.statement());
    return !touched.reads.contains(*touched.writes.begin());
  });
  if (!place) return false;
  const ir::Store store = *place->node<ir::Store>();
  const DType dtype = store.value->dtype;
  ExprPtr other = ir::make_constant(DType::f32, store.value->rows, store.value->columns, 1);
  if (dtype != DType::f32) other = ir::make_cast(other, dtype, ir::CastMode::rint);
  insert(*place, place->index, {{ir::Store{store.tensor, store.slice, other}, {}, -1}});
  return true;
}

bool reorder(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    return each.index + 1 < each.block->size() &&
           are_independent(touched_by(program, each.statement()), touched_by(program, (*each.block)[each.index + 1]));
  });
  if (!place) return false;
  std::swap((*place->block)[place->index], (*place->block)[place->index + 1]);
  return true;
}

bool other_names(Program& program, Random& random) {
  std::map<std::string, std::string> names;
  Fresh fresh(program);
  for (const std::string& name : touched_by(program, program.body).declares)
    names[name] = fresh(pick(random, std::array{"a", "tile", "x_new", "r"}));
  program =
      ir::renamed(std::move(program), [&](const std::string& name) { return names.contains(name) ? names.at(name) : name; });
  for (const Place& place : test::places_of(program))
    if (auto* at = place.node<ir::At>()) at->name += " again";
  return true;
}

bool into_scope(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place&) { return true; });
  if (!place) return false;
  const size_t end =
      static_cast<size_t>(random.between(static_cast<int64_t>(place->index) + 1, static_cast<int64_t>(place->block->size())));
  const auto first = place->block->begin() + static_cast<std::ptrdiff_t>(place->index),
             last = place->block->begin() + static_cast<std::ptrdiff_t>(end);
  ir::At at{Fresh(program)("scope"), Block(first, last)};
  const auto next = place->block->erase(first, last);
  place->block->insert(next, {std::move(at), {}, -1});
  return true;
}

bool out_of_scope(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place& each) { return each.node<ir::At>() != nullptr; });
  if (!place) return false;
  Block body = place->node<ir::At>()->body;
  place->replace_by(std::move(body));
  return true;
}

// The same in both branches.
bool both_branches(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [](const Place& each) { return each.node<ir::Store>() || each.node<ir::Loop>(); });
  if (!place || program.dims.empty()) return false;
  const ir::Dim& dim = program.dims[static_cast<size_t>(random.below(static_cast<int64_t>(program.dims.size())))];
  ir::If branch;
  const std::array<ir::Comparison, 3> conditions{
      ir::Comparison{ir::named(dim.name), ir::Compare::gt, ir::constant(random.between(1, 9))},
      ir::Comparison{ir::mod(ir::named(dim.name), ir::constant(2)), ir::Compare::eq, ir::constant(0)},
      ir::Comparison{ir::named(dim.name), ir::Compare::lt, ir::constant(random.between(2, 9))}};
  branch.condition = {pick(random, conditions)};
  branch.then_block = {place->statement()};
  branch.else_block = Fresh(program).copy({place->statement()});
  place->statement() = {std::move(branch), {}, -1};
  return true;
}

// ---- views --------------------------------------------------------------------------------------------------------------------

const ir::Tensor* declared(const Program& program, const std::string& name) {
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

// Loads and stores of one tensor under another shape. Each kind changes a slice, or says that it cannot.
struct Reshaped {
  std::vector<IndexExpr> shape;
  std::optional<std::vector<Axis>> slice;
};
using AsView = std::optional<std::vector<Axis>> (*)(const ir::Tensor&, const std::vector<Axis>&);

// [m, n] as [m, 1, n].
std::optional<std::vector<Axis>> with_axis_of_one(const ir::Tensor&, const std::vector<Axis>& slice) {
  std::vector<Axis> now = slice;
  now.insert(now.begin() + 1, {Axis::Kind::point, ir::constant(0), ir::constant(1), {}});
  return now;
}
// [m, g * n] as [m, g, n], for slices that are one such part.
std::optional<std::vector<Axis>> in_parts(const ir::Tensor& tensor, const std::vector<Axis>& slice) {
  const int64_t n = *ir::constant_value(tensor.shape[1]) / 2;
  const Axis& columns = slice[1];
  const auto begin = ir::constant_value(columns.begin);
  if (columns.kind == Axis::Kind::by || !begin) return std::nullopt;
  const int64_t size = columns.kind == Axis::Kind::point ? 1 : ir::constant_value(columns.size).value_or(0);
  if (size <= 0 || *begin / n != (*begin + size - 1) / n) return std::nullopt;
  Axis inside = columns;
  inside.begin = ir::constant(*begin % n);
  return std::vector<Axis>{slice[0], {Axis::Kind::point, ir::constant(*begin / n), ir::constant(1), {}}, inside};
}
// [m, n] as [m * n], for slices of one row.
std::optional<std::vector<Axis>> flat(const ir::Tensor& tensor, const std::vector<Axis>& slice) {
  if (slice[0].kind != Axis::Kind::point || slice[1].kind == Axis::Kind::by) return std::nullopt;
  Axis now = slice[1];
  now.begin = ir::add(ir::mul(slice[0].begin, tensor.shape[1]), now.begin);
  return std::vector<Axis>{now};
}

bool view(Program& program, Random& random) {
  const std::string name = Fresh(program)("view");
  const auto nodes = nodes_of(program);
  const bool of_store = random.chance(40);
  AsView as = pick(random, std::array<AsView, 3>{with_axis_of_one, in_parts, flat});
  std::string base;
  ir::Tensor tensor;
  const auto change = [&](const std::string& of, std::vector<Axis>& slice) {
    const ir::Tensor* found = declared(program, of);
    if (!found || slice.size() != 2 || (as == in_parts && ir::constant_value(found->shape[1]).value_or(1) % 2 != 0)) return false;
    const auto now = as(*found, slice);
    if (!now) return false;
    slice = *now, base = of, tensor = *found;
    return true;
  };
  if (of_store) {
    const auto places = test::places_of(program);
    const Place* place = drawn(places, random, [&](const Place& each) {
      const auto* store = each.node<ir::Store>();
      return store && declared(program, store->tensor);
    });
    if (!place || !change(place->node<ir::Store>()->tensor, place->node<ir::Store>()->slice)) return false;
    place->node<ir::Store>()->tensor = name;
  } else {
    const Node* node =
        drawn(nodes, random, [&](const Node& each) { return each.expr->op == Op::load && declared(program, each.expr->name); });
    if (!node) return false;
    std::vector<Axis> slice = node->expr->slice;
    if (!change(node->expr->name, slice)) return false;
    replace(*node, ir::make_load(name, node->expr->dtype, slice));
  }
  std::vector<IndexExpr> shape = tensor.shape;
  if (as == with_axis_of_one) shape.insert(shape.begin() + 1, ir::constant(1));
  if (as == in_parts) shape = {shape[0], ir::constant(2), ir::constant(*ir::constant_value(shape[1]) / 2)};
  if (as == flat) shape = {ir::mul(shape[0], shape[1])};
  program.body.insert(program.body.begin(), {ir::View{name, base, shape}, {}, -1});
  return true;
}

// Whole rows by a flat view, and a reshape.
bool flat_rows(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [&](const Node& each) {
    const ir::Tensor* tensor = each.expr->op == Op::load ? declared(program, each.expr->name) : nullptr;
    if (!tensor || tensor->shape.size() != 2 || each.expr->slice[0].kind != Axis::Kind::range) return false;
    const Axis& columns = each.expr->slice[1];
    return columns.kind == Axis::Kind::range && ir::constant_value(columns.begin) == 0 &&
           ir::same(columns.size, tensor->shape[1]);
  });
  if (!node) return false;
  const ir::Tensor tensor = *declared(program, node->expr->name);
  const std::string name = Fresh(program)("flat");
  const Axis& rows = node->expr->slice[0];
  const IndexExpr& n = tensor.shape[1];
  const std::vector<Axis> slice{{Axis::Kind::range, ir::mul(rows.begin, n), ir::mul(rows.size, n), {}}};
  replace(*node, ir::make_reshape(ir::make_load(name, tensor.dtype, slice), rows.size, n));
  program.body.insert(program.body.begin(), {ir::View{name, tensor.name, {ir::mul(tensor.shape[0], n)}}, {}, -1});
  return true;
}

// Whole rows stored by a flat view.
bool flat_store(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Place* place = drawn(places, random, [&](const Place& each) {
    const auto* store = each.node<ir::Store>();
    const ir::Tensor* tensor = store ? declared(program, store->tensor) : nullptr;
    if (!tensor || tensor->shape.size() != 2 || store->slice[0].kind != Axis::Kind::range) return false;
    const Axis& columns = store->slice[1];
    return columns.kind == Axis::Kind::range && ir::constant_value(columns.begin) == 0 &&
           ir::same(columns.size, tensor->shape[1]);
  });
  if (!place) return false;
  ir::Store& store = *place->node<ir::Store>();
  const ir::Tensor tensor = *declared(program, store.tensor);
  const std::string name = Fresh(program)("flat");
  const Axis rows = store.slice[0];
  const IndexExpr& n = tensor.shape[1];
  store.tensor = name;
  store.slice = {{Axis::Kind::range, ir::mul(rows.begin, n), ir::mul(rows.size, n), {}}};
  store.value = ir::make_reshape(store.value, ir::constant(1), ir::mul(rows.size, n));
  program.body.insert(program.body.begin(), {ir::View{name, tensor.name, {ir::mul(tensor.shape[0], n)}}, {}, -1});
  return true;
}

}  // namespace

const std::vector<Rewrite>& rewrites_of_storage() {
  static const std::vector<Rewrite> all = {
      {"staged in a tensor", stage},
      {"handed on as a tile", forward},
      {"halves stored apart", halves_stored_apart},
      {"parts stored apart", parts_stored_apart},
      {"stored together", stored_together},
      {"stored twice", stored_twice},
      {"statements exchanged", reorder},
      {"other names", other_names},
      {"into a scope", into_scope},
      {"out of a scope", out_of_scope},
      {"the same in both branches", both_branches},
      {"a view", view},
      {"rows of a flat view", flat_rows},
      {"rows stored flat", flat_store},
  };
  return all;
}

}  // namespace imbrex::attack
