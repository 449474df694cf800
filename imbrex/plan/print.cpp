#include "imbrex/plan/print.h"

#include <fmt/format.h>

#include "imbrex/ir/authors_scopes.h"
#include "imbrex/ir/print.h"
#include "imbrex/plan/phase_work.h"
#include "imbrex/target/rates.h"

namespace imbrex::plan {
namespace {

std::string shape_text(const std::vector<ir::IndexExpr>& shape) {
  std::string text;
  for (const ir::IndexExpr& extent : shape) text += (text.empty() ? "" : ", ") + ir::to_text(extent);
  return "[" + text + "]";
}

std::string domain_of(const ir::Loop& loop) {
  const bool from_0 = ir::constant_value(loop.begin) == 0;
  const std::string end = ir::to_text(ir::add(loop.begin, loop.extent));
  if (loop.tile == 0) return fmt::format("{} in {} .. {}", loop.variable, ir::to_text(loop.begin), end);
  return fmt::format("{} in tiles of {} of {}{}", loop.variable, loop.tile, from_0 ? "" : ir::to_text(loop.begin) + " .. ", end);
}

constexpr const char* kFinishStreams = "finish stores past the caches";

// Where products of few rows do not prefetch weights as on most machines.
std::string fetching(const target::Rates& rates) {
  if (rates.fetched_ahead == target::kUsuallyFetchedAhead) return "";
  if (rates.fetched_ahead == 0) return ", few rows prefetch as suits Zen 4";
  return fmt::format(", few rows prefetch {} bytes ahead", rates.fetched_ahead);
}

class PlanPrinter {
 public:
  PlanPrinter(const Plan& plan, const target::Machine& machine) : plan_(plan), machine_(machine) {}

  std::string run() {
    line(fmt::format("plan {} for {} on {}{}", ir::quoted(plan_.program->name), machine_.target->name, machine_.rates.name,
                     fetching(machine_.rates)));
    line(fmt::format("memory of all workers: {} bytes", ir::to_text(plan_.shared_bytes)));
    line(fmt::format(
        "memory of each worker: {} bytes{}", ir::to_text(plan_.worker_bytes),
        plan_.queues == 0 ? "" : fmt::format(", {} of them for tasks that others may steal", kQueueBytes * plan_.queues)));
    for (const ir::Tensor& tensor : plan_.program->tensors)
      if (const auto packed = plan_.packed.find(tensor.name); packed != plan_.packed.end())
        line(fmt::format("packed when it is bound: {} {} {}, by pack_{}", tensor.name, name_of(tensor.dtype),
                         shape_text(tensor.shape), packed->second.packing));
    line("");
    body(plan_.body);
    if (plan_.finishes_streams) line(kFinishStreams);
    return text_;
  }

 private:
  void line(const std::string& text) {
    text_ += (text.empty() ? "" : std::string(2 * static_cast<size_t>(depth_), ' ') + text) + "\n";
  }
  template <class Write>
  void inside(Write write) {
    ++depth_;
    write();
    --depth_;
  }

  std::string slice(const std::string& tensor, const std::vector<ir::Axis>& slice) const {
    return ir::print(tensor, slice, *plan_.program);
  }

  void barrier(const Barrier& barrier) {
    if (barrier.finishes_streams) line(kFinishStreams);
    line("barrier: " + barrier.reason);
  }

  void memory(const Allocation& allocation) {
    const auto most = ir::constant_value(allocation.most_bytes);
    line(fmt::format("take {}: {} {} of {} memory{}", allocation.name, ir::to_text(allocation.elements),
                     allocation.dtype ? name_of(*allocation.dtype) : "bytes",
                     allocation.arena == Arena::shared ? "all workers'" : "this worker's",
                     !most                                     ? ""
                     : ir::constant_value(allocation.elements) ? fmt::format(", {} bytes", *most)
                                                               : fmt::format(", {} bytes at most", *most)));
  }

  void body(const Body& body) {
    nodes(body.nodes);
    if (body.at_end) barrier(*body.at_end);
  }

  void nodes(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      if (node.barrier) barrier(*node.barrier);
      std::visit([this](const auto& what) { print(what); }, node.what);
    }
  }

  void computes(const std::vector<const ir::Loop*>& nest, const Body& body) {
    if (const std::string text = work_of(plan_, nest, body).text(); !text.empty()) line("computes: " + text);
  }

  // ---- control

