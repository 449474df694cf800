#include "random/places.h"

#include <iterator>

namespace imbrex::test {
namespace {

std::vector<ir::Block*> blocks_of(ir::Statement& statement) {
  if (auto* loop = std::get_if<ir::Loop>(&statement.node)) return {&loop->body};
  if (auto* at = std::get_if<ir::At>(&statement.node)) return {&at->body};
  if (auto* branch = std::get_if<ir::If>(&statement.node)) return {&branch->then_block, &branch->else_block};
  return {};
}

void collect(ir::Block& block, const std::vector<std::pair<ir::Block*, size_t>>& around, std::vector<Place>& places) {
  for (size_t i = 0; i < block.size(); ++i) {
    places.push_back({&block, i, around});
    auto inside = around;
    inside.emplace_back(&block, i);
    for (ir::Block* inner : blocks_of(block[i])) collect(*inner, inside, places);
  }
}

}  // namespace

std::optional<std::pair<ir::Block*, size_t>> Place::loop() const {
  for (size_t i = around.size(); i-- > 0;)
    if (std::holds_alternative<ir::Loop>((*around[i].first)[around[i].second].node)) return around[i];
  return std::nullopt;
}

void Place::replace_by(ir::Block statements) const {
  const auto next = block->erase(block->begin() + static_cast<std::ptrdiff_t>(index));
  block->insert(next, std::make_move_iterator(statements.begin()), std::make_move_iterator(statements.end()));
}

std::vector<Place> places_of(ir::Program& program) {
  std::vector<Place> places;
  collect(program.body, {}, places);
  return places;
}

}  // namespace imbrex::test
