#include "imbrex/codegen/lowering.h"

#include <fmt/format.h>

namespace imbrex::codegen {

Lowering::Lowering(const plan::Plan& plan, const target::Machine& machine)
    : plan(plan), machine(machine), symbols(*plan.program, plan.symbols) {}

std::string Lowering::take(Writer& out, const plan::Allocation& allocation) {
  std::string name = symbols.names.fresh(allocation.name);
  out.line(fmt::format("{0}* const {1} = {2}.take<{0}>({3});", allocation.dtype ? memory_type(*allocation.dtype) : "char", name,
                       allocation.arena == plan::Arena::shared ? "shared" : "scratch", symbols.text(allocation.elements)));
  return name;
}

void Lowering::place(Writer& out, const plan::TileMemory& memory) {
  TileSymbol& tile = symbols.tiles.at(memory.tile);
  tile.data = take(out, memory.allocation);
  if (memory.kind != plan::TileMemory::Kind::lanes) return;
  tile.position = symbols.names.fresh(tile.name + "_position");
  out.line("int64_t " + tile.position + " = 0;");
}

std::string Lowering::offset_where_any(const std::string& offset, const std::vector<ir::IndexExpr>& extents,
                                       const ir::Statement& statement) const {
  if (offset.empty() || offset == "0") return offset;
  std::string condition;
  for (const ir::IndexExpr& extent : extents) {
    const ir::Range range = plan.bounds.range_of(extent, statement);
    if (range.greatest < 1) return "0";
    if (range.least < 1) condition += (condition.empty() ? "" : " && ") + symbols.text(extent) + " > 0";
  }
  return condition.empty() ? offset : "(" + condition + " ? " + offset + " : 0)";
}

std::string Lowering::streams_of(const ir::Statement& statement) {
  if (!plan.streams.contains(&statement)) return "";
  const auto& store = std::get<ir::Store>(statement.node);
  if (const auto found = streams_of_.find(store.tensor); found != streams_of_.end()) return found->second;
  const TensorSymbol& tensor = symbols.tensors.at(store.tensor);
  const int64_t bytes_of_element = bytes_of(tensor.dtype);
  ir::IndexExpr bytes = ir::constant(bytes_of_element);
  std::string strides;
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    bytes = ir::mul(tensor.shape[axis], bytes);
    if (axis + 1 < tensor.shape.size())
      strides += fmt::format("{}{} * {}", strides.empty() ? "" : " | ", tensor.strides[axis], bytes_of_element);
  }
  const std::string name = symbols.names.fresh(store.tensor + "_streams");
  beginning.push_back(fmt::format("const bool {} = streams_to({}, {}, {}, {});", name, tensor.data, symbols.text(bytes),
                                  strides.empty() ? "0" : strides, machine.rates.l2_bytes));
  return streams_of_[store.tensor] = name;
}

std::string Lowering::comparison(const ir::Comparison& comparison) const {
  return symbols.text(comparison.left) + " " + ir::text_of(comparison.compare) + " " + symbols.text(comparison.right);
}

std::string Lowering::condition(const ir::Condition& condition) const {
  std::string text;
  for (const ir::Comparison& each : condition) text += (text.empty() ? "" : " && ") + comparison(each);
  return text.empty() ? "true" : text;
}

std::string Lowering::text_of(const std::vector<plan::SliceCheck>& checks) const {
  std::string text;
  for (const plan::SliceCheck& check : checks) {
    const std::string holds = comparison(check.holds);
    text += (text.empty() ? "" : " && ") + (check.or_else ? "(" + holds + " || " + comparison(*check.or_else) + ")" : holds);
  }
  return text;
}

}  // namespace imbrex::codegen