  void print(const Phase& phase) {
    line(line_of(phase));
    inside([&] {
      line("tasks: " + tasks_of(phase.nest).text());
      computes(phase.nest, phase.body);
      if (phase.tiles_per_sweep > 0)
        line(fmt::format("order: {} varies first, {} of its tiles at a time, then {}", phase.nest[0]->variable,
                         phase.tiles_per_sweep, phase.nest[1]->variable));
      body(phase.body);
    });
  }
  void print(const Alone& alone) {
    for (const TileMemory& each : alone.memory) memory(each.allocation);
    line("the first worker:");
    inside([&] {
      computes({}, alone.body);
      body(alone.body);
    });
  }
  void print(const Loop& loop) {
    line("loop: " + domain_of(*loop.loop));
    inside([&] { body(loop.body); });
  }
  void print(const Branch& branch) {
    line("if " + ir::print(branch.branch->condition));
    inside([&] { body(branch.then_body); });
    if (!branch.else_body) return;
    line("else");
    inside([&] { body(*branch.else_body); });
  }
  void print(const Scope& scope) {
    const std::string authors = ir::text_of(ir::authors_scopes(*plan_.program, *scope.statement));
    line(fmt::format("scope {}{}", ir::quoted(std::get<ir::At>(scope.statement->node).name),
                     scope.statement->sources.empty() ? "" : ", of the author's " + authors));
    inside([&] { nodes(scope.nodes); });
  }
  void print(const CreateTensor& create) {
    const Tensor& tensor = plan_.symbols.tensors.at(std::get<ir::CreateTensor>(create.statement->node).tensor.name);
    std::string layout;
    if (tensor.in_tiles) layout = ", in tiles of 16 rows by 64 bytes";
    if (create.padding > 0) layout = fmt::format(", {} elements between its rows", create.padding);
    line(fmt::format("tensor {}: {} {}{}", tensor.name, name_of(tensor.dtype), shape_text(tensor.shape), layout));
    inside([&] { memory(create.allocation); });
  }
  void print(const TakePacked& taken) { memory(taken.ahead->memory); }
  void print(const View& view) {
    line(fmt::format("view {} of {} as {}", view.view->name, view.view->base, shape_text(view.view->shape)));
  }
  void print(const ReadIndex& read) {
    std::string position;
    for (const ir::IndexExpr& e : read.read->position) position += (position.empty() ? "" : ", ") + ir::to_text(e);
    line(fmt::format("read {} from {}[{}]", read.read->name, read.read->tensor, position));
  }
  void print(const Assume& assume) {
    line(fmt::format("assumption {}: {}, or nothing after it is done", assume.number, ir::print(assume.assume->condition)));
  }

  // ---- steps

  void print(const Step& step) {
    for (const SliceCheck& check : step.checks) {
      std::string text = ir::print(ir::Condition{check.holds});
      if (check.or_else) text += " or " + ir::print(ir::Condition{*check.or_else});
      line("where " + text + ", else the call fails:");
    }
    if (step.memory) memory(step.memory->allocation);
    std::visit([this](const auto& what) { print(what); }, step.what);
  }

  void print(const RowNest& nest) {
    const bool in_stages = nest.stages.size() > 1 && !nest.one_row;
    std::string how;
    if (in_stages)
      how = fmt::format(", in {} stages, {} rows at a time", nest.stages.size(),
                        nest.all_rows_at_once ? "all" : std::to_string(kRowsOfStage));
    line(nest.one_row ? "one row" : fmt::format("rows: {}{}", ir::to_text(nest.rows), how));
    inside([&] {
      for (const TileMemory& each : nest.memory) memory(each.allocation);
      for (size_t i = 0; i < nest.stages.size(); ++i) {
        if (in_stages) line(fmt::format("stage {}", i + 1));
        depth_ += in_stages;
        for (const Pass& pass : nest.stages[i]) print(pass);
        depth_ -= in_stages;
      }
    });
  }

  void print(const Pass& pass) {
    const std::string columns = pass.columns ? std::to_string(*pass.columns) : ir::to_text(pass.steps.front().columns);
    switch (pass.form) {
      case Pass::Form::single: line("one number a row"); break;
      case Pass::Form::vectors: line(fmt::format("columns: {}, 16 at a time", columns)); break;
      case Pass::Form::pairs: line(fmt::format("columns: {}, 32 at a time", columns)); break;
      case Pass::Form::groups_of_64: line(fmt::format("columns: {}, 64 at a time", columns)); break;
      case Pass::Form::concat: line("columns: part after part"); break;
    }
    inside([&] {
      for (const Prefetch& prefetch : pass.prefetches) print(prefetch);
      for (const RowStep& step : pass.steps) {
        const bool streams = plan_.streams.contains(step.statement);
        statement(*step.statement, streams ? ", past the caches where the tensor is large" : "");
      }
    });
  }

