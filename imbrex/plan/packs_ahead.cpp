#include "imbrex/plan/packs_ahead.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "imbrex/ir/loops.h"
#include "imbrex/ir/visit.h"
#include "imbrex/plan/pack_parts.h"
#include "imbrex/plan/parallel_nest.h"
#include "imbrex/plan/planner.h"

namespace imbrex::plan {
namespace {

using ir::Expr;
using ir::IndexExpr;
using ir::Op;
using ir::Statement;

// What a call may take for one operand, at the usual sizes of the dimensions. A cache of keys of a long context is smaller.
constexpr int64_t kMostBytes = int64_t{1} << 28;

bool has_parallel(const ir::Loop& loop) {
  bool found = loop.kind == ir::Loop::Kind::parallel;
  ir::for_each_statement(loop.body, [&](const Statement& s) {
    const auto* inner = std::get_if<ir::Loop>(&s.node);
    found = found || (inner && inner->kind == ir::Loop::Kind::parallel);
    return !found;
  });
  return found;
}

class Finder {
 public:
  explicit Finder(Planner& planner) : planner_(planner), plan_(planner.plan) {
    for (const auto& [name, tensor] : plan_.symbols.tensors) names_.insert(name);
    for (const auto& [name, tile] : plan_.symbols.tiles) names_.insert(name);
    for (const auto& [name, loop] : plan_.symbols.loops) names_.insert(name);
    names_.insert(plan_.symbols.dims.begin(), plan_.symbols.dims.end());
  }

  PacksAhead run() {
    block(plan_.program->body);
    return std::move(found_);
  }

 private:
  void block(const ir::Block& statements) {
    for (const Statement& s : statements) {
      around_.push_back(&s);
      blocks_.push_back(&statements);
      if (const auto* loop = std::get_if<ir::Loop>(&s.node)) block(loop->body);
      if (const auto* at = std::get_if<ir::At>(&s.node)) block(at->body);
      if (const auto* branch = std::get_if<ir::If>(&s.node)) block(branch->then_block), block(branch->else_block);
      around_.pop_back();
      blocks_.pop_back();
      const auto* assign = std::get_if<ir::Assign>(&s.node);
      if (assign && kind_of(assign->value->op) == ir::OpKind::product) product(s, *assign->value);
    }
  }

  // Loops around the product whose iterations take the same: all of them, or some in a row.
  struct Repeat {
    const ir::Loop* loop;
    int64_t times;  // in a row; 0: all
  };
  struct Place : PackPlace {
    size_t depth = 0;  // of the loop, in around_
    std::vector<Repeat> repeats;
  };

  void product(const Statement& s, const Expr& e) {
    const Expr& right = *e.args.back();
    if (right.op == Op::load && plan_.packed.contains(right.name)) return;
    if (ir::has_scaled_blocks(e.op)) return;  // packs its right side where it takes it
    std::string why;
    std::vector<Place> places = places_of(s, right, why);
    for (; !places.empty(); places.pop_back()) {
      bool is_taken_again = false;
      const std::optional<ir::Comparison> where = taken_again(places.back().repeats, is_taken_again);
      if (!is_taken_again) continue;
      why = pack(s, e, places.back(), where);
      if (why.empty()) return;
    }
    if (!why.empty()) found_.refused[&s] = why;
  }

