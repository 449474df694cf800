#include "imbrex/plan/packs_ahead.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "imbrex/ir/visit.h"
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

IndexExpr trips_of(const ir::Loop& loop) {
  return loop.tile > 0 ? ir::ceil_div(loop.extent, ir::constant(loop.tile)) : loop.extent;
}

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
      if (const auto* loop = std::get_if<ir::Loop>(&s.node)) block(loop->body);
      if (const auto* at = std::get_if<ir::At>(&s.node)) block(at->body);
      if (const auto* branch = std::get_if<ir::If>(&s.node)) block(branch->then_block), block(branch->else_block);
      around_.pop_back();
      const auto* assign = std::get_if<ir::Assign>(&s.node);
      if (assign && kind_of(assign->value->op) == ir::OpKind::product) product(s, *assign->value);
    }
  }

  // A place for the pack: before a loop around the product.
  struct Place {
    const Statement* loop = nullptr;
    std::vector<const ir::Loop*> parts, repeats;  // the loops from there to the product: that choose a part, and others
    bool by_all = false;                          // all workers come there
  };

  void product(const Statement& s, const Expr& e) {
    const Expr& right = *e.args.back();
    if (right.op == Op::load && plan_.packed.contains(right.name)) return;
    if (e.op == Op::matmul_scaled) return;  // packs its right side where it takes it
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
    std::set<std::string> chosen_by, bounds;  // names in the slice, and in the bounds of the loops that choose it
    for (const ir::Axis& axis : right.slice) {
      chosen_by.merge(ir::names_in(axis.begin));
      chosen_by.merge(ir::names_in(axis.size));
    }
    const size_t first_parallel = outermost_parallel();
    const std::vector<const ir::Loop*> nest = first_parallel < around_.size()
                                                  ? parallel_nest(std::get<ir::Loop>(around_[first_parallel]->node)).loops
                                                  : std::vector<const ir::Loop*>();
    if (!checks_of(plan_, s).empty()) why = "data decides where it lies";
    Place place;
    size_t repeats = 0;
    for (size_t i = around_.size(); i-- > 0;) {
      const auto* loop = std::get_if<ir::Loop>(&around_[i]->node);
      if (std::holds_alternative<ir::If>(around_[i]->node) && why.empty()) why = "a condition decides whether it is taken";
      if (!loop) continue;
      const bool chooses = chosen_by.contains(loop->variable);
      if (why.empty()) why = obstacle(*around_[i], *loop, right, chosen_by, bounds, chooses);
      if (!why.empty()) {
        // A loop that takes other parts in each iteration has nothing to lose.
        if (!chooses) return places;
        continue;
      }
      if (chooses) {
        place.parts.insert(place.parts.begin(), loop);
        bounds.merge(ir::names_in(loop->begin));
        bounds.merge(ir::names_in(loop->extent));
      } else {
        place.repeats.push_back(loop);
      }
      // Inside of a phase's loops there is no place.
      const bool in_nest = i > first_parallel && std::find(nest.begin(), nest.end(), loop) != nest.end();
      if (in_nest || place.repeats.size() == repeats) continue;
      repeats = place.repeats.size();
      place.loop = around_[i];
      place.by_all = i <= first_parallel && has_parallel(*loop);
      places.push_back(place);
    }
    why.clear();
    return places;
  }

  size_t outermost_parallel() const {
    const auto is_parallel = [](const Statement* s) {
      const auto* loop = std::get_if<ir::Loop>(&s->node);
      return loop && loop->kind == ir::Loop::Kind::parallel;
    };
    return static_cast<size_t>(std::find_if(around_.begin(), around_.end(), is_parallel) - around_.begin());
  }

  // Why the operand may be another one, or none, before the loop; "" if it is the same.
  std::string obstacle(const Statement& s, const ir::Loop& loop, const Expr& right, const std::set<std::string>& chosen_by,
                       const std::set<std::string>& bounds, bool chooses) const {
    const bool is_tensor = right.op == Op::load;
    const auto storage = [&](const std::string& tensor) { return plan_.symbols.tensors.at(tensor).storage; };
    std::string why;
    ir::for_each_statement(loop.body, [&](const Statement& inner) {
      const auto* store = std::get_if<ir::Store>(&inner.node);
      const auto* assign = std::get_if<ir::Assign>(&inner.node);
      const auto* create = std::get_if<ir::CreateTensor>(&inner.node);
      const auto* view = std::get_if<ir::View>(&inner.node);
      const auto* read = std::get_if<ir::ReadIndex>(&inner.node);
      if (store && is_tensor && storage(store->tensor) == storage(right.name))
        why = fmt::format("it is stored to in the loop over {}", loop.variable);
      else if (assign && !is_tensor && assign->name == right.name)
        why = fmt::format("it is computed in the loop over {}", loop.variable);
      else if (is_tensor && ((create && create->tensor.name == storage(right.name)) || (view && view->name == right.name)))
        why = fmt::format("it is made in the loop over {}", loop.variable);
      else if (read && (chosen_by.contains(read->name) || bounds.contains(read->name)))
        why = fmt::format("{}, which says where it lies, is read in the loop over {}", read->name, loop.variable);
      else if (std::holds_alternative<ir::Assume>(inner.node))
        why = fmt::format("what is assumed in the loop over {} may be of it", loop.variable);
      return why.empty();
    });
    if (!why.empty()) return why;
    if (bounds.contains(loop.variable)) return fmt::format("how much of it is taken depends on {}", loop.variable);
    if (!chooses && plan_.bounds.range_of(loop.extent, s).least < 1)
      return fmt::format("the loop over {} may have no iteration", loop.variable);
    return {};
  }

  // Packs it there, or says why not.
  std::string pack(const Statement& s, const Expr& e, const Place& place, const std::optional<ir::Comparison>& where) {
    const Expr &left = *e.args[e.args.size() - 2], &right = *e.args.back();
    auto ahead = std::make_unique<PackAhead>();
    ahead->product = &s;
    ahead->kernel = &planner_.product_kernel(left.dtype);
    ahead->parts = place.parts;
    ahead->inner = plan_.bounds.elements_along(e.transpose_a ? left.rows : left.columns, s);
    ahead->columns = plan_.bounds.elements_along(e.columns, s);
    ahead->part_bytes = plan_.bounds.most_bytes(bytes_of_panels(e, ahead->inner, ahead->columns), 1, s);
    ahead->part = ir::constant(0);
    IndexExpr parts = ir::constant(1);
    for (const ir::Loop* loop : place.parts) {
      const IndexExpr trips = plan_.bounds.elements_along(trips_of(*loop), *place.loop);
      const IndexExpr number = loop->tile > 0 ? ir::span_index(loop->variable) : ir::sub(ir::named(loop->variable), loop->begin);
      ahead->part = ir::add(ir::mul(ahead->part, trips), number);
      parts = ir::mul(parts, trips);
    }
    ahead->where = where;
    const IndexExpr bytes = ir::mul(parts, ahead->part_bytes);
    if (std::string why = too_large(bytes, *place.loop); !why.empty()) return why;
    if (place.by_all && !is_worth_a_barrier(place, bytes, bytes_of(right.dtype)))
      return "all workers would wait for each other longer than it takes";
    std::vector<PackAhead*>& here = found_.before[place.loop];
    for (PackAhead* other : here)
      if (is_same(*other, *ahead)) {
        found_.of[&s] = other;
        return {};
      }
    const std::string stem = right.op == Op::load ? right.name : std::get<ir::Assign>(s.node).name + "_right";
    ahead->name = fresh((right.op == Op::variable ? right.name : stem) + "_packed");
    ahead->memory = {ahead->name, std::nullopt, bytes, {}, place.by_all ? Arena::shared : Arena::worker};
    here.push_back(ahead.get());
    found_.of[&s] = ahead.get();
    plan_.ahead.push_back(std::move(ahead));
    return {};
  }

  // Whether no loop around it gives its bounds, so that how often it runs is known before them.
  static bool is_known_before(const ir::Loop& loop, const std::vector<const ir::Loop*>& around) {
    const std::set<std::string> names = ir::names_in(loop.extent);
    return std::none_of(around.begin(), around.end(), [&](const ir::Loop* other) { return names.contains(other->variable); });
  }

  // Where some part is taken more than once; none: always, if it is at all.
  std::optional<ir::Comparison> taken_again(const std::vector<const ir::Loop*>& repeats, bool& is_taken_again) const {
    std::vector<const ir::Loop*> open;  // whose number of iterations the call decides
    for (const ir::Loop* loop : repeats) {
      const auto trips = ir::constant_value(trips_of(*loop));
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
    for (const ir::Loop* loop : open) times = ir::mul(times, trips_of(*loop));
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
    for (const ir::Loop* loop : place.repeats) {
      if (!is_known_before(*loop, place.repeats)) continue;
      const auto most = plan_.bounds.upper(trips_of(*loop), *place.loop);
      if (most) times *= static_cast<double>(std::max<int64_t>(1, usually(*most).value_or(1)));
    }
    const auto packed = usually(plan_.bounds.most_bytes(bytes, 1, *place.loop));
    const double seconds = kOperationsToPack * static_cast<double>(packed.value_or(0) / bytes_of_element) / rates.vector;
    return (std::max(times, 2.0) - 1) * seconds / rates.cores > rates.barrier;
  }

  static bool is_same(const PackAhead& a, const PackAhead& b) {
    const auto product = [](const PackAhead& ahead) { return std::get<ir::Assign>(ahead.product->node).value; };
    const auto right = [&](const PackAhead& ahead) { return product(ahead)->args.back(); };
    const bool same_where =
        !a.where || (b.where && ir::same(a.where->left, b.where->left) && ir::same(a.where->right, b.where->right));
    return same_where && a.kernel == b.kernel && a.parts == b.parts && ir::equal(right(a), right(b)) &&
           product(a)->transpose_b == product(b)->transpose_b && ir::same(a.inner, b.inner);
  }

  // So is the name of the loop over its panels.
  std::string fresh(const std::string& stem) {
    std::string name = stem;
    for (int i = 2; names_.contains(name) || names_.contains(panel_of(name)); ++i) name = fmt::format("{}_{}", stem, i);
    names_.insert({name, panel_of(name)});
    return name;
  }

  Planner& planner_;
  Plan& plan_;
  std::set<std::string> names_;
  std::vector<const Statement*> around_;
  PacksAhead found_;
};

}  // namespace

PacksAhead find_packs_ahead(Planner& planner) { return Finder(planner).run(); }

}  // namespace imbrex::plan
