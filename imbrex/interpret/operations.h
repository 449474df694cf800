// Each operation of a tile program as a function of tile values.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::interpret {

// A matrix, row-major. Floating-point types hold their values in `f`, integers and bool in `i`.
struct Tile {
  DType dtype = DType::f32;
  int64_t rows = 0, columns = 0;
  std::vector<float> f;
  std::vector<int32_t> i;
  // How an f32 row_sum and a bf16 matmul continue: the 64 lanes of each row's sum, and how many elements of the axis are in it.
  std::vector<float> lanes;
  int64_t count = 0;
};

Tile make_tile(DType dtype, int64_t rows, int64_t columns);  // of zeros
Tile cast(const Tile& x, DType to, ir::CastMode mode);
// Elementwise, with the broadcasts given: an operand of one row (column) serves every row (column) of the result.
struct Broadcast {
  int64_t rows, columns;
};
// neg, add, eq and all others that `is_arithmetic` holds of.
Tile arithmetic(ir::Op op, const std::vector<std::shared_ptr<const Tile>>& args, Broadcast shape);
Tile select(const Tile& condition, const Tile& a, const Tile& b, Broadcast shape);
Tile row_sum(const Tile* acc, const Tile& x);  // acc null: a new sum
Tile col_sum(const Tile* acc, const Tile& x);
Tile row_extreme(bool greatest, const Tile& x);
Tile col_extreme(bool greatest, const Tile& x);
// acc null: from zero. a [m, k], b [k, n]. A bf16 `acc` must hold whole blocks of 32 products.
Tile matmul(const Tile* acc, const Tile& a, const Tile& b);
// a [m, k] by b [k, n], a block of k after the other: the product of the block, as matmul has it of int8 or bf16, is scaled by
// a_scales * b_scales and added.
Tile matmul_scaled(const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b, ir::ScaledBlock block);
// x as bf16, each element times the scale of its block of rows and columns, rounded once.
Tile expanded(const Tile& scales, const Tile& x, ir::ScaledBlock block);
Tile transpose(const Tile& x);
Tile reshape(Tile x, int64_t rows, int64_t columns);
Tile concat_rows(const std::vector<Tile>& parts);
Tile concat_columns(const std::vector<Tile>& parts);
Tile every_second_column(const Tile& x, int64_t first);
Tile columns(const Tile& x, int64_t begin, int64_t size);  // inside of x
Tile repeat_rows(const Tile& x, int64_t times);
Tile interleave(const Tile& even, const Tile& odd);
Tile gather(const Tile& x, const Tile& indices);  // every index is a column of x

}  // namespace imbrex::interpret
