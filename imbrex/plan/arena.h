// The most bytes that a bump pointer gives out, as blocks open and close.
#pragma once

#include <vector>

#include "imbrex/ir/linear.h"

namespace imbrex::plan {

class ArenaBytes {
 public:
  void open() { blocks_.push_back({ir::constant(0), ir::constant(0)}); }
  // What the block took is free again.
  void close() {
    const Block inner = blocks_.back();
    blocks_.pop_back();
    blocks_.back().inside = ir::max(blocks_.back().inside, ir::add(inner.taken, inner.inside));
  }
  void take(const ir::IndexExpr& bytes) { blocks_.back().taken = ir::add(blocks_.back().taken, bytes); }
  // Whether the innermost open block took something.
  bool took() const { return ir::constant_value(blocks_.back().taken) != 0; }
  ir::IndexExpr most() const { return ir::combined(ir::add(blocks_.front().taken, blocks_.front().inside)); }

 private:
  struct Block {
    ir::IndexExpr taken, inside;
  };
  std::vector<Block> blocks_{{ir::constant(0), ir::constant(0)}};
};

}  // namespace imbrex::plan
