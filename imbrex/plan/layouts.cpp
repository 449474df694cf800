// How tensors and the results of products lie in memory.
#include <fmt/format.h>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/planner.h"
#include "imbrex/plan/rows_in_tiles.h"

namespace imbrex::plan {
namespace {

// Rows whose distance is a multiple of this many bytes share few sets of the L1 cache, and evict each other.
constexpr int64_t kCacheSetsBytes = 2048, kCacheLineBytes = 64;

// Products that the rows after them read, and nothing else does, lie with a line between rows that would collide in the cache.
void pad_products(Planner& planner) {
  Symbols& symbols = planner.plan.symbols;
  std::map<std::string, int> read_by_rows;
  std::map<std::string, const ir::Expr*> products;
  ir::for_each_statement(planner.plan.program->body, [&](const ir::Statement& s) {
    if (row_step(s)) {
      ir::for_each_expr(s, [&](const ir::Expr& e) { read_by_rows[e.name] += e.op == ir::Op::variable; });
    } else if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
      if (assign->declares && (assign->value->op == ir::Op::matmul || assign->value->op == ir::Op::matmul_expanded))
        products[assign->name] = assign->value.get();
    }
    return true;
  });
  for (const auto& [name, product] : products) {
    Tile& tile = symbols.tiles.at(name);
    const auto columns = symbols.fixed(tile.columns);
    if (!columns || tile.mentions != 1 + read_by_rows[name]) continue;
    if (planner.product_kernel(ir::multiplied_as(*product)).takes_tiles)
      tile.padding = padding_of_rows(*columns, bytes_of(tile.dtype));
  }
}

// Views need dense rows.
int64_t padding_of(const ir::Program& program, const ir::Tensor& tensor) {
  const auto columns = ir::constant_value(tensor.shape.back());
  if (tensor.shape.size() < 2 || !columns) return 0;
  bool viewed = false;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    const auto* view = std::get_if<ir::View>(&s.node);
    viewed = viewed || (view && view->base == tensor.name);
    return !viewed;
  });
  return viewed ? 0 : padding_of_rows(*columns, bytes_of(tensor.dtype));
}

}  // namespace

int64_t padding_of_rows(int64_t columns, int64_t element_bytes) {
  return columns * element_bytes % kCacheSetsBytes == 0 ? kCacheLineBytes / element_bytes : 0;
}

void plan_layouts(Planner& planner) {
  Plan& plan = planner.plan;
  const auto takes_tiles = [&](ir::DType left, ir::DType) { return planner.product_kernel(left).takes_tiles; };
  for (const std::string& name : tensors_in_tiles(*plan.program, takes_tiles)) plan.symbols.tensors.at(name).in_tiles = true;
  pad_products(planner);
  PackedWeights weights = packed_weights(*plan.program);
  plan.packed = std::move(weights.packed);
  for (auto& [name, weight] : plan.packed)
    weight.packing = packing_of(planner.product_kernel(weight.multiplied_as), weight.dtype, weight.block_of_k);
  for (const auto& refused : weights.refused)
    planner.remark(refused.origin,
                   fmt::format("'{}' is packed again in each run, not ahead of time: {}", refused.tensor, refused.reason));
}

CreateTensor plan_tensor(Planner& planner, const ir::Statement& statement, Arena arena) {
  const ir::Tensor& created = std::get<ir::CreateTensor>(statement.node).tensor;
  const Tensor& tensor = planner.plan.symbols.tensors.at(created.name);
  CreateTensor result{&statement, {}, 0, {}};
  for (const ir::IndexExpr& extent : tensor.shape)
    result.extents.push_back(planner.plan.bounds.elements_along(extent, statement));
  ir::IndexExpr elements = ir::constant(1);
  if (tensor.in_tiles) {
    const auto rows = ir::constant(kTileRows);
    elements = ir::mul(ir::mul(ir::ceil_div(result.extents[0], rows), rows), result.extents[1]);
  } else {
    result.padding = padding_of(*planner.plan.program, created);
    for (size_t i = tensor.shape.size(); i-- > 0;) {
      if (i + 2 == tensor.shape.size()) elements = ir::add(elements, ir::constant(result.padding));
      elements = ir::mul(result.extents[i], elements);
    }
  }
  result.allocation = planner.allocate(arena, tensor.dtype, elements, tensor.name, statement);
  return result;
}

}  // namespace imbrex::plan
