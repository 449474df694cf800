// Which on-chip memory a tile lives in: operands of matmul in Mat (their pieces in Left and Right), results in Acc, all else in
// Vec.
#pragma once

#include <map>
#include <set>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// True for the two factors of a matrix product.
bool is_cube_operand(const ir::Expr& e, size_t argument);

// The tile variables that matrix units make: those given a matmul's value somewhere.
class CubeTiles {
 public:
  explicit CubeTiles(const ir::Program& program);
  // The value of this expression lies in Acc.
  bool holds(const ir::Expr& e) const;
  // All its values are loads.
  bool is_loaded(const std::string& variable) const { return loaded_.count(variable) > 0 && computed_.count(variable) == 0; }
  // Some product takes it.
  bool is_factor(const std::string& variable) const { return factors_.count(variable) > 0; }

 private:
  std::set<std::string> results_, loaded_, computed_, factors_;
};

}  // namespace imbrex::prove