  // The outermost last; `why` there is none further out, "" where no loop would take the same again.
  std::vector<Place> places_of(const Statement& s, const Expr& right, std::string& why) const {
    std::vector<Place> places;
    std::set<std::string> deciding;  // names in the slice, and in the bounds of the loops that choose it
    for (const ir::Axis& axis : right.slice)
      if (axis.kind != ir::Axis::Kind::by) deciding.merge(ir::names_in(axis.begin)), deciding.merge(ir::names_in(axis.size));
    const size_t first_parallel = outermost_parallel();
    const std::vector<const ir::Loop*> nest = first_parallel < around_.size()
                                                  ? parallel_nest(std::get<ir::Loop>(around_[first_parallel]->node)).loops
                                                  : std::vector<const ir::Loop*>();
    const bool is_by_data =
        std::any_of(right.slice.begin(), right.slice.end(), [](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by; });
    if (is_by_data || !checks_of(plan_, s).empty()) why = "data decides where it lies";
    Place place;
    size_t repeats = 0;
    for (size_t i = around_.size(); i-- > 0;) {
      if (const auto* branch = std::get_if<ir::If>(&around_[i]->node)) {
        place.is_conditional = true;
        if (why.empty() && !is_of_ranges(branch->condition)) why = "a condition decides whether it is taken";
      }
      const auto* loop = std::get_if<ir::Loop>(&around_[i]->node);
      if (!loop) continue;
      const int64_t times = iterations_of_a_part(*loop, right.slice);
      if (why.empty()) why = obstacle(*around_[i], *loop, right, deciding, times == 0);
      if (!why.empty()) {
        // A loop that takes other parts in each iteration has nothing to lose.
        if (times != 1) return places;
        continue;
      }
      place.loops.insert(place.loops.begin(), loop);
      if (times > 0) deciding.merge(ir::names_in(loop->begin)), deciding.merge(ir::names_in(loop->extent));
      if (times != 1) place.repeats.push_back({loop, times});
      // Inside of a phase's loops there is no place.
      const bool in_nest = i > first_parallel && std::find(nest.begin(), nest.end(), loop) != nest.end();
      if (in_nest || place.repeats.size() == repeats) continue;
      repeats = place.repeats.size();
      place.loop = around_[i];
      place.depth = i;
      place.by_all = i <= first_parallel && has_parallel(*loop);
      places.push_back(place);
    }
    why.clear();
    return places;
  }

  // Whether a condition compares indices with limits, so that it holds in many iterations: those below a diagonal, all but the
  // first. One that asks for equality picks few.
  bool is_of_ranges(const ir::Condition& condition) const {
    return std::all_of(condition.begin(), condition.end(), [&](const ir::Comparison& comparison) {
      const std::set<std::string> names = ir::names_in(comparison);
      return comparison.compare != ir::Compare::eq && comparison.compare != ir::Compare::ne &&
             std::all_of(names.begin(), names.end(), [&](const std::string& name) {
               return plan_.symbols.loops.contains(name) || plan_.symbols.dims.contains(name);
             });
    });
  }

  size_t outermost_parallel() const {
    const auto is_parallel = [](const Statement* s) {
      const auto* loop = std::get_if<ir::Loop>(&s->node);
      return loop && loop->kind == ir::Loop::Kind::parallel;
    };
    return static_cast<size_t>(std::find_if(around_.begin(), around_.end(), is_parallel) - around_.begin());
  }

  // Why the operand may be another one, or none, before the loop; "" if it is the same. `deciding`: the names that say where it lies
  // and how much of it is taken.
  std::string obstacle(const Statement& s, const ir::Loop& loop, const Expr& right, const std::set<std::string>& deciding,
                       bool always_same) const {
    std::string why;
    ir::for_each_statement(loop.body, [&](const Statement& inner) {
      const auto* read = std::get_if<ir::ReadIndex>(&inner.node);
      if (const char* what = change_by(inner, right); *what)
        why = fmt::format("it is {} in the loop over {}", what, loop.variable);
      else if (read && deciding.contains(read->name))
        why = fmt::format("{}, which says where it lies, is read in the loop over {}", read->name, loop.variable);
      else if (std::holds_alternative<ir::Assume>(inner.node))
        why = fmt::format("an assumption in the loop over {} may be about it", loop.variable);
      return why.empty();
    });
    if (!why.empty()) return why;
    if (always_same && plan_.bounds.range_of(loop.extent, s).least < 1)
      return fmt::format("the loop over {} may have no iteration", loop.variable);
    return {};
  }

  // What a statement does to a right side after which it is another; "" if it stays.
  const char* change_by(const Statement& s, const Expr& right) const {
    if (right.op != Op::load) {
      const auto* assign = std::get_if<ir::Assign>(&s.node);
      return assign && assign->name == right.name ? "computed" : "";
    }
    const auto storage = [&](const std::string& tensor) { return plan_.symbols.tensors.at(tensor).storage; };
    const auto* store = std::get_if<ir::Store>(&s.node);
    const auto* create = std::get_if<ir::CreateTensor>(&s.node);
    const auto* view = std::get_if<ir::View>(&s.node);
    if (store && storage(store->tensor) == storage(right.name)) return "stored to";
    const bool is_made = (create && create->tensor.name == storage(right.name)) || (view && view->name == right.name);
    return is_made ? "made" : "";
  }

