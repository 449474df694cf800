#include "imbrex/prove/traffic.h"

#include <algorithm>
#include <map>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/ir/work.h"
#include "imbrex/prove/affine.h"
#include "imbrex/prove/domain.h"
#include "imbrex/prove/memories.h"
#include "imbrex/prove/over_dims.h"
#include "imbrex/prove/quantity.h"
#include "imbrex/prove/scope_labels.h"
#include "imbrex/prove/simplify.h"
#include "imbrex/target/target.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;
using LoopStack = std::vector<const ir::Loop*>;
struct Test {
  const ir::Condition* condition;
  bool holds;
};

// Whether a condition holds, where constants decide it.
std::optional<bool> decided(const ir::Condition& condition, const LoopsByName& loops, const Fixed& fixed) {
  bool all = true;
  for (const ir::Comparison& c : condition) {
    const auto a = ir::constant_value(resolve(c.left, loops, fixed)), b = ir::constant_value(resolve(c.right, loops, fixed));
    if (!a || !b) return std::nullopt;
    const bool holds = c.compare == ir::Compare::lt   ? *a < *b
                       : c.compare == ir::Compare::le ? *a <= *b
                       : c.compare == ir::Compare::eq ? *a == *b
                       : c.compare == ir::Compare::ne ? *a != *b
                       : c.compare == ir::Compare::ge ? *a >= *b
                                                      : *a > *b;
    all = all && holds;
  }
  return all;
}

// Sums over loops. Loops whose iterations differ (a test or a size names them) are gone through one by one where their number is
// a small constant and the budget allows it; else the largest iteration counts for all, and the sum is "at most".
struct Summation {
  const ir::Program& program;
  const LoopsByName& by_name;
  SearchBudget& budget;
  Fixed fixed = {};

  Quantity total(const LoopStack& loops, const std::vector<Test>& tests, IndexExpr amount) {
    std::set<std::string> expanded;
    bool is_exact = true;
    uint64_t combinations = 1;
    for (const ir::Loop* loop : loops) {
      const bool in_amount = names_iteration(amount, *loop);
      const bool differs = in_amount || std::any_of(tests.begin(), tests.end(), [&](const Test& test) {
                             return std::any_of(test.condition->begin(), test.condition->end(), [&](const ir::Comparison& c) {
                               return names_iteration(c.left, *loop) || names_iteration(c.right, *loop);
                             });
                           });
      if (!differs) continue;
      const auto count = constant_trips(*loop);
      if (count && *count <= kMostTrips && (loop->tile > 0 || ir::constant_value(loop->begin)) &&
          combinations * static_cast<uint64_t>(std::max<int64_t>(1, *count)) <= std::min(kMostCombinations, budget.steps)) {
        combinations *= static_cast<uint64_t>(std::max<int64_t>(1, *count));
        expanded.insert(loop->variable);
      } else if (in_amount) {
        is_exact = false;
        amount = most_over_loops(amount, program, by_name).value_or(amount);
      }
    }
    budget.take(combinations);
    Quantity result = sum(loops, 0, tests, amount, expanded);
    if (!is_exact) result.mark_at_most();
    return result;
  }

 private:
  static constexpr int64_t kMostTrips = 256;
  static constexpr uint64_t kMostCombinations = 4096;

  static bool names_iteration(const IndexExpr& e, const ir::Loop& loop) {
    bool result = false;
    ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name == loop.variable && leaf.kind != ir::Index::Kind::span_size) result = true;
      return std::nullopt;
    });
    return result;
  }

  Quantity sum(const LoopStack& loops, size_t depth, const std::vector<Test>& tests, const IndexExpr& amount,
               const std::set<std::string>& expanded) {
    if (depth == loops.size()) return once(tests, amount);
    const ir::Loop& loop = *loops[depth];
    if (!expanded.count(loop.variable)) return sum(loops, depth + 1, tests, amount, expanded).summed_over(loop);
    Quantity all;
    for (int64_t i = 0; i < *constant_trips(loop); ++i) {
      fixed[loop.variable] = i + (loop.tile > 0 ? 0 : *ir::constant_value(loop.begin));
      all = all + sum(loops, depth + 1, tests, amount, expanded);
    }
    fixed.erase(loop.variable);
    return all;
  }

  Quantity once(const std::vector<Test>& tests, const IndexExpr& amount) const {
    bool exact = true;
    for (const Test& test : tests) {
      const auto holds = decided(*test.condition, by_name, fixed);
      if (holds && *holds != test.holds) return Quantity();
      exact = exact && holds;
    }
    Quantity result = Quantity::of(ir::substitute(amount, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (!fixed.count(leaf.name)) return std::nullopt;
      return resolve(std::make_shared<ir::Index>(leaf), by_name, fixed);
    }));
    if (!exact) result.mark_at_most();
    return result;
  }
};

struct Measure {
  const ir::Program& program;
  const std::map<const ir::At*, std::string>& names;  // of scopes; those of one name are one row
  struct Sums {
    Quantity tasks, read, written, operations, exchanges;
    SourceLine where;
  };
  std::vector<std::string> order;
  std::map<std::string, Sums> sums;
  LoopsByName by_name;
  LoopStack loops;
  std::vector<Test> tests;
  std::string scope = kOutsideScopes;
  CubeTiles cube;
  std::set<std::string> exchanged;  // tile variables whose value the other kind of unit has a copy of
  mutable SearchBudget budget = {200000};

