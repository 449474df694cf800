// The kernel as all workers run it together: which statements are shared out, which one worker runs alone, and where they meet.
//
// Every worker walks the same statements outside `parallel` loops. A `parallel` loop there is a phase: its iterations, together
// with those of the loops it nests perfectly, are dealt out in contiguous blocks; a worker that is done helps others, where a
// barrier lies between the dealing and the phase, and the phase runs once. Where none does and its tasks are unequal, they meet
// at one before it. What is outside of any `parallel` loop is run by worker 0. Before a statement that touches memory which
// another worker may have touched since the last barrier, of which one wrote, all wait for each other.
#include <fmt/format.h>

#include <algorithm>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_groups.h"
#include "imbrex/codegen/text.h"
#include "imbrex/codegen/unequal_tasks.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/cost.h"

namespace imbrex::codegen {
namespace {

using ir::Expr;
using ir::Op;
using ir::Statement;

struct Memory {
  std::set<std::string> reads, writes;  // storages of tensors and tile variables
  bool by_all = false;                  // else by worker 0 alone
};

class Phases {
 public:
  Phases(Lowering& lowering, Writer& out) : lowering_(lowering), out_(out) {}

  void kernel(const ir::Block& statements) {
    block(statements);
    finish_streams();
  }

  void block(const ir::Block& statements) {
    const std::span<const Statement> all(statements);
    for (size_t i = 0; i < all.size();) {
      const Statement& s = all[i];
      if (const auto* at = std::get_if<ir::At>(&s.node)) {
        scope(*at);
      } else if (const auto* loop = std::get_if<ir::Loop>(&s.node); loop && loop->kind == ir::Loop::Kind::parallel) {
        phase(s, *loop);
      } else if (std::holds_alternative<ir::CreateTensor>(s.node)) {
        create_tensor(lowering_, s, out_, true);
      } else if (const auto* view = std::get_if<ir::View>(&s.node)) {
        bind_view(lowering_, *view);
      } else if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) {
        before(memory_of(all.subspan(i, 1), true));
        write_index_read(lowering_, *read, out_);
      } else if (const auto* assume = std::get_if<ir::Assume>(&s.node)) {
        assumption(*assume);
      } else if (const auto* branch = std::get_if<ir::If>(&s.node)) {
        together(s, [&] { this->branch(*branch); });
      } else if (const auto* serial = std::get_if<ir::Loop>(&s.node)) {
        together(s, [&] { this->loop(*serial); });
      } else {
        i += alone(all.subspan(i));
        continue;
      }
      ++i;
    }
  }

 private:
  static bool has_parallel(const Statement& s) {
    bool found = false;
    ir::for_each_statement(ir::Block{s}, [&](const Statement& inner) {
      const auto* loop = std::get_if<ir::Loop>(&inner.node);
      found = found || (loop && loop->kind == ir::Loop::Kind::parallel);
      return !found;
    });
    return found;
  }

  Memory memory_of(std::span<const Statement> statements, bool by_all) const {
    Memory memory;
    memory.by_all = by_all;
    const auto storage = [&](const std::string& tensor) { return lowering_.symbols.tensors.at(tensor).storage; };
    const auto note = [&](const Statement& s) {
      ir::for_each_expr(s, [&](const Expr& e) {
        if (e.op == Op::load) memory.reads.insert(storage(e.name));
        if (e.op == Op::variable) memory.reads.insert(e.name);
        for (const ir::Axis& axis : e.slice)
          if (axis.kind == ir::Axis::Kind::by) memory.reads.insert(axis.tile);
      });
      if (const auto* store = std::get_if<ir::Store>(&s.node)) {
        memory.writes.insert(storage(store->tensor));
        for (const ir::Axis& axis : store->slice)
          if (axis.kind == ir::Axis::Kind::by) memory.reads.insert(axis.tile);
      }
      if (const auto* assign = std::get_if<ir::Assign>(&s.node)) memory.writes.insert(assign->name);
      if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) memory.reads.insert(storage(read->tensor));
      if (const auto* distinct = std::get_if<ir::AssumeElements>(&s.node)) memory.reads.insert(distinct->tile);
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
    return memory;
  }

