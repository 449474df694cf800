// Splits expressions so that each statement is one step that a loop can do.
//
// Requires: a verified program.
// Guarantees: the same meaning. In each statement, what is not elementwise stands at the root of an assignment:
//   reductions, matmul, transpose, reshape, concat, interleave. Operands of matmul are tile variables or loads with rows and
//   unit-stride columns; of transpose, reshape and concat_rows tile variables; of even, odd and gather (the tile gathered from)
//   tile variables or loads. A load or store whose columns are not contiguous stands alone beside a tile variable.
//   An assignment that would overwrite what it still reads goes through a new variable.
// Why here: the loops that codegen writes read their operands at one row and a block of columns, and nothing else.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::plan {

ir::Program split(const ir::Program& program);

// Columns that are contiguous: the last axis is the tile's column axis, a range. A single point counts.
bool has_neighbouring_columns(const std::vector<ir::Axis>& slice);
bool is_row_reduction(ir::Op op);  // row_sum, row_sum_acc, row_max, row_min
bool is_column_reduction(ir::Op op);
// even, odd, columns, gather: the first operand is in memory, and is read at other columns than those of the result.
bool reads_across_columns(ir::Op op);

}  // namespace imbrex::plan