  IndexExpr size(const IndexExpr& e) const { return length(e, program, by_name); }
  IndexExpr elements(const ir::Expr& e) const { return ir::mul(size(e.rows), size(e.columns)); }

  IndexExpr operations(const ir::Expr& e) const {
    const ir::OperationCount count = ir::operations_of(e);
    IndexExpr all = ir::constant(count.each);
    for (const IndexExpr& extent : count.extents) all = ir::mul(all, size(extent));
    return all;
  }

  Sums& here() {
    if (!sums.count(scope)) order.push_back(scope);
    return sums[scope];
  }
  Quantity times(const IndexExpr& amount) const { return Summation{program, by_name, budget}.total(loops, tests, amount); }
  void count(Quantity& sum, const IndexExpr& amount) const { sum = sum + times(amount); }

  void expressions(const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      const IndexExpr bytes = ir::mul(elements(e), ir::constant(bytes_of(e.dtype)));
      if (e.op == ir::Op::load) count(here().read, bytes);
      const IndexExpr work = operations(e);
      if (ir::constant_value(work) != 0) count(here().operations, work);
      // A tile that one kind of unit makes and the other takes.
      for (size_t i = 0; i < e.args.size(); ++i) {
        const ir::Expr& arg = *e.args[i];
        const bool taken_by_cube = is_cube_operand(e, i), made_by_cube = cube.holds(arg);
        const bool accumulates = e.op == ir::Op::matmul_acc && i == 0;
        const bool loaded =
            arg.op == ir::Op::load || arg.op == ir::Op::constant || (arg.op == ir::Op::variable && cube.is_loaded(arg.name));
        if (accumulates || loaded || taken_by_cube == made_by_cube) continue;
        if (arg.op == ir::Op::variable && !exchanged.insert(arg.name).second) continue;
        count(here().exchanges, ir::mul(ir::constant(2), ir::mul(elements(arg), ir::constant(bytes_of(arg.dtype)))));
      }
    });
  }

  void block(const ir::Block& statements) {
    for (const ir::Statement& statement : statements) {
      expressions(statement);
      if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) exchanged.erase(assign->name);
      if (const auto* store = std::get_if<ir::Store>(&statement.node)) {
        count(here().written, ir::mul(elements(*store->value), ir::constant(bytes_of(store->value->dtype))));
      } else if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) {
        (void)read;
        count(here().read, ir::constant(bytes_of(DType::int32)));
      } else if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
        by_name[loop->variable] = loop;
        loops.push_back(loop);
        block(loop->body);
        loops.pop_back();
      } else if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
        tests.push_back({&branch->condition, true});
        block(branch->then_block);
        tests.back().holds = false;
        block(branch->else_block);
        tests.pop_back();
      } else if (const auto* at = std::get_if<ir::At>(&statement.node)) {
        const std::string outer = scope;
        scope = names.at(at);
        Sums& row = here();
        count(row.tasks, ir::constant(1));
        row.where = program.where(statement.origin);
        block(at->body);
        scope = outer;
      }
    }
  }
};

}  // namespace

ScopeRow& row_named(std::vector<ScopeRow>& scopes, const std::string& name, const SourceLine& where) {
  const auto found = std::find_if(scopes.begin(), scopes.end(), [&](const ScopeRow& row) { return row.name == name; });
  if (found != scopes.end()) return *found;
  scopes.push_back({});
  scopes.back().name = name;
  scopes.back().where = where;
  return scopes.back();
}

namespace {

void measure(const ir::Program& program, const std::map<const ir::At*, std::string>& names, const Options& options,
             const Simplifier& simplified, std::vector<ScopeRow>& scopes) {
  Measure measure{program, names, {}, {}, {}, {}, {}, kOutsideScopes, CubeTiles(program), {}};
  measure.block(program.body);
  const target::Target* target = target::judged_target_named(options.target);
  measure.scope = kOutsideScopes;
  for (const ScopeRow& row : scopes)  // of tiles alone, which move nothing
    if (row.name == kOutsideScopes) measure.here();
  for (const std::string& name : measure.order) {
    const auto& sums = measure.sums.at(name);
    ScopeRow& row = row_named(scopes, name, sums.where);
    const auto amount = [&](const Quantity& quantity) { return Amount{simplified(quantity).text(), quantity.at(options.dims)}; };
    row.tasks = amount(name == kOutsideScopes ? Quantity(1) : sums.tasks);
    row.bytes_read = amount(sums.read);
    row.bytes_written = amount(sums.written);
    row.operations = amount(sums.operations);
    row.exchanges = amount(target && target->exchanges_through_gm ? sums.exchanges : Quantity());
    if (row.operations.value && row.bytes_read.value && row.bytes_written.value &&
        *row.bytes_read.value + *row.bytes_written.value > 0)
      row.operations_per_byte =
          static_cast<double>(*row.operations.value) / static_cast<double>(*row.bytes_read.value + *row.bytes_written.value);
  }
}

}  // namespace

void measure_traffic(const ir::Program& program, const Options& options, const Simplifier& simplified,
                     std::vector<ScopeRow>& scopes) {
  const auto labels = scope_labels(program);
  measure(program, {labels.begin(), labels.end()}, options, simplified, scopes);
}

void measure_traffic_by_name(const ir::Program& program, const Options& options, std::vector<ScopeRow>& scopes) {
  std::map<const ir::At*, std::string> names;
  for (const auto& [at, label] : scope_labels(program)) names[at] = at->name;
  measure(program, names, options, Simplifier(program), scopes);
}

}  // namespace imbrex::prove
