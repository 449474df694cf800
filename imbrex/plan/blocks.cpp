// Statements as one worker runs them, one after the other.
#include "imbrex/plan/planner.h"

namespace imbrex::plan {

Body plan_block(Planner& planner, const ir::Block& block) {
  planner.worker.open();
  Body body;
  body.nodes = plan_statements(planner, block);
  if (planner.worker.took()) body.frame = Arena::worker;
  planner.worker.close();
  return body;
}

std::vector<Node> plan_statements(Planner& planner, std::span<const ir::Statement> statements) {
  std::vector<Node> nodes;
  const auto add = [&](auto what) { nodes.push_back({std::nullopt, std::move(what)}); };
  for (size_t i = 0, count = 1; i < statements.size(); i += count) {
    const ir::Statement& s = statements[i];
    count = 1;
    if (const auto* loop = std::get_if<ir::Loop>(&s.node)) {
      add(Loop{loop, plan_block(planner, loop->body)});
    } else if (const auto* at = std::get_if<ir::At>(&s.node)) {
      add(Scope{&s, plan_statements(planner, at->body)});
    } else if (const auto* branch = std::get_if<ir::If>(&s.node)) {
      Branch planned{branch, plan_block(planner, branch->then_block), std::nullopt};
      if (!branch->else_block.empty()) planned.else_body = plan_block(planner, branch->else_block);
      add(std::move(planned));
    } else if (std::holds_alternative<ir::CreateTensor>(s.node)) {
      add(plan_tensor(planner, s, Arena::worker));
    } else if (const auto* view = std::get_if<ir::View>(&s.node)) {
      add(View{view});
    } else if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) {
      add(ReadIndex{read});
    } else if (const auto* assume = std::get_if<ir::Assume>(&s.node)) {
      add(Assume{assume, ++planner.assumptions});
    } else {
      add(plan_step(planner, statements.subspan(i), Arena::worker, count));
    }
  }
  return nodes;
}

}  // namespace imbrex::plan
