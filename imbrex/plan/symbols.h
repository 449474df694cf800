// What the names of a planned program stand for: tensors, tiles, loops, and how each lies in memory.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/loops.h"
#include "imbrex/ir/program.h"

namespace imbrex::plan {

struct Tensor {
  std::string name, storage;  // storage: the tensor whose memory a view shares; else the name
  ir::DType dtype;
  std::vector<ir::IndexExpr> shape;
  int argument = -1;      // index into Program::tensors, -1 for a created tensor
  bool written = false;   // by any store, through any view
  bool in_tiles = false;  // rows lie as products on tile registers take them (isa/matmul_tiles.h); no strides then
};

struct Tile {
  std::string name;
  ir::DType dtype;
  ir::IndexExpr rows, columns;
  ir::IndexExpr rows_in_memory, columns_in_memory;  // the same, or 0 where they are less
  bool accumulator = false;                         // some row_sum_acc of f32 continues it: 64 lanes in memory for each row
  int mentions = 0;                                 // statements and expressions of the whole program that name it
  int64_t padding = 0;                              // elements between its rows in memory
};

// Elements from one of its rows to the next.
inline ir::IndexExpr width_of(const Tile& tile) {
  return tile.padding == 0 ? tile.columns_in_memory : ir::add(tile.columns_in_memory, ir::constant(tile.padding));
}

struct Symbols {
  explicit Symbols(const ir::Program& program);

  std::map<std::string, Tensor> tensors;
  std::map<std::string, Tile> tiles;
  ir::Loops loops;
  std::set<std::string> dims;

  std::optional<int64_t> fixed(const ir::IndexExpr& e) const;  // a constant, also the size of spans that are all whole
  bool is_multiple(const ir::IndexExpr& e, int64_t of) const;  // proven
  bool at_most(const ir::IndexExpr& e, int64_t limit) const;   // proven
  bool depends_on_data(const ir::IndexExpr& e) const;
};

}  // namespace imbrex::plan
