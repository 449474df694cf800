// The kernel as all workers run it together: which statements are shared out, which one worker runs alone, and where they meet.
//
// Every worker walks the same statements outside `parallel` loops. A `parallel` loop there is a phase: its iterations, together
// with those of the loops it nests perfectly, are divided among the workers in contiguous blocks. A worker that is done steals tasks from
// others, where a barrier lies between the division and the phase, and the phase runs once. Where none does and its tasks are
// unequal, a barrier is put before it. What is outside of any `parallel` loop is run by worker 0. Before a statement that touches memory which
// another worker may have touched since the last barrier, of which one wrote, all wait for each other.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/packs_ahead.h"
#include "imbrex/plan/parallel_nest.h"
#include "imbrex/plan/planner.h"
#include "imbrex/plan/task_order.h"
#include "imbrex/plan/unequal_tasks.h"

namespace imbrex::plan {
namespace {

using ir::Expr;
using ir::Op;
using ir::Statement;

struct StorageUse {
  std::set<std::string> reads, writes;  // storages of tensors and tile variables
  bool by_all = false;                  // else by worker 0 alone
};

class PhasePlanner {
 public:
  explicit PhasePlanner(Planner& planner) : planner_(planner), symbols_(planner.plan.symbols) {}

  Body kernel(const ir::Block& statements) {
    Body body;
    body.nodes = block(statements);
    return body;
  }

 private:
  std::vector<Node> block(const ir::Block& statements) {
    std::vector<Node> nodes;
    const std::span<const Statement> all(statements);
    for (size_t i = 0, count = 1; i < all.size(); i += count) {
      const Statement& s = all[i];
      count = 1;
      packs_before(s, nodes);
      Node node;
      if (const auto* at = std::get_if<ir::At>(&s.node)) {
        node.what = Scope{&s, block(at->body)};
      } else if (const auto* loop = std::get_if<ir::Loop>(&s.node); loop && loop->kind == ir::Loop::Kind::parallel) {
        phase(s, *loop, node);
      } else if (std::holds_alternative<ir::CreateTensor>(s.node)) {
        node.what = plan_tensor(planner_, s, Arena::shared);
      } else if (const auto* view = std::get_if<ir::View>(&s.node)) {
        node.what = View{view};
      } else if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) {
        node.barrier = before(storage_use(all.subspan(i, 1), true));
        node.what = ReadIndex{read};
      } else if (const auto* assume = std::get_if<ir::Assume>(&s.node)) {
        node.what = Assume{assume, ++planner_.assumptions};
      } else if (has_parallel(s)) {
        node.barrier = wait("all workers share what is inside");
        if (const auto* branch = std::get_if<ir::If>(&s.node)) {
          Branch planned{branch, scoped(branch->then_block), std::nullopt};
          if (!branch->else_block.empty()) planned.else_body = scoped(branch->else_block);
          node.what = std::move(planned);
        } else {
          const auto& serial = std::get<ir::Loop>(s.node);
          ++loops_;
          node.what = Loop{&serial, scoped(serial.body)};
          --loops_;
        }
      } else if (std::holds_alternative<ir::If>(s.node) || std::holds_alternative<ir::Loop>(s.node)) {
        node.barrier = before(storage_use(all.subspan(i, 1), false));
        planner_.worker.open();
        Alone alone{{}, Body{plan_statements(planner_, all.subspan(i, 1)), std::nullopt, std::nullopt}};
        if (planner_.worker.took()) alone.body.frame = Arena::worker;
        planner_.worker.close();
        node.what = std::move(alone);
      } else {
        Alone alone = this->alone(all.subspan(i), count);
        node.barrier = before(storage_use(all.subspan(i, count), false));
        node.what = std::move(alone);
      }
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  Alone alone(std::span<const Statement> statements, size_t& count) {
    planner_.worker.open();
    Step step = plan_step(planner_, statements, Arena::shared, count);
    Alone alone;
    if (planner_.worker.took()) alone.body.frame = Arena::worker;
    planner_.worker.close();
    if (step.memory) alone.memory.push_back(*std::exchange(step.memory, std::nullopt));
    if (auto* nest = std::get_if<RowNest>(&step.what)) {
      const auto own = std::stable_partition(nest->memory.begin(), nest->memory.end(),
                                             [](const TileMemory& each) { return each.allocation.arena == Arena::worker; });
      alone.memory.insert(alone.memory.end(), own, nest->memory.end());
      nest->memory.erase(own, nest->memory.end());
    }
    alone.body.nodes.push_back({std::nullopt, std::move(step)});
    return alone;
  }

  static bool has_parallel(const Statement& s) {
    bool found = false;
    ir::for_each_statement(ir::Block{s}, [&](const Statement& inner) {
      const auto* loop = std::get_if<ir::Loop>(&inner.node);
      found = found || (loop && loop->kind == ir::Loop::Kind::parallel);
      return !found;
    });
    return found;
  }

  StorageUse storage_use(std::span<const Statement> statements, bool by_all) const {
    StorageUse use;
    use.by_all = by_all;
    const auto storage = [&](const std::string& tensor) { return symbols_.tensors.at(tensor).storage; };
    const auto note = [&](const Statement& s) {
      ir::for_each_expr(s, [&](const Expr& e) {
        if (e.op == Op::load) use.reads.insert(storage(e.name));
        if (e.op == Op::variable) use.reads.insert(e.name);
        for (const ir::Axis& axis : e.slice)
          if (axis.kind == ir::Axis::Kind::by) use.reads.insert(axis.tile);
      });
      if (const auto* store = std::get_if<ir::Store>(&s.node)) {
        use.writes.insert(storage(store->tensor));
        for (const ir::Axis& axis : store->slice)
          if (axis.kind == ir::Axis::Kind::by) use.reads.insert(axis.tile);
      }
      if (const auto* assign = std::get_if<ir::Assign>(&s.node)) use.writes.insert(assign->name);
      if (const auto ahead = planner_.packs.of.find(&s); ahead != planner_.packs.of.end())
        use.reads.insert(ahead->second.of->name);
      if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) use.reads.insert(storage(read->tensor));
      if (const auto* distinct = std::get_if<ir::AssumeElements>(&s.node)) use.reads.insert(distinct->tile);
      return true;
    };
    for (const Statement& s : statements) {
      if (note(s)) {
        if (const auto* loop = std::get_if<ir::Loop>(&s.node)) ir::for_each_statement(loop->body, note);
        if (const auto* at = std::get_if<ir::At>(&s.node)) ir::for_each_statement(at->body, note);
        if (const auto* branch = std::get_if<ir::If>(&s.node)) {
          ir::for_each_statement(branch->then_block, note);
          ir::for_each_statement(branch->else_block, note);
        }
      }
    }
    return use;
  }

