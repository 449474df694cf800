// Matrix products: by which kernel, from which forms of their sides, to where.
#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/packed_weights.h"
#include "imbrex/plan/planner.h"

namespace imbrex::plan {

using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;

namespace {

bool has_unit_columns(const std::vector<ir::Axis>& slice) {
  for (size_t i = slice.size(); i-- > 0;)
    if (slice[i].kind != ir::Axis::Kind::point) return i + 1 == slice.size();
  return true;
}

}  // namespace

std::string packing_of(const target::ProductKernel& kernel, DType right, std::optional<int64_t> block_of_k) {
  if (kernel.product == target::Product::i8 && block_of_k) return fmt::format("i8_blocks<{}>", *block_of_k);
  if (kernel.product != target::Product::bf16 || right == DType::bf16) return kernel.packing;
  return fmt::format("narrow_{}<{}>", kernel.packing, right == DType::int8 ? "int8_t" : "uint8_t");
}

// Panels of 32 columns, groups of four bytes of the inner axis, whole blocks of 32 elements of bf16, one group more for the
// corrections of int8, of each block of k that has a scale, and one for the bits of 32768 elements of e4m3.
ir::IndexExpr bytes_of_panels(const Expr& product, const ir::IndexExpr& inner, const ir::IndexExpr& columns) {
  const DType right = product.args.back()->dtype;
  const auto panels = ir::mul(ir::ceil_div(ir::max(columns, ir::constant(1)), ir::constant(32)), ir::constant(128));
  if (ir::has_scaled_blocks(product.op) && ir::multiplied_as(product) == DType::bf16)
    return ir::mul(panels, ir::add(ir::mul(ir::ceil_div(inner, ir::constant(32)), ir::constant(8)),
                                   right == DType::e4m3 ? ir::ceil_div(inner, ir::constant(32768)) : ir::constant(0)));
  if (product.op == Op::matmul_scaled)
    return ir::mul(panels, ir::add(ir::ceil_div(inner, ir::constant(4)), ir::ceil_div(inner, ir::constant(product.block.k))));
  const auto groups = right == DType::bf16 ? ir::mul(ir::ceil_div(inner, ir::constant(32)), ir::constant(16))
                                           : ir::add(ir::ceil_div(ir::mul(inner, ir::constant(bytes_of(right))), ir::constant(4)),
                                                     ir::constant(right == DType::int8 ? 1 : 0));
  return ir::mul(panels, groups);
}

bool goes_into(const Plan& plan, const ir::Assign& assign, const ir::Store& store) {
  const Expr& e = *assign.value;
  const Tensor& tensor = plan.symbols.tensors.at(store.tensor);
  if (kind_of(e.op) != ir::OpKind::product || e.op == Op::matmul_acc || !assign.declares || store.value->op != Op::variable ||
      store.value->name != assign.name)
    return false;
  const bool by_data =
      std::any_of(store.slice.begin(), store.slice.end(), [](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by; });
  if (by_data || tensor.in_tiles || tensor.dtype != e.dtype || !has_unit_columns(store.slice)) return false;
  for (const ExprPtr& operand : e.args)
    if (operand->op == Op::load && plan.symbols.tensors.at(operand->name).storage == tensor.storage) return false;
  // Made here, stored there, and nowhere else: not even as a list of rows, or where something is assumed of it.
  return plan.symbols.tiles.at(assign.name).mentions == 2;
}

// What isa/expanded.h takes: four panels of 256 elements of k as bf16. What isa/scaled.h takes: sums of 128 columns by 128 rows,
// four panels of a block of k as bf16, and the left side as bf16.
static Allocation scratch_of(Planner& planner, const Expr& e, const ir::IndexExpr& inner, const std::string& name,
                             const ir::Statement& statement) {
  constexpr int64_t kRows = 128, kColumns = 128, kPanelsOfBlock = 4 * 64;
  if (e.op == Op::matmul_expanded)
    return planner.allocate(Arena::worker, std::nullopt, ir::constant(256 * kPanelsOfBlock), name, statement);
  const ir::IndexExpr rows = planner.plan.bounds.elements_along(e.rows, statement);
  ir::IndexExpr bytes = ir::mul(ir::min(rows, ir::constant(kRows)), ir::constant(kColumns * 4));
  if (ir::multiplied_as(e) == DType::bf16) {
    const auto block = ir::mul(ir::ceil_div(ir::min(inner, ir::constant(e.block.k)), ir::constant(32)), ir::constant(32));
    bytes = ir::add(bytes, ir::mul(block, ir::constant(kPanelsOfBlock)));
    if (e.args[2]->dtype != DType::bf16) bytes = ir::add(bytes, ir::mul(ir::mul(rows, inner), ir::constant(2)));
  }
  return planner.allocate(Arena::worker, std::nullopt, bytes, name, statement);
}

Product plan_product(Planner& planner, const ir::Statement& statement, const ir::Store* into) {
  const auto& assign = std::get<ir::Assign>(statement.node);
  const Expr& e = *assign.value;
  const ExprPtr &a = e.args[e.args.size() - 2], &b = e.args.back();
  const Bounds& bounds = planner.plan.bounds;
  Product product;
  product.statement = &statement;
  product.kernel = &planner.product_kernel(ir::multiplied_as(e));
  product.packing = packing_of(*product.kernel, b->dtype, block_of_k(e));
  product.into = into;
  product.inner = bounds.elements_along(e.transpose_a ? a->rows : a->columns, statement);
  if (a->op == Op::load && planner.plan.symbols.tensors.at(a->name).in_tiles) {
    product.left = Product::Left::tiles;
  } else if (e.transpose_a) {
    product.left = Product::Left::transposed;
    product.transposed =
        planner.allocate(Arena::worker, a->dtype, ir::mul(product.inner, bounds.elements_along(a->columns, statement)),
                         assign.name + "_left", statement);
  }
  if (ir::has_scaled_blocks(e.op)) product.scratch = scratch_of(planner, e, product.inner, assign.name + "_scratch", statement);
  if (b->op == Op::load && planner.plan.packed.contains(b->name)) return product;
  if (const auto found = planner.packs.of.find(&statement); found != planner.packs.of.end()) product.ahead = found->second;
  if (const auto found = planner.packs.refused.find(&statement); found != planner.packs.refused.end())
    product.not_ahead = found->second;
  if (!product.ahead || product.ahead->of->where)
    product.panels = planner.allocate(Arena::worker, std::nullopt, bytes_of_panels(e, product.inner, e.columns),
                                      assign.name + "_panel", statement);
  return product;
}

}  // namespace imbrex::plan
