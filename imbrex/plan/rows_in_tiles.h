// Which tensors may lie as tile registers load the left sides of products: in blocks of 16 rows by 64 bytes.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "imbrex/ir/loops.h"
#include "imbrex/ir/program.h"

namespace imbrex::plan {

constexpr int64_t kTileRows = 16, kTileRowBytes = 64;  // of a tile register (target/isa/tiles.h)

// Whether a product of such operands takes its left one in tiles.
using TakesTiles = std::function<bool(ir::DType left, ir::DType right)>;

inline bool is_product(const ir::Expr& e) { return kind_of(e.op) == ir::OpKind::product; }
inline const ir::Expr& left_of(const ir::Expr& product) { return *product.args[product.args.size() - 2]; }

// Of a tensor: how its elements are accessed.
struct RowAccesses {
  bool by_products = false;    // some product takes whole rows of it as its left operand, as tiles serve them
  bool otherwise = false;      // something else reads it
  bool stored_by_rows = true;  // whatever stores to it stores whole rows
  bool is_stored = false;
};

class SurveyOfRows {
 public:
  // Both must outlive it.
  SurveyOfRows(const ir::Program& program, const TakesTiles& takes_tiles);

  // Tensors whose layout the products would profit from, and nothing prevents.
  std::map<std::string, RowAccesses> suitable() const;
  const ir::Tensor& tensor(const std::string& name) const { return *tensors_.at(name); }
  // Whether the product's left operand is a load of such rows.
  bool is_served(const ir::Expr& product) const;

 private:
  bool has_tiles(const std::string& name) const;
  bool is_whole_row(const std::string& name, const ir::Axis& axis) const;
  void expression(const ir::Expr& e);
  void statement(const ir::Statement& s);

  const TakesTiles& takes_tiles_;
  ir::Loops loops_;
  std::map<std::string, const ir::Tensor*> tensors_;
  std::map<std::string, RowAccesses> accesses_;
  std::set<std::string> viewed_;
};

// The tensors that are, or would be, stored so that products find them in tiles.
std::set<std::string> stored_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles);

// The tensors with `@tiles` that are accessed only in ways which that layout serves. The annotation on others changes nothing.
std::set<std::string> tensors_in_tiles(const ir::Program& program, const TakesTiles& takes_tiles);

}  // namespace imbrex::plan
