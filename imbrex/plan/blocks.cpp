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

Branch branch_where(Planner& planner, const ir::Comparison& holds) {
  auto branch = std::make_unique<ir::If>();
  branch->condition = {holds};
  planner.plan.own_branches.push_back(std::move(branch));
  return {planner.plan.own_branches.back().get(), {}, std::nullopt};
}

namespace {

// Packs that stand before a loop: each part, one after the other.
void pack_before(Planner& planner, const ir::Statement& loop, std::vector<Node>& nodes) {
  const auto found = planner.packs.before.find(&loop);
  if (found == planner.packs.before.end()) return;
  for (PackAhead* ahead : found->second) {
    ahead->memory = planner.allocate(Arena::worker, std::nullopt, ahead->memory.elements, ahead->name, loop);
    nodes.push_back({std::nullopt, TakePacked{ahead}});
    Node node{std::nullopt, Step{Pack{ahead, nullptr}, std::nullopt, {}}};
    for (size_t i = ahead->parts.size(); i-- > 0;) {
      Loop part{ahead->parts[i], {}};
      part.body.nodes.push_back(std::move(node));
      node = {std::nullopt, std::move(part)};
    }
    if (ahead->where) {
      Branch branch = branch_where(planner, *ahead->where);
      branch.then_body.nodes.push_back(std::move(node));
      node = {std::nullopt, std::move(branch)};
    }
    nodes.push_back(std::move(node));
  }
}

}  // namespace

std::vector<Node> plan_statements(Planner& planner, std::span<const ir::Statement> statements) {
  std::vector<Node> nodes;
  const auto add = [&](auto what) { nodes.push_back({std::nullopt, std::move(what)}); };
  for (size_t i = 0, count = 1; i < statements.size(); i += count) {
    const ir::Statement& s = statements[i];
    count = 1;
    if (const auto* loop = std::get_if<ir::Loop>(&s.node)) {
      pack_before(planner, s, nodes);
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
