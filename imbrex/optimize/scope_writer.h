// Writes the body of one scope: the tiles that several values share, the reductions over rows, and the stores.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/optimize/dissolve.h"
#include "imbrex/optimize/shared_parts.h"
#include "imbrex/optimize/tile_terms.h"

namespace imbrex::optimize {

class ScopeWriter {
 public:
  ScopeWriter(Terms& terms, Rows rows, std::vector<Known> known, EnclosingProgram around);

  // In a tile of columns, not in whole rows (TileWriter::stand_in_columns).
  void stand_in_columns(const ir::Axis& tile, const ir::IndexExpr& extent) { writer_.stand_in_columns(tile.begin, extent); }
  // A tile that the scope begins with.
  void hold(const std::string& name, TermId term, const ir::IndexExpr& columns, ir::ExprPtr value);
  // A part of a tensor to store. `coordinates` says what each coordinate of the piece is here: kRowName, kColumnName, a loop
  // variable, or "" for a single place. `tile`: the columns are only these of the piece's (which then are whole).
  void add(const std::string& tensor, const OutputPiece& piece, const std::vector<std::string>& coordinates,
           const std::optional<ir::Axis>& tile = {});
  // The statements. Throws NotWritable.
  ir::Block finish();
  // Where what they compute was made.
  const Makings& makings() const { return writer_.all; }

 private:
  struct Root {
    std::string tensor;
    TermId term;
    ir::IndexExpr columns;
    std::vector<ir::Axis> slice;
    int column_axis = -1;
    int64_t step = 1;
    Making store = {};
  };

  bool is_whole(const OutputPiece& piece, size_t axis, const ir::IndexExpr& extent) const;
  void prepare(TermId term, const ir::IndexExpr& columns, const std::string& base);
  void reduce(TermId reference, const std::string& base);
  void share_with_stores(TermId body, const ir::IndexExpr& columns, const std::string& base);
  void hold_and_store(TermId term, const ir::IndexExpr& columns);
  void share_between_stores();
  void store(size_t root);
  bool is_worth_holding(TermId term, const ir::IndexExpr& columns) const;
  bool is_conversion(TermId term) const;
  int occurrences(TermId term, TermId in) const;
  std::string row_name(TermId term, const std::string& base) const;
  std::string shared_name(TermId term, const std::string& base) const;
  std::string every_second_column(TermId term) const;
  void let(const std::string& name, TermId term, const ir::IndexExpr& columns);
  void set_columns(const ir::IndexExpr& columns);

  Terms& terms_;
  OperationCounts operations_;
  TileWriter writer_;
  Rows rows_;
  std::function<std::string(const std::string&)> unique_;
  bool in_vectors_;
  std::vector<Root> roots_;
  ir::Block block_;
};

}  // namespace imbrex::optimize
