#include "imbrex/interpret/iterations.h"

namespace imbrex::interpret {

Iterations::Iterations() : nodes_(1) {}

void Iterations::enter(const ir::Loop& loop, int origin, int64_t execution, int64_t number) {
  nodes_.push_back({current_, nodes_[static_cast<size_t>(current_)].depth + 1, &loop, origin, execution, number});
  current_ = static_cast<int32_t>(nodes_.size() - 1);
}

void Iterations::leave() { current_ = nodes_[static_cast<size_t>(current_)].parent; }

Iterations::Pair Iterations::concurrent(int32_t earlier) const {
  const auto node = [&](int32_t at) -> const Node& { return nodes_[static_cast<size_t>(at)]; };
  int32_t a = earlier, b = current_;
  int32_t below_a = a, below_b = b;  // the children through which the common ancestor is reached
  while (a != b) {
    const bool up_a = node(a).depth >= node(b).depth, up_b = node(b).depth >= node(a).depth;
    if (up_a) below_a = a, a = node(a).parent;
    if (up_b) below_b = b, b = node(b).parent;
  }
  if (below_a == a || below_b == b) return {};  // one runs inside the other
  if (node(below_a).execution != node(below_b).execution) return {};
  return {node(below_a).loop, node(below_a).origin, node(below_a).number, node(below_b).number};
}

}  // namespace imbrex::interpret
