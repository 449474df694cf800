// How large the tiles of a schedule are. Each size is a choice with its reason. A rule, from the sizes of the caches and the
// number of cores, says what to begin with; another size replaces it where the cost model (cost.h) says that it is clearly faster
// at the typical number of rows.
#pragma once

#include "imbrex/optimize/contractions.h"

namespace imbrex::optimize {

constexpr int64_t kLeastColumns = 32;  // of a tile of a product, unless its author pins fewer

// Rows that a task of a chain over rows takes: few, so that a row stays in the L1 cache during all passes over it; more where rows
// are short, for a task costs as much time to deal as some hundred elements take. `columns`: of the widest row, where constant.
int64_t row_block(const std::string& scope, std::optional<int64_t> columns, std::vector<Choice>& choices);
// Rows per tile of a contraction: a multiple of the microkernel's rows. The rule: as many as keep the operand's rows in a quarter
// of the L2 cache (the weights' panel has half of it), and no more than the cache holds until the epilogue reads them.
int64_t row_tile(const Contraction& c, const Machine& machine, std::vector<Choice>& choices);
int64_t ruled_row_tile(const Contraction& c, const Machine& machine);
// Columns per task of a contraction. The rule: the weights' panel stays in half of the L2 cache, and every core gets several
// tasks; at least one where rows in tiles are multiplied by parts of k, since each task reads the rows again.
int64_t column_block(const Contraction& c, const Machine& machine, std::vector<Choice>& choices);
// The size nearest to `columns` whose tiles fit the blocks of scales of these products, which share them (tiles_fit_blocks); a
// multiple of what packed weights lie in, where one is not far larger. `columns` where none fits.
int64_t whole_blocks(int64_t columns, const std::vector<const Contraction*>& products, std::vector<Choice>& choices);
// Whether a panel of weights stays in the caches while the tiles of rows pass: the rule, as weights are the larger part.
// Otherwise the panels pass by each tile of rows.
bool panels_stay(const Contraction& c, int64_t row_tile, int64_t column_block, const Machine& machine,
                 std::vector<Choice>& choices);
int64_t ruled_column_block(const Contraction& c, const Machine& machine);

}  // namespace imbrex::optimize