  void print(const Prefetch& prefetch) {
    line(fmt::format(
        "{} {}{}", prefetch.stores ? "prefetch for writing" : "prefetch", slice(prefetch.tensor, *prefetch.slice),
        prefetch.stores && plan_.streams.contains(prefetch.statement) ? ", where it is not stored past the caches" : ""));
  }

  void print(const Product& product) {
    const auto& assign = std::get<ir::Assign>(product.statement->node);
    const ir::Expr& e = *assign.value;
    for (const Prefetch& prefetch : product.prefetches) print(prefetch);
    const char* const left = product.left == Product::Left::tiles        ? " in tiles"
                             : product.left == Product::Left::transposed ? " transposed first"
                                                                         : "";
    if (product.transposed) memory(*product.transposed);
    if (product.scratch) memory(*product.scratch);
    if (product.panels) {
      memory(*product.panels);
      const std::string why = product.ahead               ? fmt::format(", where {} does not hold it", product.ahead->of->name)
                              : product.not_ahead.empty() ? ""
                                                          : fmt::format(", again each time: {}", product.not_ahead);
      line(fmt::format("pack {} by pack_{}{}", side(*e.args.back()), product.packing, why));
    }
    const std::string packed = product.ahead ? " in " + product.ahead->of->name : product.panels ? "" : " packed";
    std::string scales, function = product.kernel->function();
    if (has_scaled_blocks(e.op)) {
      function = fmt::format("{}<{}>", name_of(e.op), function);
      scales = fmt::format(", each {} of k and {} columns {} by {}", e.block.k, e.block.columns,
                           e.op == ir::Op::matmul_scaled ? "scaled" : "expanded", side(*e.args[0]));
    }
    if (e.op == ir::Op::matmul_scaled) scales += " and " + side(*e.args[1]);
    line(fmt::format("product: {} {} {}{} . {}{}{}, by {}",
                     product.into ? slice(product.into->tensor, product.into->slice) : assign.name,
                     e.op == ir::Op::matmul_acc ? "+=" : "=", side(*e.args[e.args.size() - 2]), left, side(*e.args.back()),
                     packed, scales, function));
  }

  void print(const Pack& pack) {
    const ir::Expr& right = *pack.ahead->right;
    line(fmt::format("pack {}{} into {}, by pack_{}", pack.panels ? "panel " + pack.panels->variable + " of " : "", side(right),
                     pack.ahead->name, pack.ahead->kernel->packing));
  }

  std::string side(const ir::Expr& operand) const {
    return operand.op == ir::Op::load ? slice(operand.name, operand.slice) : operand.name;
  }

  void print(const ColumnReduction& reduction) {
    line("reduction of columns, row after row");
    inside([&] { statement(*reduction.statement, ""); });
  }
  void print(const Move& move) {
    line("move");
    inside([&] { statement(*move.statement, ""); });
  }
  void print(const Copy& copy) {
    line("copy, element by element");
    inside([&] { statement(*copy.statement, ""); });
  }
  void print(const Tap& tap) { statement(*tap.statement, ""); }
  void print(const CheckElements& check) {
    if (check.seen) memory(*check.seen);
    statement(*check.statement, ", or the call fails");
  }

  void statement(const ir::Statement& statement, const char* more) {
    ir::Statement plain = statement;
    plain.annotations.clear();
    std::string text = ir::print(plain, *plan_.program);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    line(text + more);
  }

  const Plan& plan_;
  const target::Machine& machine_;
  std::string text_;
  int depth_ = 0;
};

}  // namespace

std::string line_of(const Phase& phase) {
  std::string domains;
  for (const ir::Loop* loop : phase.nest) domains += (domains.empty() ? "" : "; ") + domain_of(*loop);
  return fmt::format("phase {}: {}; {}", phase.number, domains, phase.queue ? "idle workers steal" : "each worker its part");
}

std::string print(const Plan& plan, const target::Machine& machine) { return PlanPrinter(plan, machine).run(); }

}  // namespace imbrex::plan
