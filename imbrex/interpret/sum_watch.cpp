#include "imbrex/interpret/sum_watch.h"

#include <algorithm>
#include <cmath>

namespace imbrex::interpret {
namespace {

using ir::Op;

bool adds(Op op) {
  switch (op) {
    case Op::add:
    case Op::sub:
    case Op::row_sum:
    case Op::row_sum_acc:
    case Op::col_sum:
    case Op::col_sum_acc:
    case Op::matmul:
    case Op::matmul_acc:
    case Op::matmul_scaled:
    case Op::matmul_expanded: return true;
    default: return false;  // holds of any other
  }
}

// A sum of products of bf16 numbers that are not smaller is a multiple of 2^-94: zero, or not subnormal.
// Elements of e4m3 are not smaller than 2^-9, so that their scales can be as small as 2^-31.
constexpr float kLeastFactor = 0x1p-40f, kLeastScale = 0x1p-31f;

bool has_tiny_factor(const Tile& x, float least) {
  return std::any_of(x.f.begin(), x.f.end(), [&](float v) { return v != 0 && std::fabs(v) < least; });
}

}  // namespace

SumWatch::SumWatch(bool* rounds, Op op, const std::vector<std::shared_ptr<const Tile>>& args) : rounds_(rounds) {
  if (!adds(op)) rounds_ = nullptr;
  if (!rounds_) return;
  const bool multiplies = kind_of(op) == ir::OpKind::product;
  if (multiplies && std::any_of(args.begin(), args.end(), [](const auto& arg) { return has_tiny_factor(*arg, kLeastFactor); }))
    *rounds_ = true;
  if (op == Op::matmul_expanded && has_tiny_factor(*args[0], kLeastScale)) *rounds_ = true;
  std::feclearexcept(FE_ALL_EXCEPT);
}

void SumWatch::note(const Tile& result) const {
  if (!rounds_) return;
  const bool is_rounded = std::fetestexcept(FE_INEXACT | FE_OVERFLOW | FE_UNDERFLOW) != 0;
  const bool has_negative_zero = std::any_of(result.f.begin(), result.f.end(), [](float v) { return v == 0 && std::signbit(v); });
  *rounds_ = *rounds_ || is_rounded || has_negative_zero;
}

}  // namespace imbrex::interpret