  // Packs it there, or says why not.
  std::string pack(const Statement& s, const Expr& e, const Place& place, const std::optional<ir::Comparison>& where) {
    const Expr &left = *e.args[e.args.size() - 2], &right = *e.args.back();
    std::string why;
    PackParts parts = parts_of_right_side(
        planner_, s, place, [&](const std::string& stem) { return unused(stem); }, why);
    if (!why.empty()) return why;
    PackedPart taken{nullptr, parts.part, {}};
    for (const ir::Loop* loop : place.loops)
      if (iterations_of_a_part(*loop, right.slice) > 0) taken.chosen_by.push_back(loop);
    const target::ProductKernel& kernel = planner_.product_kernel(left.dtype);
    if (const PackAhead* other = same_before(place, kernel, e.transpose_b, parts, where)) {
      taken.of = other;
      found_.of[&s] = taken;
      return {};
    }
    auto ahead = std::make_unique<PackAhead>();
    ahead->product = &s;
    ahead->kernel = &kernel;
    ahead->right = parts.right;
    ahead->part = parts.part_packed;
    ahead->inner = plan_.bounds.elements_along(e.transpose_b ? parts.right->columns : parts.right->rows, s);
    ahead->columns = plan_.bounds.elements_along(e.transpose_b ? parts.right->rows : parts.right->columns, s);
    ahead->most_columns = *plan_.bounds.upper(ahead->columns, s);
    ahead->part_bytes = plan_.bounds.most_bytes(bytes_of_panels(e, ahead->inner, ahead->columns), 1, s);
    ahead->parts = parts.loops;
    ahead->where = where;
    const IndexExpr bytes = ir::mul(parts.count, ahead->part_bytes);
    if (why = too_large(bytes, *place.loop); !why.empty()) return why;
    if (place.by_all && !is_worth_a_barrier(place, bytes, bytes_of(right.dtype)))
      return "waiting for all workers would take longer than it saves";
    const std::string stem = right.op == Op::load ? right.name : std::get<ir::Assign>(s.node).name + "_right";
    ahead->name = fresh((right.op == Op::variable ? right.name : stem) + "_packed");
    for (const ir::Loop* loop : parts.loops) names_.insert(loop->variable);
    ahead->memory = {ahead->name, std::nullopt, bytes, {}, place.by_all ? Arena::shared : Arena::worker};
    taken.of = ahead.get();
    found_.before[place.loop].push_back(ahead.get());
    found_.of[&s] = taken;
    made_.push_back({ahead.get(), std::move(parts), e.transpose_b, blocks_[place.depth], place.loop, place.by_all});
    plan_.ahead.push_back(std::move(ahead));
    return {};
  }

  struct Made {
    const PackAhead* ahead;
    PackParts parts;
    bool transposed;
    const ir::Block* block;  // that holds the loop before which it is
    const Statement* loop;
    bool by_all;
  };

  // What holds the same, packed before the same loop, or by all before an earlier one of its block after which it stays.
  const PackAhead* same_before(const Place& place, const target::ProductKernel& kernel, bool transposed, const PackParts& parts,
                               const std::optional<ir::Comparison>& where) const {
    const auto is_same = [](const ir::Comparison& a, const ir::Comparison& b) {
      return ir::same(a.left, b.left) && a.compare == b.compare && ir::same(a.right, b.right);
    };
    for (const Made& other : made_) {
      const bool is_there = !other.ahead->where || (where && is_same(*other.ahead->where, *where));
      if (!is_there || other.ahead->kernel != &kernel || other.transposed != transposed || !are_same(other.parts, parts))
        continue;
      const bool is_beside = other.block == blocks_[place.depth] && other.by_all && place.by_all;
      if (other.loop == place.loop || (is_beside && stays(other.loop, place.loop, *parts.right))) return other.ahead;
    }
    return nullptr;
  }

  // Whether none of the statements of a block from `begin` to before `end` makes it another one.
  bool stays(const Statement* begin, const Statement* end, const Expr& right) const {
    bool result = true;
    const auto visit = [&](const Statement& s) { return result = result && !*change_by(s, right); };
    for (const Statement* s = begin; s != end && result; ++s) {
      visit(*s);
      if (const auto* loop = std::get_if<ir::Loop>(&s->node)) ir::for_each_statement(loop->body, visit);
      if (const auto* at = std::get_if<ir::At>(&s->node)) ir::for_each_statement(at->body, visit);
      if (const auto* branch = std::get_if<ir::If>(&s->node)) {
        ir::for_each_statement(branch->then_block, visit);
        ir::for_each_statement(branch->else_block, visit);
      }
    }
    return result;
  }

