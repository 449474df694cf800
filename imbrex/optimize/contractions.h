// The products of matrices in a program's definitions, and which of them stay on chip.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/optimize/cost.h"
#include "imbrex/optimize/schedule.h"

namespace imbrex::optimize {

// A weight of bytes that is multiplied as bf16: the scales of its blocks.
struct ScalesOfWeight {
  std::string tensor;
  DType dtype = DType::f32;
  ir::ScaledBlock block;
};

// Whether each tile of so many of these columns begins with a block that shares a scale, or lies in one.
bool tiles_fit_blocks(int64_t tile, int64_t block, const ir::IndexExpr& columns);

// A contraction: a row operand over (.a0, .k) times a weight read at (.k, .a1) or (.a1, .k).
struct Contraction {
  int definition = -1;
  TermId rows = kNoTerm;  // over .i0 (row) and .i1 (k): the row operand as a tensor's term
  std::string weight;
  DType operand_dtype = DType::f32;
  DType weight_dtype = DType::f32;
  bool weight_transposed = false;
  std::optional<ScalesOfWeight> scales;
  ir::IndexExpr row_extent, column_extent, inner;
  bool local = false;   // used up where it is computed, in windows of columns:
  int64_t window = 0;   // so many at a time, or 0: tiles of any columns
  int beside = -1;      // index of the product in whose scope, and tiles, it is computed; -1: in its own
  std::string operand;  // tensor that holds the row operand
  std::string stored;   // tensor that holds the result; empty if local
  int level = 0;
  SourceLine where;    // of the product
  ProductShape sizes;  // at the dimensions that the schedule is made for, without tiles
};

std::string product_name(const Contraction& contraction);
const ir::Tensor& tensor_named(const ir::Program& program, const std::string& name);

class Contractions {
 public:
  // Finds them, and decides which stay on chip. Throws NotWritable.
  Contractions(const ir::Program& original, Dissolved& dissolved, const Machine& machine,
               const std::map<std::string, int64_t>& sizes, std::vector<Choice>& choices);

  std::vector<Contraction> all;

  Contraction* of(int definition);  // null if it is none
  // Calls `use` for each reference to `definition` in outputs and definitions: the index of its last axis, and the extent of k
  // there.
  using Use = std::function<void(const ir::IndexExpr& column, std::optional<ir::IndexExpr> k_extent)>;
  void for_each_use(int definition, const Use& use) const;
  // Whether `definition` is in the term, or in a definition that it needs and that is no contraction itself.
  bool needs(TermId term, int definition);

  // With sizes as they were given, or are typical.
  int64_t typical_value(const ir::IndexExpr& e) const;

 private:
  void find();
  TermId weight_of(const Definition& definition, Contraction& c);
  void choose_windows(const Machine& machine, std::vector<Choice>& choices);
  bool meets_local_product(const Contraction& c);
  bool is_elementwise(const Contraction& c, const Machine& machine);
  std::set<TermId> users_of(const Contraction& c);
  int product_beside(const Contraction& c, const Machine& machine);
  bool uses_at(TermId term, int definition, const std::string& column);

  const ir::Program& original_;
  Dissolved& d_;
  const std::map<std::string, int64_t>& sizes_;
};

}  // namespace imbrex::optimize
