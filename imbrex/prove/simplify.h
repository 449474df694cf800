// Expressions over dimensions in the shortest form that holds for every value of the dimensions, for reports: `max(T, 0)` is T,
// and the rows of two halves, rounded up and clamped, are T together. Private to prove/.
#pragma once

#include <memory>

#include "imbrex/prove/quantity.h"

namespace imbrex::prove {

class Simplifier {
 public:
  explicit Simplifier(const ir::Program& program);
  ~Simplifier();

  // What cannot be shown within a small budget stays as it is.
  ir::IndexExpr operator()(const ir::IndexExpr& e) const;
  Quantity operator()(const Quantity& quantity) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imbrex::prove