  // What is in both, "a, b"; "" if nothing is.
  static std::string common(const std::set<std::string>& a, const std::set<std::string>& b) {
    std::string names;
    for (const std::string& each : a)
      if (b.contains(each)) names += (names.empty() ? "" : ", ") + each;
    return names;
  }

  // Why the two must not run at the same time; "" if they may.
  static std::string conflict(const StorageUse& earlier, const StorageUse& next) {
    if (!earlier.by_all && !next.by_all) return "";
    if (const std::string names = common(earlier.writes, next.reads); !names.empty()) return stored_above_read_below(names);
    if (const std::string names = common(earlier.writes, next.writes); !names.empty()) return names + ": stored above and below";
    if (const std::string names = common(earlier.reads, next.writes); !names.empty()) return names + ": read above, stored below";
    return "";
  }

  static std::string stored_above_read_below(const std::string& names) { return names + ": stored above, read below"; }

  // Waits if `next` could meet what others still do, and remembers it.
  std::optional<Barrier> before(const StorageUse& next) {
    std::string reason;
    for (const StorageUse& each : open_)
      if (const std::string why = conflict(each, next); !why.empty() && reason.find(why) == std::string::npos)
        reason += (reason.empty() ? "" : "; ") + why;
    std::optional<Barrier> barrier;
    if (!reason.empty()) barrier = meet(std::move(reason));
    open_.push_back(next);
    return barrier;
  }

  std::optional<Barrier> wait(std::string reason) {
    if (open_.empty()) return std::nullopt;
    return meet(std::move(reason));
  }

  Barrier meet(std::string reason) {
    open_.clear();
    has_waited_ = true;
    return {std::move(reason), planner_.may_stream};
  }

  // Ends with nothing left open, so that the memory taken inside may be used again. Not every run comes to a barrier inside.
  Body scoped(const ir::Block& statements) {
    const bool had_waited = has_waited_;
    planner_.shared.open();
    Body body;
    body.frame = Arena::shared;
    body.nodes = block(statements);
    body.at_end = wait("its memory is used again");
    has_waited_ = had_waited;
    planner_.shared.close();
    return body;
  }