  // Whether no loop around it gives its bounds, so that how often it runs is known before them.
  static bool is_known_before(const ir::Loop& loop, const std::vector<Repeat>& around) {
    const std::set<std::string> names = ir::names_in(loop.extent);
    return std::none_of(around.begin(), around.end(), [&](const Repeat& other) { return names.contains(other.loop->variable); });
  }

  // Where some part is taken more than once; none: always, if it is at all.
  std::optional<ir::Comparison> taken_again(const std::vector<Repeat>& repeats, bool& is_taken_again) const {
    std::vector<const ir::Loop*> open;  // whose number of iterations the call decides
    for (const auto& [loop, in_a_row] : repeats) {
      const auto trips = ir::constant_value(ir::trips_of(*loop));
      if (trips && *trips > 1) {
        is_taken_again = true;
        return std::nullopt;
      }
      if (!trips && is_known_before(*loop, repeats)) open.push_back(loop);
    }
    is_taken_again = !open.empty();
    if (open.empty()) return std::nullopt;
    if (open.size() == 1)
      return ir::Comparison{open[0]->extent, ir::Compare::gt, ir::constant(std::max<int64_t>(1, open[0]->tile))};
    IndexExpr times = ir::constant(1);
    for (const ir::Loop* loop : open) times = ir::mul(times, ir::trips_of(*loop));
    return ir::Comparison{times, ir::Compare::gt, ir::constant(1)};
  }

  std::string too_large(const IndexExpr& bytes, const Statement& loop) const {
    if (!plan_.bounds.upper(bytes, loop)) return "no dimension bounds how much of it is taken";
    const IndexExpr most = plan_.bounds.most_bytes(bytes, 1, loop);
    const auto usual = usually(most);
    if (usual && *usual <= kMostBytes) return {};
    return fmt::format("all of it takes {} bytes packed, more than {}", usual ? std::to_string(*usual) : ir::to_text(most),
                       kMostBytes);
  }

  // Over dimensions alone, at their usual values; none where it leaves 64 bits.
  std::optional<int64_t> usually(const IndexExpr& e) const {
    return ir::checked_evaluate(e, [&](const ir::Index& leaf) {
      const auto& dims = plan_.program->dims;
      return std::find_if(dims.begin(), dims.end(), [&](const ir::Dim& dim) { return dim.name == leaf.name; })->usual();
    });
  }

  // What is packed again where it is taken, by all cores together, takes longer than a barrier. That it is taken twice at least is
  // asked at run time.
  bool is_worth_a_barrier(const Place& place, const IndexExpr& bytes, int64_t bytes_of_element) const {
    const target::Rates& rates = planner_.machine.rates;
    double times = 1;
    for (const auto& [loop, in_a_row] : place.repeats) {
      if (!is_known_before(*loop, place.repeats)) continue;
      const auto most = plan_.bounds.upper(ir::trips_of(*loop), *place.loop);
      const int64_t trips = most ? usually(*most).value_or(1) : 1;
      times *= static_cast<double>(std::max<int64_t>(1, in_a_row > 0 ? std::min(trips, in_a_row) : trips));
    }
    const auto packed = usually(plan_.bounds.most_bytes(bytes, 1, *place.loop));
    const double seconds = kOperationsToPack * static_cast<double>(packed.value_or(0) / bytes_of_element) / rates.vector;
    return (std::max(times, 2.0) - 1) * seconds / rates.cores > rates.barrier;
  }

  // So is the name of the loop over its panels.
  std::string fresh(const std::string& stem) {
    std::string name = stem;
    for (int i = 2; names_.contains(name) || names_.contains(panel_of(name)); ++i) name = fmt::format("{}_{}", stem, i);
    names_.insert({name, panel_of(name)});
    return name;
  }

  std::string unused(const std::string& stem) const {
    std::string name = stem;
    for (int i = 2; names_.contains(name); ++i) name = fmt::format("{}_{}", stem, i);
    return name;
  }

  Planner& planner_;
  Plan& plan_;
  std::set<std::string> names_;
  std::vector<const Statement*> around_;
  std::vector<const ir::Block*> blocks_;  // that hold them
  std::vector<Made> made_;
  PacksAhead found_;
};

}  // namespace

PacksAhead find_packs_ahead(Planner& planner) { return Finder(planner).run(); }

}  // namespace imbrex::plan
