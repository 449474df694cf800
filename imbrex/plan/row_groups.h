// Which neighbouring statements run row by row together, and which of those share a loop over columns.
//
// A row step is a statement that computes each row of its result from the same row of what it reads. A group is a maximal run
// of neighbouring row steps over equally many rows that depend on each other only row by row; its steps fall into loops: one
// loop over columns each, or a single element per row. Everything else (reductions over rows, products, transposes) stands alone.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/plan/symbols.h"

namespace imbrex::plan {

struct RowStep {
  enum class Kind { elementwise, row_reduction, interleave, concat };
  Kind kind = Kind::elementwise;
  const ir::Statement* statement = nullptr;
  ir::ExprPtr value;  // what is assigned or stored
  ir::IndexExpr rows;
  ir::IndexExpr columns;  // of the loop: of what is reduced, of the halves that are interleaved
};

inline const ir::Assign* assign_of(const RowStep& step) { return std::get_if<ir::Assign>(&step.statement->node); }

struct ColumnLoop {
  std::vector<RowStep> steps;  // more than one only if all have the same columns
  bool is_single() const { return ir::is_one(steps.front().columns); }
};

struct RowGroup {
  ir::IndexExpr rows;
  std::vector<ColumnLoop> loops;
};

// The f32 tile that a cast to bf16 rounds to nearest, null if it is no such cast. A store rounds in the same instruction.
ir::ExprPtr rounded_to_bf16(const ir::ExprPtr& e);

// The step of a (split) statement; nothing if it is none.
std::optional<RowStep> row_step(const ir::Statement& statement);
// The group that begins at statements[0], which is a row step; `count` is how many statements it takes. Steps may
// stand before earlier ones that they do not depend on.
RowGroup row_group(std::span<const ir::Statement> statements, const Symbols& symbols, size_t& count);

}  // namespace imbrex::plan
