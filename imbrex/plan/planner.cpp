#include "imbrex/plan/planner.h"

namespace imbrex::plan {
namespace {

constexpr int64_t kLanes = 64;          // of a sum
constexpr int64_t kStreamedBytes = 64;  // at a time

}  // namespace

Allocation Planner::allocate(Arena arena, std::optional<ir::DType> dtype, const ir::IndexExpr& elements, std::string name,
                             const ir::Statement& statement) {
  const int64_t element_bytes = dtype ? imbrex::bytes_of(*dtype) : 1;
  Allocation allocation{std::move(name), dtype, elements, plan.bounds.most_bytes(elements, element_bytes, statement), arena};
  bytes_of(arena).take(allocation.most_bytes);
  return allocation;
}

std::optional<TileMemory> Planner::place(const std::string& name, Arena arena, const ir::Statement& statement) {
  if (!in_memory.insert(name).second) return std::nullopt;
  const Tile& tile = plan.symbols.tiles.at(name);
  if (tile.accumulator)
    return TileMemory{
        name, TileMemory::Kind::lanes,
        allocate(arena, ir::DType::f32, ir::mul(tile.rows_in_memory, ir::constant(kLanes)), name + "_lanes", statement)};
  return TileMemory{name, TileMemory::Kind::whole,
                    allocate(arena, tile.dtype, ir::mul(tile.rows_in_memory, width_of(tile)), name, statement)};
}

const target::ProductKernel& Planner::product_kernel(ir::DType left) const {
  return target::fastest_kernel(machine, target::product_of(left));
}

const ir::Loop* Planner::own_loop(ir::Loop loop) {
  plan.own_loops.push_back(std::make_unique<ir::Loop>(std::move(loop)));
  const ir::Loop* const made = plan.own_loops.back().get();
  plan.bounds.add(*made);
  return plan.symbols.loops[made->variable] = made;
}

void Planner::remark(int origin, std::string message) {
  plan.remarks.push_back({plan.program->where(origin), std::move(message)});
}

bool Planner::streams(const ir::Statement& statement) {
  const auto* store = std::get_if<ir::Store>(&statement.node);
  if (!store || !find(statement.annotations, "stream")) return false;
  const Tensor& tensor = plan.symbols.tensors.at(store->tensor);
  const bool has_form = tensor.dtype == ir::DType::bf16 || tensor.dtype == ir::DType::f32;
  if (!has_form || tensor.argument < 0 ||
      !plan.symbols.is_multiple(store->slice.back().begin, kStreamedBytes / imbrex::bytes_of(tensor.dtype)))
    return false;
  plan.streams.insert(&statement);
  may_stream = true;
  return true;
}

}  // namespace imbrex::plan