  // What the iterations of a loop take again and again is packed by all workers before it.
  void packs_before(const Statement& s, std::vector<Node>& nodes) {
    const auto found = planner_.packs.before.find(&s);
    if (found == planner_.packs.before.end() || found->second.front()->memory.arena != Arena::shared) return;
    std::vector<PackAhead*> where;  // it depends on the sizes whether
    for (PackAhead* ahead : found->second) {
      ahead->memory = planner_.allocate(Arena::shared, std::nullopt, ahead->memory.elements, ahead->name, s);
      nodes.push_back({std::nullopt, TakePacked{ahead}});
      if (ahead->where) where.push_back(ahead);
    }
    for (const PackAhead* ahead : found->second)
      if (!ahead->where) nodes.push_back(pack_phase(*ahead));
    for (auto first = where.begin(), end = first; first != where.end(); first = end) {
      const ir::Comparison& holds = *(*first)->where;
      end = std::find_if(first, where.end(), [&](const PackAhead* other) {
        return !ir::same(other->where->left, holds.left) || !ir::same(other->where->right, holds.right);
      });
      Node node;
      node.barrier = wait("all workers share what is inside");
      const bool had_waited = has_waited_;
      Branch branch = branch_where(planner_, holds);
      branch.then_body.frame = Arena::shared;
      for (auto each = first; each != end; ++each) branch.then_body.nodes.push_back(pack_phase(**each));
      branch.then_body.at_end = meet(stored_above_read_below((*first)->name));
      has_waited_ = had_waited;
      node.what = std::move(branch);
      nodes.push_back(std::move(node));
    }
  }

  Node pack_phase(const PackAhead& ahead) {
    const Expr& right = *ahead.right;
    StorageUse use;
    use.by_all = true;
    use.reads.insert(right.op == Op::load ? symbols_.tensors.at(right.name).storage : right.name);
    use.writes.insert(ahead.name);
    Node node;
    node.barrier = before(use);
    Phase phase;
    phase.number = ++planner_.plan.phases;
    phase.nest = ahead.parts;
    const ir::IndexExpr panels = ir::ceil_div(ahead.most_columns, ir::constant(32));
    const ir::Loop* panel = nullptr;
    if (phase.nest.empty() || ir::constant_value(panels) != 1) {
      ir::Loop loop;
      loop.kind = ir::Loop::Kind::parallel;
      loop.variable = panel_of(ahead.name);
      loop.begin = ir::constant(0);
      loop.extent = panels;
      panel = planner_.own_loop(std::move(loop));
      phase.nest.push_back(panel);
    }
    phase.body.nodes.push_back({std::nullopt, Step{Pack{&ahead, panel}, std::nullopt, {}}});
    node.what = std::move(phase);
    return node;
  }

  void phase(const Statement& s, const ir::Loop& outermost, Node& node) {
    Phase phase;
    phase.number = ++planner_.plan.phases;
    ParallelNest nest = parallel_nest(outermost);
    phase.nest = std::move(nest.loops);
    phase.scopes = std::move(nest.scopes);
    const bool is_stolen = may_be_stolen(phase.nest);
    const StorageUse use = storage_use(std::span(&s, 1), true);
    if (!has_waited_ && is_stolen && has_unequal_tasks(phase.nest))
      node.barrier = meet("its tasks are unequal, and are divided among all workers before any steals");
    if (auto barrier = before(use)) node.barrier = std::move(barrier);
    if (has_waited_ && is_stolen) phase.queue = planner_.plan.queues++;
    if (phase.nest.size() > 1 && phase.nest[0]->tile > 0)
      phase.tiles_per_sweep = std::max<int64_t>(1, kRowsPerSweep / phase.nest[0]->tile);
    planner_.worker.open();
    phase.body.frame = Arena::worker;
    phase.body.nodes = plan_statements(planner_, phase.nest.back()->body);
    planner_.worker.close();
    node.what = std::move(phase);
  }

  // All workers can divide the tasks when the kernel begins, and the phase runs once.
  bool may_be_stolen(const std::vector<const ir::Loop*>& nest) const {
    if (loops_ > 0) return false;
    return std::all_of(nest.begin(), nest.end(), [&](const ir::Loop* loop) {
      const std::set<std::string> names = ir::names_in(loop->extent);
      return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return symbols_.dims.contains(name); });
    });
  }

  Planner& planner_;
  const Symbols& symbols_;
  std::vector<StorageUse> open_;  // since the last barrier
  bool has_waited_ = false;       // at a barrier that every run which comes here came to
  int loops_ = 0;                 // around
};

}  // namespace

Body plan_kernel(Planner& planner, const ir::Block& statements) { return PhasePlanner(planner).kernel(statements); }

}  // namespace imbrex::plan
