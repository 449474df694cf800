#include "imbrex/optimize/plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/optimize/uses.h"

namespace imbrex::optimize {
namespace {

bool is_declaration(const ir::Statement& s) {
  return std::holds_alternative<ir::CreateTensor>(s.node) || std::holds_alternative<ir::View>(s.node) ||
         std::holds_alternative<ir::Assume>(s.node);
}

// A second plan is more code to compile and to read: a tenth, and more than the model's own constants for barriers and tasks.
bool is_worth_a_plan(double then, double now) { return then < 0.9 * now && then < now - 2e-6; }

class RangePlanner {
 public:
  RangePlanner(const ir::Program& original, const Dissolved& dissolved, const Machine& machine, const ScheduleConstraints& around)
      : original_(original), dissolved_(dissolved), machine_(machine), around_(around) {}

  std::variant<Scheduled, NotDissolved> run() {
    auto typical = schedule(original_, dissolved_, machine_, around_);
    // A range is one of one dimension's values.
    if (!std::holds_alternative<Scheduled>(typical) || original_.dims.size() != 1) return typical;
    Scheduled result = std::move(std::get<Scheduled>(typical));
    decisions_ = decisions(original_, dissolved_, machine_, around_);
    const ir::Dim& dim = original_.dims[0];
    const int64_t middle = dim.typical > 0 ? dim.typical : kTypicalRows;
    // From the typical size outwards: the range goes as far in as the other plan is clearly faster.
    const std::optional<int64_t> few = add_plan(result, middle, {1, 2, 4, 8, 12, 16, 24, 32, 48, 64}, true);
    add_plan(result, middle, {8192, 4096, 2048, 1024, 512, 256}, false, few);
    return result;
  }

 private:
  struct RangePlan {
    Scheduled schedule;
    int64_t limit = 0;
    double seconds = 0, typical_seconds = 0;  // at the limit
  };

  double seconds_of(const ir::Program& program, int64_t size) const {
    return total_seconds(estimate_scopes(program, {{original_.dims[0].name, size}}, machine_), machine_);
  }

  // A plan for sizes up to (`below`) or from a limit on; its limit, if there is one. `sizes` go towards the typical one.
  std::optional<int64_t> add_plan(Scheduled& result, int64_t middle, const std::vector<int64_t>& sizes, bool below,
                                  std::optional<int64_t> taken_below = {}) {
    const ir::Dim& dim = original_.dims[0];
    const ir::Program base = result.program;
    std::optional<RangePlan> best;
    for (int64_t size : sizes) {
      if ((below ? size >= middle : size <= middle) || (dim.max && size >= *dim.max)) continue;
      if (taken_below && size <= *taken_below) continue;
      ScheduleConstraints around = around_;
      around.sizes[dim.name] = size;
      if (decisions(original_, dissolved_, machine_, around) == decisions_) continue;
      auto other = schedule(original_, dissolved_, machine_, around);
      const auto* scheduled = std::get_if<Scheduled>(&other);
      if (!scheduled) continue;
      const double now = seconds_of(base, size), then = seconds_of(scheduled->program, size);
      if (!is_worth_a_plan(then, now)) continue;
      // The plan of the first size holds for the next ones too, while it is the same.
      if (best && ir::print(best->schedule.program) != ir::print(scheduled->program)) break;
      best = RangePlan{*scheduled, size, then, now};
    }
    if (!best) return {};
    put(result, *best, below);
    return best->limit;
  }

  void put(Scheduled& result, const RangePlan& plan, bool below) {
    const ir::Dim& dim = original_.dims[0];
    // Once more, with names that the other plans do not have; tensors that both need keep theirs.
    ScheduleConstraints around = around_;
    around.sizes[dim.name] = plan.limit;
    ir::Block declarations, steps;
    for (ir::Statement& statement : result.program.body)
      (is_declaration(statement) ? declarations : steps).push_back(std::move(statement));
    around.taken.merge(names_declared_in(steps));
    Scheduled other = std::get<Scheduled>(schedule(original_, dissolved_, machine_, around));
    ir::Block other_steps;
    for (ir::Statement& statement : other.program.body) {
      if (!is_declaration(statement))
        other_steps.push_back(std::move(statement));
      else if (std::none_of(declarations.begin(), declarations.end(),
                            [&](const ir::Statement& each) { return ir::equal(ir::Block{each}, ir::Block{statement}); }))
        declarations.push_back(std::move(statement));
    }
    const std::string range = fmt::format("{} {} {}", dim.name, below ? "<=" : ">=", plan.limit);
    ir::If branch;
    branch.condition = {{ir::named(dim.name), below ? ir::Compare::le : ir::Compare::ge, ir::constant(plan.limit)}};
    branch.then_block = std::move(other_steps);
    branch.else_block = std::move(steps);
    result.program.body = std::move(declarations);
    result.program.body.push_back({std::move(branch), {}, -1});
    result.choices.push_back(
        {"plans",
         fmt::format("another for {}, {} at {} = {}", range, milliseconds(plan.seconds), dim.name, plan.limit),
         "what is chosen for the typical size is estimated to take clearly longer there",
         {},
         {fmt::format("the plan for the typical size: {}", milliseconds(plan.typical_seconds))}});
    for (Choice& choice : other.choices) {
      choice.subject = fmt::format("{}: {}", range, choice.subject);
      result.choices.push_back(std::move(choice));
    }
  }

  const ir::Program& original_;
  const Dissolved& dissolved_;
  const Machine& machine_;
  const ScheduleConstraints& around_;
  std::string decisions_;  // for the typical size
};

}  // namespace

std::variant<Scheduled, NotDissolved> schedule_for_ranges(const ir::Program& original, const Dissolved& dissolved,
                                                          const Machine& machine, const ScheduleConstraints& around) {
  return RangePlanner(original, dissolved, machine, around).run();
}

}  // namespace imbrex::optimize
