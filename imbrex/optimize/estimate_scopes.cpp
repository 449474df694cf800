#include "imbrex/optimize/estimate_scopes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/ir/work.h"
#include "imbrex/optimize/schedule.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/plan/packs_ahead.h"
#include "imbrex/plan/rows_in_tiles.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;

// What it takes to bring an element of a left side into tiles, where it does not lie so, in operations on an element of a vector.
constexpr double kOperationsToTile = 8;

class Estimator {
 public:
  Estimator(const plan::Plan& plan, const std::map<std::string, int64_t>& dims, const target::Machine& machine, bool with_tiling)
      : plan_(plan),
        program_(*plan.program),
        dims_(dims),
        machine_(machine),
        with_tiling_(with_tiling),
        in_tiles_(plan::stored_in_tiles(program_, [&](DType left, DType) { return takes_tiles(left); })) {
    for (const ir::Tensor& tensor : program_.tensors) tensors_[tensor.name] = tensor;
    ir::for_each_statement(program_.body, [&](const ir::Statement& statement) {
      if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) tensors_[create->tensor.name] = create->tensor;
      return true;
    });
  }

  std::vector<ScopeCost> run() {
    nodes(plan_.body.nodes);
    for (ScopeCost& scope : scopes_) scope.estimate = estimate(scope.work, machine_);
    return std::move(scopes_);
  }

 private:
  // ---- sizes: a span counts as its tile where a loop decides, and as all of its axis where the loop is summed up --------------

  double value(const IndexExpr& e, const std::function<double(const std::string&)>& size_of_span) const {
    using Kind = ir::Index::Kind;
    switch (e->kind) {
      case Kind::constant: return static_cast<double>(e->value);
      case Kind::name: return dims_.contains(e->name) ? static_cast<double>(dims_.at(e->name)) : begin_of(e->name, size_of_span);
      case Kind::span_size: return size_of_span(e->name);
      case Kind::span_begin: return begin_of(e->name, size_of_span);
      case Kind::span_index: return iteration_.contains(e->name) ? iteration_.at(e->name) : 0;
      default: break;
    }
    const double a = value(e->a, size_of_span), b = value(e->b, size_of_span);
    switch (e->kind) {
      case Kind::add: return a + b;
      case Kind::sub: return a - b;
      case Kind::mul: return a * b;
      case Kind::floor_div: return b != 0 ? std::floor(a / b) : 0;
      case Kind::mod: return b != 0 ? a - b * std::floor(a / b) : 0;
      case Kind::min: return std::min(a, b);
      default: return std::max(a, b);
    }
  }

  // Of an iteration that is gone through; 0 of the others, which count as the first.
  double begin_of(const std::string& variable, const std::function<double(const std::string&)>& size_of_span) const {
    const ir::Loop* loop = loop_named(variable);
    if (!loop || !iteration_.contains(variable)) return 0;
    return value(loop->begin, size_of_span) + iteration_.at(variable) * static_cast<double>(std::max<int64_t>(1, loop->tile));
  }

  static bool names_iteration(const IndexExpr& e, const std::string& variable) {
    using Kind = ir::Index::Kind;
    if (!e) return false;
    if (e->kind == Kind::name || e->kind == Kind::span_begin || e->kind == Kind::span_index) return e->name == variable;
    return names_iteration(e->a, variable) || names_iteration(e->b, variable);
  }

  const ir::Loop* loop_named(const std::string& variable) const {
    for (const ir::Loop* loop : loops_)
      if (loop->variable == variable) return loop;
    return nullptr;
  }

  double extent_of(const ir::Loop& loop) const {
    return std::max(0.0, value(loop.extent, [&](const auto& s) { return tile_of(s); }));
  }
  double tile_of(const std::string& span) const {
    const ir::Loop* loop = loop_named(span);
    if (!loop || loop->tile == 0) return 1;
    return std::min(static_cast<double>(loop->tile), extent_of(*loop));
  }
  double trips_of(const ir::Loop& loop) const {
    const double extent = extent_of(loop);
    return loop.tile > 0 ? std::ceil(extent / static_cast<double>(loop.tile)) : extent;
  }

  // The sum of rows * columns (* inner) over all iterations of the open loops.
  double total(const std::vector<IndexExpr>& factors) {
    // Iterations that say themselves how much they take (`min(4, T - 4 * i)`) are gone through one by one, where they are few.
    for (const ir::Loop* loop : loops_) {
      const std::string& variable = loop->variable;
      const bool differs =
          std::any_of(factors.begin(), factors.end(), [&](const auto& e) { return names_iteration(e, variable); });
      if (!differs || iteration_.contains(variable) || trips_of(*loop) > kMostIterations) continue;
      double sum = 0;
      for (double i = 0, trips = trips_of(*loop); i < trips; ++i) {
        iteration_[variable] = i;
        sum += total(factors);
      }
      iteration_.erase(variable);
      return sum;
    }
    std::set<std::string> summed;
    double result = 1;
    for (const IndexExpr& factor : factors)
      result *=
          std::max(0.0, value(factor, [&](const std::string& span) {
                     const ir::Loop* loop = loop_named(span);
                     if (loop && iteration_.contains(span))
                       return std::min(tile_of(span), extent_of(*loop) - iteration_.at(span) * static_cast<double>(loop->tile));
                     if (!loop || !summed.insert(span).second) return tile_of(span);
                     return extent_of(*loop);
                   }));
    for (const ir::Loop* loop : loops_)
      if (!summed.contains(loop->variable) && !iteration_.contains(loop->variable)) result *= trips_of(*loop);
    return result;
  }

  // ---- memory -----------------------------------------------------------------------------------------------------------------

  double bytes_of_tensor(const ir::Tensor& tensor) const {
    double bytes = bytes_of(tensor.dtype);
    for (const IndexExpr& extent : tensor.shape) bytes *= std::max(0.0, value(extent, [](const auto&) { return 1.0; }));
    return bytes;
  }

  // One slice under the open loops: each element once from where it lies, then again for each loop that does not choose it.
  void touch(const std::string& name, const std::vector<ir::Axis>& slice, bool is_store) {
    const auto found = tensors_.find(plan_.symbols.tensors.at(name).storage);
    if (found == tensors_.end()) return;
    const ir::Tensor& tensor = found->second;
    const double element = bytes_of(tensor.dtype);
    const double whole = bytes_of_tensor(tensor);
    std::vector<const ir::Loop*> choosing;
    double unique = element;
    for (const ir::Axis& axis : slice) {
      if (axis.kind == ir::Axis::Kind::by) continue;
      std::set<std::string> names = ir::names_in(axis.begin);
      names.merge(ir::names_in(axis.size));
      double length = std::max(0.0, value(axis.size, [&](const std::string& span) { return tile_of(span); }));
      for (const ir::Loop* loop : loops_) {
        if (!names.contains(loop->variable)) continue;
        choosing.push_back(loop);
        length = loop->tile > 0 && length == tile_of(loop->variable) ? extent_of(*loop) : length * trips_of(*loop);
      }
      unique *= length;
    }
    touch_elements(tensor.name + (is_store ? " stored" : "") + slice_key(slice), std::min(unique, whole), whole,
                   tensor.role == ir::Role::temporary, choosing, is_store);
  }

  // The same of the memory of what is packed ahead: a product reads parts of it, a pack stores them.
  void touch(const plan::PackAhead& ahead, const std::vector<const ir::Loop*>& chosen_by, bool is_store) {
    const ir::Expr& right = *ahead.right;
    std::vector<const ir::Loop*> loops;
    std::swap(loops, loops_);
    loops_ = ahead.parts;
    const double bytes = bytes_of(right.dtype) * total({right.rows, right.columns});
    loops_ = std::move(loops);
    touch_elements(ahead.name + (is_store ? " stored" : ""), bytes, bytes, true, chosen_by, is_store);
  }

  void touch_elements(const std::string& key, double unique, double whole, bool is_temporary,
                      const std::vector<const ir::Loop*>& choosing, bool is_store) {
    ScopeCost& scope = scopes_[scope_];
    if (!touched_.insert({scope_, key}).second) return;
    const bool from_memory = !is_temporary || whole > static_cast<double>(machine_.rates.l3_bytes) / 2;
    (from_memory ? scope.work.memory : scope.work.l3) += unique;
    scope.bytes += from_memory ? unique : 0;
    if (is_store) return;
    // Slowest first: what is inside of a loop that does not choose elements is read again in each of its iterations.
    double repeats = 1, footprint = unique;
    for (const ir::Loop* loop : by_speed()) {
      if (std::find(choosing.begin(), choosing.end(), loop) != choosing.end()) {
        footprint /= std::max(1.0, trips_of(*loop));
        continue;
      }
      const double trips = trips_of(*loop);
      add_reading(scope.work, unique * repeats * (trips - 1), footprint, machine_);
      repeats *= trips;
    }
  }

  // The open loops, the fastest last: of nested `parallel` loops that is the outermost (plan/task_order.h).
  std::vector<const ir::Loop*> by_speed() const {
    std::vector<const ir::Loop*> loops = loops_;
    const auto is_serial = [](const ir::Loop* loop) { return loop->kind != ir::Loop::Kind::parallel; };
    std::reverse(loops.begin(), std::find_if(loops.begin(), loops.end(), is_serial));
    return loops;
  }

  static std::string slice_key(const std::vector<ir::Axis>& slice) {
    std::string key;
    for (const ir::Axis& axis : slice)
      key += axis.kind == ir::Axis::Kind::by ? axis.tile : " " + ir::to_text(axis.begin) + ":" + ir::to_text(axis.size);
    return key;
  }

  // ---- statements -------------------------------------------------------------------------------------------------------------

  void expression(const ir::ExprPtr& e) {
    ScopeCost& scope = scopes_[scope_];
    const ir::OperationCount count = ir::operations_of(*e);
    const double elements = count.extents.empty() ? 0 : total(count.extents), operations = count.each * elements;
    scope.operations += operations;
    if (e->op == ir::Op::load) touch(e->name, e->slice, false);
    if (kind_of(e->op) == ir::OpKind::product) {
      const ir::Expr& a = *e->args[e->args.size() - 2];
      scope.work.of(target::product_of(ir::multiplied_as(*e))) += operations / 2;
      if (with_tiling_ && e->op != ir::Op::matmul_scaled && takes_tiles(a.dtype) &&
          (a.op != ir::Op::load || !in_tiles_.contains(a.name)))
        scope.work.vector += kOperationsToTile * total({a.rows, a.columns});
      leaves_the_cores(*e);
    } else {
      scope.work.vector += operations + count.moves * elements;
    }
    for (const ir::ExprPtr& arg : e->args)
      if (arg.get() != packed_) expression(arg);
  }

  bool takes_tiles(DType left) const { return target::fastest_kernel(machine_, target::product_of(left)).takes_tiles; }

  // A tile that the L2 cache does not hold is written to what lies behind it, and read again from there.
  void leaves_the_cores(const ir::Expr& e) {
    const auto size = [&](const IndexExpr& extent) { return value(extent, [&](const auto& span) { return tile_of(span); }); };
    const double footprint = bytes_of(e.dtype) * size(e.rows) * size(e.columns);
    if (footprint > static_cast<double>(machine_.rates.l2_bytes) / 2)
      add_reading(scopes_[scope_].work, 2.0 * bytes_of(e.dtype) * total({e.rows, e.columns}), footprint, machine_);
  }

  // ---- the plan ---------------------------------------------------------------------------------------------------------------

  void nodes(const std::vector<plan::Node>& nodes) {
    for (const plan::Node& node : nodes) {
      if (node.barrier) ++phase_;
      std::visit([this](const auto& what) { visit(what); }, node.what);
    }
  }

  void body(const plan::Body& body) {
    nodes(body.nodes);
    if (body.at_end) ++phase_;
  }

  void visit(const plan::Phase& phase) {
    const size_t outer = scope_;
    for (const ir::Loop* loop : phase.nest) loops_.push_back(loop);
    for (const ir::Statement* scope : phase.scopes) enter(*scope);
    body(phase.body);
    loops_.resize(loops_.size() - phase.nest.size());
    scope_ = outer;
  }
  void visit(const plan::Alone& alone) {
    const size_t outer = scope_;
    body(alone.body);
    scope_ = outer;
  }
  void visit(const plan::Loop& loop) {
    loops_.push_back(loop.loop);
    body(loop.body);
    loops_.pop_back();
  }
  void visit(const plan::Branch& branch) {
    const auto holds = decided(branch.branch->condition);
    if (holds.value_or(true)) body(branch.then_body);
    if (branch.else_body && !holds.value_or(false)) body(*branch.else_body);
  }
  void visit(const plan::Scope& scope) {
    const size_t outer = scope_;
    enter(*scope.statement);
    nodes(scope.nodes);
    scope_ = outer;
  }
  void visit(const plan::CreateTensor&) {}
  void visit(const plan::TakePacked&) {}
  void visit(const plan::View&) {}
  void visit(const plan::ReadIndex&) {}
  void visit(const plan::Assume&) {}
  void visit(const plan::Step& step) {
    std::visit([this](const auto& what) { visit(what); }, step.what);
  }

  void visit(const plan::RowNest& nest) {
    for (const std::vector<plan::Pass>& stage : nest.stages)
      for (const plan::Pass& pass : stage)
        for (const plan::RowStep& step : pass.steps) statement(*step.statement);
  }
  void visit(const plan::Product& product) {
    const ir::Expr& right = *std::get<ir::Assign>(product.statement->node).value->args.back();
    const bool is_packed = product.ahead && is_filled(*product.ahead->of);
    packed_ = is_packed ? &right : nullptr;
    statement(*product.statement);
    packed_ = nullptr;
    if (is_packed) touch(*product.ahead->of, product.ahead->chosen_by, false);
    if (product.into) touch(product.into->tensor, product.into->slice, true);
    if (product.panels && !is_packed) pack(right);
  }
  void visit(const plan::Pack& step) {
    const ir::Expr& right = *step.ahead->right;
    const size_t outer = scope_;
    if (scope_ == kNone)
      scope_ =
          new_scope("pack " + (right.name.empty() ? step.ahead->name : right.name), program_.where(step.ahead->product->origin));
    std::vector<const ir::Loop*> loops = loops_;
    std::erase(loops_, step.panels);  // they are of one part
    pack(right);
    if (right.op == ir::Op::load) touch(right.name, right.slice, false);
    touch(*step.ahead, step.ahead->parts, true);
    loops_ = std::move(loops);
    scope_ = outer;
  }
  void pack(const ir::Expr& right) {
    scopes_[scope_].work.vector += plan::kOperationsToPack * total({right.rows, right.columns});
  }
  bool is_filled(const plan::PackAhead& ahead) const { return !ahead.where || decided({*ahead.where}).value_or(true); }
  void visit(const plan::ColumnReduction& reduction) { statement(*reduction.statement); }
  void visit(const plan::Move& move) { statement(*move.statement); }
  void visit(const plan::Copy& copy) { statement(*copy.statement); }
  void visit(const plan::Tap&) {}
  void visit(const plan::CheckElements&) {}

  void enter(const ir::Statement& scope) { scope_ = new_scope(std::get<ir::At>(scope.node).name, program_.where(scope.origin)); }

  void statement(const ir::Statement& statement) {
    if (scope_ == kNone) scope_ = new_scope("(outside scopes)", program_.where(statement.origin));
    if (const auto* store = std::get_if<ir::Store>(&statement.node)) {
      touch(store->tensor, store->slice, true);
      expression(store->value);
    } else {
      expression(std::get<ir::Assign>(statement.node).value);
    }
  }

  std::optional<bool> decided(const ir::Condition& condition) const {
    bool all = true;
    for (const ir::Comparison& c : condition) {
      for (const IndexExpr& side : {c.left, c.right})
        for (const std::string& name : ir::names_in(side))
          if (!dims_.contains(name)) return std::nullopt;
      const auto leaf = [&](const ir::Index& index) { return dims_.at(index.name); };
      const int64_t a = ir::evaluate(c.left, leaf), b = ir::evaluate(c.right, leaf);
      all = all && (c.compare == ir::Compare::lt   ? a < b
                    : c.compare == ir::Compare::le ? a <= b
                    : c.compare == ir::Compare::eq ? a == b
                    : c.compare == ir::Compare::ne ? a != b
                    : c.compare == ir::Compare::ge ? a >= b
                                                   : a > b);
    }
    return all;
  }

  size_t new_scope(const std::string& name, const SourceLine& where) {
    scopes_.push_back({name, where, phase_, {}, 0, 0, {}});
    double tasks = 1;
    for (const ir::Loop* loop : loops_)
      if (loop->kind == ir::Loop::Kind::parallel) tasks *= trips_of(*loop);
    scopes_.back().work.tasks = std::max<int64_t>(1, static_cast<int64_t>(tasks));
    return scopes_.size() - 1;
  }

  static constexpr double kMostIterations = 256;
  static constexpr size_t kNone = static_cast<size_t>(-1);
  const plan::Plan& plan_;
  const ir::Program& program_;
  const std::map<std::string, int64_t>& dims_;
  const target::Machine& machine_;
  bool with_tiling_;
  std::set<std::string> in_tiles_;
  std::map<std::string, ir::Tensor> tensors_;
  std::vector<const ir::Loop*> loops_;
  std::map<std::string, double> iteration_;  // by loop, where its iterations are gone through
  std::vector<ScopeCost> scopes_;
  std::set<std::pair<size_t, std::string>> touched_;
  const ir::Expr* packed_ = nullptr;  // the operand that the product reads from elsewhere
  size_t scope_ = kNone, phase_ = 0;
};

}  // namespace

std::vector<ScopeCost> estimate_scopes(const plan::Plan& plan, const std::map<std::string, int64_t>& dims,
                                       const target::Machine& machine, bool with_tiling) {
  return Estimator(plan, dims, machine, with_tiling).run();
}

std::vector<ScopeCost> estimate_scopes(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                       const target::Machine& machine, bool with_tiling) {
  return estimate_scopes(plan::make_plan(program, machine, false), dims, machine, with_tiling);
}

bool replaces_schedule(double author, double schedule) {
  constexpr double kConstants = 2e-6;
  return is_clearly_less(author, schedule) && author < schedule - kConstants;
}

std::map<std::string, int64_t> typical_sizes(const ir::Program& program) {
  std::map<std::string, int64_t> sizes;
  for (const ir::Dim& dim : program.dims) sizes[dim.name] = dim.usual();
  return sizes;
}

double total_seconds(const std::vector<ScopeCost>& scopes, const target::Machine& machine) {
  double seconds = 0;
  for (size_t i = 0; i < scopes.size(); ++i)
    seconds += scopes[i].estimate.seconds + (i == 0 || scopes[i - 1].phase != scopes[i].phase ? machine.rates.barrier : 0);
  return seconds;
}

}  // namespace imbrex::optimize
