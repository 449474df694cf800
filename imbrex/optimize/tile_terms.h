// Writes terms back as tile expressions: the element-by-element meaning of a stored value becomes loads, operations and named
// tiles over a span of rows and a run of columns.
//
// In the terms handled here the name `.row` is the element's row, 0 <= row < T, in the span of rows that the surrounding loop
// gives, and `.col` counts the columns of the tile, from 0. Everything else in indices is a loop variable.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

inline const std::string kRowName = ".row", kColumnName = ".col";

// Solves pattern == target for the names in `unknown`; the values are over the target's names.
std::optional<Substitution> match(Terms& terms, TermId pattern, TermId target, const std::set<std::string>& unknown);

// A value that does not vary along rows or columns, over so many of them. Throws NotWritable.
ir::ExprPtr spread(const ir::ExprPtr& value, const ir::IndexExpr& rows, const ir::IndexExpr& columns);

// A value that exists already: a tensor in memory, or a tile variable of the scope.
struct Known {
  TermId pattern = kNoTerm;  // a tensor: over .i0, .i1, ...; a tile: over .row, .col
  bool is_tensor = false;
  std::string name;
  DType dtype = DType::f32;
  std::vector<ir::IndexExpr> shape;  // a tensor's
  ir::IndexExpr columns;             // a tile's
};

// Why a value cannot be written as a tile expression, and what in the source it was.
struct NotWritable {
  std::string reason;
  SourceLine where = {};
};

// The surrounding loop over rows: its span variable, and how many rows there are in all.
struct Rows {
  std::string span;
  ir::IndexExpr extent;
};

// What a scope takes from the program around it.
struct EnclosingProgram {
  std::function<std::string(const std::string&)> unique;       // a name that the program does not have yet
  std::function<const ir::Tensor*(const std::string&)> input;  // null if there is no such input
  std::function<std::string(const ir::Tensor&)> flat;          // the name of the input seen as one row
  bool in_vectors = true;                                      // elements are converted several at a time
};

class TileWriter {
 public:
  TileWriter(Terms& terms, Rows rows, std::vector<Known> known, EnclosingProgram around);

  // Columns count from `begin`, in a tile of all `extent` of them: those of a tensor as wide lie inside it.
  void stand_in_columns(ir::IndexExpr begin, ir::IndexExpr extent) {
    columns_begin_ = std::move(begin);
    columns_extent_ = std::move(extent);
  }
  // What is written comes from these statements alone: others may compute the same elsewhere.
  Makings within;
  // Where all was made that was written, and what was written since this was asked last.
  Makings all;
  Makings taken();
  // A term is used. The origin of a statement that made it; -1: of none.
  int use(TermId term);
  // A tile of `columns` columns (1 where the term does not depend on col). Throws NotWritable.
  ir::ExprPtr write(TermId term, const ir::IndexExpr& columns);
  // `let name = ...` for this term; later uses of it, or of its columns, take the tile.
  ir::Statement let(const std::string& name, TermId term, const ir::IndexExpr& columns, ir::ExprPtr value);
  // The subterms of `term` that no known value gives, each once, parents first; `visit` returns false to leave out what is below.
  void for_each_unknown(TermId term, const std::function<bool(TermId)>& visit);
  bool is_known(TermId term) { return find_known(term).has_value(); }
  bool depends_on(TermId term, const std::string& name) const;

 private:
  struct Found {
    const Known* known;
    Substitution at;
  };
  std::optional<Found> find_known(TermId term);
  bool is_inside(const ir::IndexExpr& index, const ir::IndexExpr& extent) const;
  ir::ExprPtr write_read(const std::string& tensor, DType dtype, const std::vector<ir::IndexExpr>& at,
                         const ir::IndexExpr& columns);
  ir::ExprPtr write_access(const std::string& tensor, DType dtype, const std::vector<ir::IndexExpr>& at,
                           const ir::IndexExpr& columns);
  ir::ExprPtr write_known(const Found& found, const ir::IndexExpr& columns);

  Terms& terms_;
  Rows rows_;
  ir::IndexExpr columns_begin_, columns_extent_;  // null in whole rows
  Makings taken_;
  std::vector<Known> known_;
  EnclosingProgram around_;
};

}  // namespace imbrex::optimize
