#include "imbrex/codegen/origins.h"

#include <algorithm>

#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

Origins known(int origin) { return origin < 0 ? Origins() : Origins{origin}; }

void add(Origins& to, const Origins& more) {
  to.insert(to.end(), more.begin(), more.end());
  std::sort(to.begin(), to.end());
  to.erase(std::unique(to.begin(), to.end()), to.end());
}

}  // namespace

OriginsOfNodes::OriginsOfNodes(const ir::Program& program) {
  for (const ir::Tensor& tensor : program.tensors) tensors_[tensor.name] = tensor.origin;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    std::visit([&](const auto& part) { parts_[&part] = statement.origin; }, statement.node);
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) tensors_[create->tensor.name] = statement.origin;
    return true;
  });
}

Origins OriginsOfNodes::of(const ir::Statement& statement) { return known(statement.origin); }

Origins OriginsOfNodes::of(const ir::Dim& dim) { return known(dim.origin); }

Origins OriginsOfNodes::of_part(const void* part) const {
  const auto found = parts_.find(part);
  return found == parts_.end() ? Origins() : known(found->second);
}

Origins OriginsOfNodes::of_tensor(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  return found == tensors_.end() ? Origins() : known(found->second);
}

Origins OriginsOfNodes::of(const std::vector<plan::Node>& nodes) const {
  Origins all;
  for (const plan::Node& node : nodes) add(all, of(node));
  return all;
}

// Loops of the plan's own are what they hold.
Origins OriginsOfNodes::of(const plan::Phase& phase) const {
  Origins all;
  for (const ir::Loop* loop : phase.nest) add(all, of_part(loop));
  for (const ir::Statement* scope : phase.scopes) add(all, of(*scope));
  return all.empty() ? of(phase.body.nodes) : all;
}

Origins OriginsOfNodes::of(const plan::Step& step) const {
  Origins all;
  if (const auto* nest = std::get_if<plan::RowNest>(&step.what)) {
    for (const std::vector<plan::Pass>& stage : nest->stages)
      for (const plan::Pass& pass : stage)
        for (const plan::RowStep& each : pass.steps) add(all, of(*each.statement));
  } else if (const auto* product = std::get_if<plan::Product>(&step.what)) {
    all = of(*product->statement);
    if (product->into) add(all, of_part(product->into));
  } else if (const auto* pack = std::get_if<plan::Pack>(&step.what)) {
    all = of(*pack->ahead->product);
  } else if (const auto* reduction = std::get_if<plan::ColumnReduction>(&step.what)) {
    all = of(*reduction->statement);
  } else if (const auto* move = std::get_if<plan::Move>(&step.what)) {
    all = of(*move->statement);
  } else if (const auto* copy = std::get_if<plan::Copy>(&step.what)) {
    all = of(*copy->statement);
  } else if (const auto* tap = std::get_if<plan::Tap>(&step.what)) {
    all = of(*tap->statement);
  } else {
    all = of(*std::get<plan::CheckElements>(step.what).statement);
  }
  return all;
}

Origins OriginsOfNodes::of(const plan::Node& node) const {
  const auto or_inside = [&](Origins own, const std::vector<plan::Node>& inside) { return own.empty() ? of(inside) : own; };
  if (const auto* phase = std::get_if<plan::Phase>(&node.what)) return of(*phase);
  if (const auto* alone = std::get_if<plan::Alone>(&node.what)) return of(alone->body.nodes);
  if (const auto* loop = std::get_if<plan::Loop>(&node.what)) return or_inside(of_part(loop->loop), loop->body.nodes);
  if (const auto* branch = std::get_if<plan::Branch>(&node.what))
    return or_inside(of_part(branch->branch), branch->then_body.nodes);
  if (const auto* scope = std::get_if<plan::Scope>(&node.what)) return or_inside(of(*scope->statement), scope->nodes);
  if (const auto* create = std::get_if<plan::CreateTensor>(&node.what)) return of(*create->statement);
  if (const auto* taken = std::get_if<plan::TakePacked>(&node.what)) return of(*taken->ahead->product);
  if (const auto* view = std::get_if<plan::View>(&node.what)) return of_part(view->view);
  if (const auto* read = std::get_if<plan::ReadIndex>(&node.what)) return of_part(read->read);
  if (const auto* assume = std::get_if<plan::Assume>(&node.what)) return of_part(assume->assume);
  return of(std::get<plan::Step>(node.what));
}

}  // namespace imbrex::codegen
