// Row reductions inside a loop over columns: 16 or 64 lanes that are folded when the row ends, or, for a sum that several loops
// continue, 64 lanes for each row in memory.
#pragma once

#include "imbrex/codegen/row_values.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

class RowReductions {
 public:
  RowReductions(Lowering& lowering, RowValues& values) : lowering_(lowering), symbols_(lowering.symbols), values_(values) {}

  // An f32 reduction in registers: its loop goes over groups of 64 columns.
  bool takes_groups_of_64(const plan::RowStep& step) const {
    return is_f32_extreme(step) || (is_f32_sum(step) && !is_in_memory(step));
  }

  void begin(const plan::RowStep& step, Writer& before_loop);
  // Takes the columns of `place`; `lane_block` is which 16 of 64 lanes they are.
  void add(const plan::RowStep& step, const Place& place, const std::string& lane_block, Writer& loop);
  // The value of the row, or "" where the sum goes on in memory.
  std::string end(const plan::RowStep& step);
  // All of it, for a tile of one column: a sum is 0 + x, and a maximum is x. As `end`.
  std::string over_one_column(const plan::RowStep& step, Writer& out);

  // How many columns each sum in memory has taken: the same for all rows, so moved outside of the loop over them.
  void start_positions(const plan::RowNest& nest, Writer& out) const;
  void advance_positions(const plan::RowNest& nest, Writer& out) const;

 private:
  bool is_f32_sum(const plan::RowStep& step) const;
  bool is_f32_extreme(const plan::RowStep& step) const;  // a maximum or a minimum
  bool is_in_memory(const plan::RowStep& step) const;
  std::string name_of(const plan::RowStep& step);
  std::string position_of(const plan::RowStep& step) const;
  std::string begin_lanes(const plan::RowStep& step, Writer& out);

  const Lowering& lowering_;
  Symbols& symbols_;
  RowValues& values_;
  std::map<const ir::Statement*, std::string> names_;
};

}  // namespace imbrex::codegen
