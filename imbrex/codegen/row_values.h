// The C++ text of elementwise expressions at one row, for one element or for 16 columns.
#pragma once

#include <map>
#include <set>
#include <string>

#include "imbrex/codegen/lowering.h"
#include "imbrex/codegen/row_loops.h"

namespace imbrex::codegen {

// Where values are computed: for 16 lanes from `column` on, of which `count` exist ("" for all), or (vector false) for one
// element.
struct Place {
  bool vector = false;
  std::string column;
  std::string count;
};

class RowValues {
 public:
  // `one_row`: the group has a single row, and no loop over them. `row` is the loop's variable otherwise. What holds where
  // `statement` stands holds of all that is computed here.
  RowValues(Lowering& lowering, const ir::Statement& statement, bool one_row, std::string row)
      : lowering_(lowering), statement_(statement), one_row_(one_row), row_(std::move(row)) {}

  std::string text(const ir::ExprPtr& e, const Place& place);
  // The pointer to this row of a slice or of a variable's memory; its definition goes to `row_begin`.
  std::string row_of(const std::string& tensor, const std::vector<ir::Axis>& slice);
  std::string row_of_variable(const std::string& name);
  std::string store(ir::DType dtype, const std::string& pointer, const std::string& value, const Place& place) const;
  std::string store(const std::string& form, const std::string& pointer, const std::string& value, const Place& place) const;
  // Sixteen lanes, past the caches if the C++ bool `streams` holds.
  std::string stream(const std::string& form, const std::string& pointer, const std::string& value, const Place& place,
                     const std::string& streams) const;

  Writer* row_begin = nullptr;                            // definitions that every pass of this row may use
  Writer* before_loop = nullptr;                          // broadcasts of single values, before the loop over columns
  std::map<std::string, std::string> scalars, registers;  // variables that live in C++ variables now
  // Memory of a variable for one row, or (width not "") for each of a few rows, from `first_row` on.
  struct RowBuffer {
    std::string pointer, width;
  };
  std::map<std::string, RowBuffer> row_buffers;
  std::string first_row;
  const std::set<const ir::Expr*>* reciprocals = nullptr;  // divisions by what `divisor` names

  void forget_hoisted() { hoisted_.clear(); }
  // A new loop over rows: nothing is known in it yet but memory.
  void begin_rows() { pointers_.clear(), scalars.clear(); }

 private:
  std::string load(ir::DType dtype, const std::string& pointer, const Place& place) const;
  std::string at(const std::string& pointer, const std::string& column) const;
  std::string leaf_pointer(const ir::ExprPtr& leaf);
  std::string applied(const ir::ExprPtr& e, const Place& place);
  std::string paired_columns(const ir::ExprPtr& e, const Place& place);
  std::string gathered(const ir::ExprPtr& e, const Place& place);
  std::string broadcast(const ir::ExprPtr& e);
  std::string divisor(const ir::ExprPtr& e);
  std::string single(const ir::ExprPtr& e) { return text(e, Place{}); }
  std::string define_pointer(const std::string& key, const std::string& stem, const std::string& type, const std::string& value);

  Lowering& lowering_;
  const ir::Statement& statement_;
  bool one_row_;
  std::string row_;
  std::map<std::string, std::string> pointers_, hoisted_;
  std::set<std::string> tiled_;  // pointers to rows that lie in tiles
};

}  // namespace imbrex::codegen
