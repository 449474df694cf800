// Prints the kernel as all workers run it together: barriers, phases, and what the first worker does alone.
#include <fmt/format.h>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/text.h"
#include "imbrex/plan/print.h"

namespace imbrex::codegen {
namespace {

class PhaseWriter {
 public:
  PhaseWriter(Lowering& lowering, Writer& out) : lowering_(lowering), out_(out) {}

  void nodes(const std::vector<plan::Node>& nodes) {
    for (const plan::Node& node : nodes) {
      const WrittenFor here(lowering_.origins, lowering_.origins_of.of(node));
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
    lowering_.loops.pop_back();
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
    out_.line(fmt::format("const Scratch {} = {};", mark, lowering_.symbols.variables.use("shared")));
    nodes(body.nodes);
    barrier(body.at_end);
    out_.line(fmt::format("shared = {};", mark));
  }

  std::string trips_of(const ir::Loop& loop) const {
    if (loop.tile > 0) return fmt::format("tiles_of({}, {})", lowering_.symbols.text(loop.extent), lowering_.tile_of(loop));
    if (const auto constant = ir::constant_value(loop.extent)) return std::to_string(std::max<int64_t>(0, *constant));
    return fmt::format("larger({}, 0)", lowering_.symbols.text(loop.extent));
  }

  // The tasks of a phase, or of one iteration of its first loops.
  std::string tasks_of(const plan::Phase& phase, size_t first_loop = 0) const {
    std::string product;
    for (size_t i = first_loop; i < phase.nest.size(); ++i) product += (product.empty() ? "" : " * ") + trips_of(*phase.nest[i]);
    return product;
  }

  // The tasks that a worker begins with.
  std::string part_of(const plan::Phase& phase, const std::string& sweep) {
    lowering_.symbols.variables.use("call");
    if (phase.tiles_per_sweep == 0) return fmt::format("part_of({}, call->ith, call->nth)", tasks_of(phase));
    const ir::Loop& rows = *phase.nest[0];
    return fmt::format("part_of_tiles({}, {}, {}, {}, call->ith, call->nth)", lowering_.symbols.text(rows.extent),
                       lowering_.tile_of(rows), tasks_of(phase, 1), sweep);
  }

  static std::string name_of(const plan::Phase& phase) {
    std::string name = fmt::format("phase_{}", phase.number);
    const auto add = [&](const ir::Statement& scope) { name += "_" + std::get<ir::At>(scope.node).name; };
    for (const ir::Statement* scope : phase.scopes) add(*scope);
    for (const plan::Node& node : phase.body.nodes) {
      if (const auto* scope = std::get_if<plan::Scope>(&node.what)) add(*scope->statement);
      if (const auto* step = std::get_if<plan::Step>(&node.what))
        if (std::holds_alternative<plan::Pack>(step->what)) name += "_pack";
    }
    return name;
  }

  void phase(const plan::Phase& phase) {
    if (!lowering_.constants.empty()) lowering_.constants.line("");
    lowering_.constants.line("// " + comment(plan::line_of(phase)));
    for (const ir::Loop* loop : phase.nest)
      if (loop->tile > 0) lowering_.tile_of(*loop);
    std::string tasks, sweep;
    if (phase.tiles_per_sweep > 0)
      sweep = lowering_.constant(lowering_.symbols.names.fresh(phase.nest[0]->variable + "_sweep"), phase.tiles_per_sweep,
                                 fmt::format("tiles of {} before the next {}", phase.nest[0]->variable, phase.nest[1]->variable));
    if (phase.queue) {
      const auto part = [&](Writer& out) { out.line("return " + part_of(phase, sweep) + ";"); };
      lowering_.queues.push_back(
          {lowering_.function("Part", fmt::format("part_of_phase_{}", phase.number), part), lowering_.origins});
      tasks = fmt::format("Tasks tasks(&queues[{}], worker_bytes(call->dims).value, call);", *phase.queue);
    }
    const Function function =
        lowering_.function("[[gnu::noinline]] void", lowering_.symbols.names.fresh(name_of(phase)), [&](Writer& out) {
          lowering_.symbols.variables.use("call");
          for (const ir::Statement* scope : phase.scopes) out.line("// " + comment(std::get<ir::At>(scope->node).name));
          if (phase.queue) {
            lowering_.symbols.variables.use("queues");
            out.line(tasks);
            out.open("for (int64_t task_number; (task_number = tasks.next()) >= 0;)");
          } else {
            out.line(fmt::format("const Part part = {};", part_of(phase, sweep)));
            out.open("for (int64_t task_number = part.begin; task_number < part.end; ++task_number)");
          }
          task_of(phase, sweep, out);
          out.close();
        });
    out_.line(call_of(function) + ";");
  }

  // The outermost loop's number varies fastest (plan/task_order.h).
  void task_of(const plan::Phase& phase, const std::string& sweep, Writer& out) {
    const std::vector<const ir::Loop*>& nest = phase.nest;
    Symbols& symbols = lowering_.symbols;
    std::string rest = "task_number", first;
    if (phase.tiles_per_sweep > 0) {
      out.line(fmt::format("const TaskOfTiles numbers = task_of_tiles(task_number, {}, {}, {});", trips_of(*nest[0]),
                           tasks_of(phase, 1), sweep));
      first = "numbers.tile";
      rest = "numbers.panel";
    }
    const auto declare = [&](const std::string& stem, const std::string& value) {
      const std::string name = symbols.names.fresh(stem);
      out.line(fmt::format("const int64_t {} = {};", name, value));
      symbols.variables.declare("int64_t", name);
      return name;
    };
    for (size_t i = 0; i < nest.size(); ++i) {
      const ir::Loop& loop = *nest[i];
      LoopSymbol& symbol = symbols.loops.at(loop.variable);
      symbol.size.clear();
      const bool last = i + 1 == nest.size(), is_given = i == 0 && !first.empty();
      const std::string number = is_given ? first : last ? rest : rest + " % " + trips_of(loop);
      const std::string offset = ir::constant_value(loop.begin) == 0 ? "" : symbols.text(loop.begin) + " + ";
      if (loop.tile == 0) {
        symbol.variable = declare(loop.variable, offset + number);
      } else {
        const std::string& tile = lowering_.tile_of(loop);
        symbol.index = declare(loop.variable + "_index", number);
        symbol.variable = declare(loop.variable + "_begin", offset + symbol.index + " * " + tile);
        const auto extent = ir::constant_value(loop.extent);
        if (!extent || *extent % loop.tile != 0)
          symbol.size =
              declare(loop.variable + "_size",
                      fmt::format("smaller({}, {} - {})", tile, symbols.text(ir::add(loop.begin, loop.extent)), symbol.variable));
      }
      lowering_.loops.push_back(&loop);
      if (!last && !is_given) rest = (rest.find(' ') == std::string::npos ? rest : "(" + rest + ")") + " / " + trips_of(loop);
    }
    write_body(lowering_, phase.body, out);
    for (size_t i = 0; i < nest.size(); ++i) lowering_.loops.pop_back();
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
