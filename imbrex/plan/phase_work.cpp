#include "imbrex/plan/phase_work.h"

#include <fmt/format.h>

#include "imbrex/ir/visit.h"
#include "imbrex/ir/work.h"

namespace imbrex::plan {
namespace {

const char* operands_of(target::Product product) {
  switch (product) {
    case target::Product::i8: return name_of(ir::DType::int8);
    case target::Product::u8i8: return "uint8 by int8";
    case target::Product::bf16: return name_of(ir::DType::bf16);
    case target::Product::f32: return name_of(ir::DType::f32);
  }
  throw InternalError("a product has one of four types of operands");
}

class Count {
 public:
  Count(const Plan& plan, std::vector<const ir::Loop*> loops) : plan_(plan), loops_(std::move(loops)) {}

  void body(const Body& body) { nodes(body.nodes); }

  PhaseWork work;

 private:
  void nodes(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) std::visit([this](const auto& what) { visit(what); }, node.what);
  }

  void visit(const Phase& phase) {
    loops_.insert(loops_.end(), phase.nest.begin(), phase.nest.end());
    body(phase.body);
    loops_.resize(loops_.size() - phase.nest.size());
  }
  void visit(const Alone& alone) { body(alone.body); }
  void visit(const Loop& loop) {
    loops_.push_back(loop.loop);
    body(loop.body);
    loops_.pop_back();
  }
  void visit(const Branch& branch) {
    ++branches_;
    body(branch.then_body);
    if (branch.else_body) body(*branch.else_body);
    --branches_;
  }
  void visit(const Scope& scope) { nodes(scope.nodes); }
  void visit(const CreateTensor&) {}
  void visit(const TakePacked&) {}
  void visit(const View&) {}
  void visit(const ReadIndex&) {}
  void visit(const Assume&) {}
  void visit(const Step& step) {
    std::visit([this](const auto& what) { visit(what); }, step.what);
  }

  void visit(const RowNest& nest) {
    for (const std::vector<Pass>& stage : nest.stages)
      for (const Pass& pass : stage)
        for (const RowStep& step : pass.steps) statement(*step.statement);
  }
  void visit(const Product& product) { statement(*product.statement); }
  void visit(const Pack&) {}
  void visit(const ColumnReduction& reduction) { statement(*reduction.statement); }
  void visit(const Move& move) { statement(*move.statement); }
  void visit(const Copy& copy) { statement(*copy.statement); }
  void visit(const Tap&) {}
  void visit(const CheckElements&) {}

  void statement(const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      const ir::OperationCount count = ir::operations_of(e);
      if (count.each == 0 && count.moves == 0) return;
      const bool is_product = kind_of(e.op) == ir::OpKind::product;
      prove::Quantity times(is_product ? count.each / 2 : count.each + count.moves);
      for (const ir::IndexExpr& extent : count.extents)
        times = times * prove::Quantity::of(plan_.bounds.elements_along(extent, statement));
      for (size_t i = loops_.size(); i-- > 0;) times = times.summed_over(*loops_[i]);
      if (branches_ > 0) times.mark_at_most();
      prove::Quantity& sum = is_product       ? work.multiply_adds[static_cast<size_t>(target::product_of(ir::multiplied_as(e)))]
                             : count.each > 0 ? work.operations
                                              : work.moves;
      sum = sum + times;
    });
  }

  const Plan& plan_;
  std::vector<const ir::Loop*> loops_;
  int branches_ = 0;  // open: which part runs, data or sizes decide
};

}  // namespace

prove::Quantity tasks_of(const std::vector<const ir::Loop*>& nest) {
  prove::Quantity tasks(1);
  for (size_t i = nest.size(); i-- > 0;) tasks = tasks.summed_over(*nest[i]);
  return tasks;
}

PhaseWork work_of(const Plan& plan, const std::vector<const ir::Loop*>& nest, const Body& body) {
  Count count(plan, nest);
  count.body(body);
  return std::move(count.work);
}

std::string PhaseWork::text() const {
  std::string text;
  const auto add = [&](const prove::Quantity& quantity, const std::string& what) {
    if (const std::string count = quantity.text(); count != "0")
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  for (const target::Product product : target::kProducts)
    add(multiply_adds[static_cast<size_t>(product)], fmt::format("multiply-adds of {}", operands_of(product)));
  add(operations, text.empty() ? "operations" : "other operations");
  add(moves, "elements moved");
  return text;
}

}  // namespace imbrex::plan
