#include "imbrex/ir/operations.h"

#include <utility>

namespace imbrex::ir {
namespace {

constexpr std::pair<Op, Op> kContinued[] = {
    {Op::row_sum, Op::row_sum_acc}, {Op::col_sum, Op::col_sum_acc}, {Op::matmul, Op::matmul_acc}};

}  // namespace

std::optional<Op> op_named(const std::string& name) {
  for (const Operation& row : kOperations)
    if (name == row.name) return row.op;
  return std::nullopt;
}

std::optional<Op> continued_form(Op op) {
  for (const auto& [whole, continued] : kContinued)
    if (op == whole) return continued;
  return std::nullopt;
}

bool continues(Op op) {
  for (const auto& [whole, continued] : kContinued)
    if (op == continued) return true;
  return false;
}

}  // namespace imbrex::ir