  static bool meets(const std::set<std::string>& a, const std::set<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& each) { return b.contains(each); });
  }

  // Waits if `next` could meet what others still do, and remembers it.
  void before(const Memory& next) {
    const bool conflict = std::any_of(open_.begin(), open_.end(), [&](const Memory& earlier) {
      if (!earlier.by_all && !next.by_all) return false;
      return meets(earlier.writes, next.reads) || meets(earlier.writes, next.writes) || meets(earlier.reads, next.writes);
    });
    if (conflict) wait();
    open_.push_back(next);
  }

  void wait() {
    if (!open_.empty()) meet();
  }

  void meet() {
    finish_streams();
    out_.line("wait_for_all(call);");
    open_.clear();
    has_waited_ = true;
  }

  void finish_streams() {
    if (lowering_.streams) out_.line("finish_streams();");
  }

  void scope(const ir::At& at) {
    out_.line("");
    out_.line("// " + comment(at.name));
    const std::string begin = lowering_.symbols.names.fresh(at.name + "_started");
    out_.line(fmt::format("const uint64_t {} = trace_begin(call);", begin));
    block(at.body);
    out_.line(fmt::format("trace_end(call, {}, {});", literal(at.name), begin));
  }

  // All workers read the same values here, so that all leave or none.
  void assumption(const ir::Assume& assume) {
    ++lowering_.assume_count;
    const std::string condition = lowering_.condition(assume.condition);
    out_.line(fmt::format("if (!({})) return fail_assumption(call, {});", condition, lowering_.assume_count));
  }

  // Statements with phases inside are walked by all; others are one worker's.
  template <class Write>
  void together(const Statement& s, Write write) {
    if (has_parallel(s)) return write();
    before(memory_of(std::span(&s, 1), false));
    out_.open("if (call->ith == 0)");
    write_block(lowering_, std::span(&s, 1), out_);
    out_.close();
  }

  void loop(const ir::Loop& loop) {
    wait();
    open_loop(lowering_, loop, out_);
    ++loops_;
    scoped(loop.body);
    --loops_;
    lowering_.loop_numbers.pop_back();
    out_.close();
  }

  void branch(const ir::If& branch) {
    wait();
    out_.open("if (" + lowering_.condition(branch.condition) + ")");
    scoped(branch.then_block);
    if (!branch.else_block.empty()) {
      out_.reopen("} else {");
      scoped(branch.else_block);
    }
    out_.close();
  }

  // Ends with nothing left open, so that the memory taken inside may be used again. Not every run comes to a barrier inside.
  void scoped(const ir::Block& body) {
    const bool had_waited = has_waited_;
    const std::string mark = lowering_.symbols.names.own("before");
    out_.line(fmt::format("const Scratch {} = shared;", mark));
    lowering_.shared.open();
    block(body);
    wait();
    has_waited_ = had_waited;
    lowering_.shared.close();
    out_.line(fmt::format("shared = {};", mark));
  }

  size_t alone(std::span<const Statement> statements) {
    Writer work(out_.depth() + 1);
    lowering_.scratch.open();
    const size_t count = write_steps(lowering_, statements, Target{out_, work, true});
    const bool took = lowering_.scratch.took();
    lowering_.scratch.close();
    before(memory_of(statements.first(count), false));
    if (work.empty()) return count;
    out_.open("if (call->ith == 0)");
    const std::string mark = took ? lowering_.symbols.names.own("before") : "";
    if (took) out_.line(fmt::format("const Scratch {} = scratch;", mark));
    out_.append(work);
    if (took) out_.line(fmt::format("scratch = {};", mark));
    out_.close();
    return count;
  }

  // The loop and those it nests perfectly, through scopes.
  std::vector<const ir::Loop*> nest_of(const ir::Loop& outermost, std::vector<std::string>& scopes) const {
    std::vector<const ir::Loop*> nest{&outermost};
    const ir::Block* body = &outermost.body;
    std::vector<std::string> passed;
    while (body->size() == 1) {
      const Statement& only = body->front();
      if (const auto* at = std::get_if<ir::At>(&only.node)) {
        passed.push_back(at->name);
        body = &at->body;
        continue;
      }
      const auto* loop = std::get_if<ir::Loop>(&only.node);
      if (!loop || loop->kind != ir::Loop::Kind::parallel || !is_rectangular(*loop, nest)) break;
      scopes.insert(scopes.end(), passed.begin(), passed.end());
      passed.clear();
      nest.push_back(loop);
      body = &loop->body;
    }
    return nest;
  }

  // Its bounds are the same in all iterations of the loops around it.
  static bool is_rectangular(const ir::Loop& loop, const std::vector<const ir::Loop*>& around) {
    std::set<std::string> used = ir::names_in(loop.begin);
    used.merge(ir::names_in(loop.extent));
    return std::none_of(around.begin(), around.end(), [&](const ir::Loop* each) { return used.contains(each->variable); });
  }

  void phase(const Statement& s, const ir::Loop& outermost) {
    std::vector<std::string> scopes;
    std::vector<const ir::Loop*> nest = nest_of(outermost, scopes);
    if (!has_waited_ && may_be_helped(nest) && has_unequal_tasks(nest)) {
      out_.line("// Unequal tasks: all have dealt out theirs before anyone helps.");
      meet();
    }
    before(memory_of(std::span(&s, 1), true));
    Symbols& symbols = lowering_.symbols;
    std::string tasks, what;
    std::vector<std::string> counts;
    for (const ir::Loop* loop : nest) {
      const std::string extent = symbols.text(loop->extent);
      counts.push_back(loop->tile == 0 ? fmt::format("larger({}, 0)", extent)
                                       : fmt::format("tiles_of({}, {})", extent, loop->tile));
      if (const auto constant = ir::constant_value(loop->extent))
        counts.back() = std::to_string(loop->tile == 0 || *constant <= 0 ? std::max<int64_t>(0, *constant)
                                                                         : (*constant - 1) / loop->tile + 1);
      tasks += (tasks.empty() ? "" : " * ") + counts.back();
      what += (what.empty() ? "" : ", ") + loop->variable + (loop->tile ? fmt::format(" by {}", loop->tile) : "");
    }
    for (const std::string& name : scopes) out_.line("// " + comment(name));
    out_.line("// parallel " + what);
    out_.open("");
    const std::string task = symbols.names.own("task_number");
    if (has_waited_ && may_be_helped(nest)) {
      const std::string name = symbols.names.own("tasks");
      out_.line(fmt::format("Tasks {}(&queues[{}], worker_bytes(call->dims).value, call);", name, lowering_.queues.size()));
      out_.open(fmt::format("for (int64_t {0}; ({0} = {1}.next()) >= 0;)", task, name));
      lowering_.queues.push_back(tasks);
    } else {
      const std::string part = symbols.names.own("part");
      out_.line(fmt::format("const Part {} = part_of({}, call->ith, call->nth);", part, tasks));
      out_.open(fmt::format("for (int64_t {0} = {1}.begin; {0} < {1}.end; ++{0})", task, part));
    }
    write_iteration(nest, counts, task);
    out_.close();
    out_.close();
  }

  // All workers can deal out the tasks when the kernel begins, and the phase runs once.
  bool may_be_helped(const std::vector<const ir::Loop*>& nest) const {
    if (loops_ > 0) return false;
    return std::all_of(nest.begin(), nest.end(), [&](const ir::Loop* loop) {
      const std::set<std::string> names = ir::names_in(loop->extent);
      return std::all_of(names.begin(), names.end(),
                         [&](const std::string& name) { return lowering_.symbols.dims.contains(name); });
    });
  }

  // The outermost loop's number varies fastest: what the inner loops choose (a panel of weights) stays while rows pass by. Where
  // it goes over tiles, only so many that they stay near, too.
  void write_iteration(const std::vector<const ir::Loop*>& nest, const std::vector<std::string>& counts,
                       const std::string& task) {
    Symbols& symbols = lowering_.symbols;
    std::string rest = task, first;
    if (nest.size() > 1 && nest[0]->tile > 0) {
      const std::string numbers = symbols.names.own("numbers");
      std::string others;
      for (size_t i = 1; i < counts.size(); ++i) others += (i == 1 ? "" : " * ") + counts[i];
      out_.line(fmt::format("const TaskOfTiles {} = task_of_tiles({}, {}, {}, {});", numbers, task, counts[0], others,
                            std::max<int64_t>(1, optimize::kNearRows / nest[0]->tile)));
      first = numbers + ".tile";
      rest = numbers + ".other";
    }
    for (size_t i = 0; i < nest.size(); ++i) {
      const ir::Loop& loop = *nest[i];
      LoopSymbol& symbol = symbols.loops.at(loop.variable);
      const bool last = i + 1 == nest.size(), is_given = i == 0 && !first.empty();
      const std::string number = is_given ? first : last ? rest : rest + " % " + counts[i];
      symbol.begin_text = symbols.names.fresh(loop.tile ? loop.variable + "_begin" : loop.variable);
      const std::string offset = ir::constant_value(loop.begin) == 0 ? "" : symbols.text(loop.begin) + " + ";
      if (loop.tile == 0) {
        out_.line(fmt::format("const int64_t {} = {}{};", symbol.begin_text, offset, number));
        lowering_.loop_numbers.push_back(
            ir::constant_value(loop.begin) == 0 ? symbol.begin_text : symbol.begin_text + " - " + symbols.operand(loop.begin));
      } else {
        symbol.index_text = symbols.names.fresh(loop.variable + "_index");
        out_.line(fmt::format("const int64_t {} = {};", symbol.index_text, number));
        out_.line(fmt::format("const int64_t {} = {}{} * {};", symbol.begin_text, offset, symbol.index_text, loop.tile));
        const auto extent = ir::constant_value(loop.extent);
        if (extent && *extent % loop.tile == 0) {
          symbol.size_text = std::to_string(loop.tile);
        } else {
          symbol.size_text = symbols.names.fresh(loop.variable + "_size");
          out_.line(fmt::format("const int64_t {} = smaller({}, {} - {});", symbol.size_text, loop.tile,
                                symbols.text(ir::add(loop.begin, loop.extent)), symbol.begin_text));
        }
        lowering_.loop_numbers.push_back(symbol.index_text);
      }
      if (!last && !is_given) rest = (rest.find(' ') == std::string::npos ? rest : "(" + rest + ")") + " / " + counts[i];
    }
    lowering_.scratch.open();
    const std::string mark = symbols.names.own("before");
    out_.line(fmt::format("const Scratch {} = scratch;", mark));
    write_block(lowering_, nest.back()->body, out_);
    out_.line(fmt::format("scratch = {};", mark));
    lowering_.scratch.close();
    for (size_t i = 0; i < nest.size(); ++i) lowering_.loop_numbers.pop_back();
  }

  Lowering& lowering_;
  Writer& out_;
  std::vector<Memory> open_;  // since the last barrier
  bool has_waited_ = false;   // at a barrier that every run which comes here came to
  int loops_ = 0;             // around
};

}  // namespace

void write_kernel_body(Lowering& lowering, Writer& out) {
  Phases(lowering, out).kernel(lowering.program.body);
  lowering.scratch.take(ir::constant(64 * static_cast<int64_t>(lowering.queues.size())));
}

}  // namespace imbrex::codegen
