// Prints the kernel as all workers run it together: barriers, phases, and what the first worker does alone.
#include <fmt/format.h>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/text.h"

namespace imbrex::codegen {
namespace {

class PhaseWriter {
 public:
  PhaseWriter(Lowering& lowering, Writer& out) : lowering_(lowering), out_(out) {}

  void nodes(const std::vector<plan::Node>& nodes) {
    for (const plan::Node& node : nodes) {
      barrier(node.barrier);
      if (const auto* alone = std::get_if<plan::Alone>(&node.what))
        this->alone(*alone);
      else if (const auto* scope = std::get_if<plan::Scope>(&node.what))
        this->scope(*scope);
      else if (const auto* phase = std::get_if<plan::Phase>(&node.what))
        this->phase(*phase);
      else if (const auto* create = std::get_if<plan::CreateTensor>(&node.what))
        create_tensor(lowering_, *create, out_);
      else if (const auto* taken = std::get_if<plan::TakePacked>(&node.what))
        lowering_.packed_ahead[taken->ahead] = lowering_.take(out_, taken->ahead->memory);
      else if (const auto* view = std::get_if<plan::View>(&node.what))
        bind_view(lowering_, *view->view);
      else if (const auto* read = std::get_if<plan::ReadIndex>(&node.what))
        write_index_read(lowering_, *read->read, out_);
      else if (const auto* assume = std::get_if<plan::Assume>(&node.what))
        assumption(*assume);
      else if (const auto* branch = std::get_if<plan::Branch>(&node.what))
        this->branch(*branch);
      else
        loop(std::get<plan::Loop>(node.what));
    }
  }

 private:
  void barrier(const std::optional<plan::Barrier>& barrier) {
    if (!barrier) return;
    out_.line("// " + comment(barrier->reason));
    if (barrier->finishes_streams) out_.line("finish_streams();");
    out_.line("wait_for_all(call);");
  }

  void scope(const plan::Scope& scope) {
    out_.line("");
    const std::string& name = std::get<ir::At>(scope.statement->node).name;
    out_.line("// " + comment(name));
    const std::string begin = lowering_.symbols.names.fresh(name + "_started");
    out_.line(fmt::format("const uint64_t {} = trace_begin(call);", begin));
    nodes(scope.nodes);
    out_.line(fmt::format("trace_end(call, {}, {});", literal(name), begin));
  }

  // All workers read the same values here, so that all leave or none.
  void assumption(const plan::Assume& assume) {
    const std::string condition = lowering_.condition(assume.assume->condition);
    out_.line(fmt::format("if (!({})) return fail_assumption(call, {});", condition, assume.number));
  }

  void alone(const plan::Alone& alone) {
    for (const plan::TileMemory& memory : alone.memory) lowering_.place(out_, memory);
    out_.open("if (call->ith == 0)");
    write_body(lowering_, alone.body, out_);
    out_.close();
  }

  void loop(const plan::Loop& loop) {
    open_loop(lowering_, *loop.loop, out_);
    scoped(loop.body);
    lowering_.loop_numbers.pop_back();
    out_.close();
  }

  void branch(const plan::Branch& branch) {
    out_.open("if (" + lowering_.condition(branch.branch->condition) + ")");
    scoped(branch.then_body);
    if (branch.else_body) {
      out_.reopen("} else {");
      scoped(*branch.else_body);
    }
    out_.close();
  }

  void scoped(const plan::Body& body) {
    const std::string mark = lowering_.symbols.names.own("before");
    out_.line(fmt::format("const Scratch {} = shared;", mark));
    nodes(body.nodes);
    barrier(body.at_end);
    out_.line(fmt::format("shared = {};", mark));
  }

  std::string trips_of(const ir::Loop& loop) const {
    if (const auto constant = ir::constant_value(loop.extent))
      return std::to_string(loop.tile == 0 || *constant <= 0 ? std::max<int64_t>(0, *constant) : (*constant - 1) / loop.tile + 1);
    const std::string extent = lowering_.symbols.text(loop.extent);
    return loop.tile == 0 ? fmt::format("larger({}, 0)", extent) : fmt::format("tiles_of({}, {})", extent, loop.tile);
  }

  void phase(const plan::Phase& phase) {
    Symbols& symbols = lowering_.symbols;
    std::string tasks, what;
    std::vector<std::string> counts;
    for (const ir::Loop* loop : phase.nest) {
      counts.push_back(trips_of(*loop));
      tasks += (tasks.empty() ? "" : " * ") + counts.back();
      what += (what.empty() ? "" : ", ") + loop->variable + (loop->tile ? fmt::format(" by {}", loop->tile) : "");
    }
    for (const ir::Statement* scope : phase.scopes) out_.line("// " + comment(std::get<ir::At>(scope->node).name));
    out_.line("// parallel " + what);
    out_.open("");
    const std::string task = symbols.names.own("task_number");
    if (phase.queue) {
      const std::string name = symbols.names.own("tasks");
      out_.line(fmt::format("Tasks {}(&queues[{}], worker_bytes(call->dims).value, call);", name, *phase.queue));
      out_.open(fmt::format("for (int64_t {0}; ({0} = {1}.next()) >= 0;)", task, name));
      lowering_.queues.push_back(tasks);
    } else {
      const std::string part = symbols.names.own("part");
      out_.line(fmt::format("const Part {} = part_of({}, call->ith, call->nth);", part, tasks));
      out_.open(fmt::format("for (int64_t {0} = {1}.begin; {0} < {1}.end; ++{0})", task, part));
    }
    task_of(phase, counts, task);
    out_.close();
    out_.close();
  }

  // The outermost loop's number varies fastest (plan/task_order.h).
  void task_of(const plan::Phase& phase, const std::vector<std::string>& counts, const std::string& task) {
    const std::vector<const ir::Loop*>& nest = phase.nest;
    Symbols& symbols = lowering_.symbols;
    std::string rest = task, first;
    if (phase.tiles_per_sweep > 0) {
      const std::string numbers = symbols.names.own("numbers");
      std::string panels;
      for (size_t i = 1; i < counts.size(); ++i) panels += (i == 1 ? "" : " * ") + counts[i];
      out_.line(fmt::format("const TaskOfTiles {} = task_of_tiles({}, {}, {}, {});", numbers, task, counts[0], panels,
                            phase.tiles_per_sweep));
      first = numbers + ".tile";
      rest = numbers + ".panel";
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
    write_body(lowering_, phase.body, out_);
    for (size_t i = 0; i < nest.size(); ++i) lowering_.loop_numbers.pop_back();
  }

  Lowering& lowering_;
  Writer& out_;
};

}  // namespace

void write_kernel_body(Lowering& lowering, Writer& out) {
  PhaseWriter(lowering, out).nodes(lowering.plan.body.nodes);
  if (lowering.plan.finishes_streams) out.line("finish_streams();");
}

}  // namespace imbrex::codegen
