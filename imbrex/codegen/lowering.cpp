#include "imbrex/codegen/lowering.h"

#include <fmt/format.h>

#include <utility>

#include "imbrex/ir/visit.h"

namespace imbrex::codegen {

std::string call_of(const Function& function) {
  std::string arguments;
  for (const Variable& each : function.parameters) arguments += (arguments.empty() ? "" : ", ") + each.name;
  return function.name + "(" + arguments + ")";
}

Lowering::Lowering(const plan::Plan& plan, const target::Machine& machine)
    : plan(plan),
      machine(machine),
      symbols(*plan.program, plan.symbols),
      origins_of(*plan.program),
      functions(origins),
      constants(origins) {
  symbols.variables.declare("const imbrex_call*", "call");
  symbols.variables.declare("Queue*", "queues");
  symbols.variables.declare("Scratch", "shared");
  symbols.variables.declare("Scratch", "scratch");
  for (const ir::Dim& dim : plan.program->dims) symbols.variables.declare("int64_t", symbols.dims.at(dim.name));
  declare_arguments();
}

void Lowering::declare_arguments() {
  for (const ir::Tensor& tensor : plan.program->tensors) {
    TensorSymbol& symbol = symbols.tensors.at(tensor.name);
    symbol.variable = symbols.names.fresh(tensor.name);
    const auto packed = plan.packed.find(tensor.name);
    symbols.variables.declare(packed != plan.packed.end()
                                  ? "packed_" + packed->second.packing
                                  : fmt::format("{}{}*", symbol.written ? "" : "const ", memory_type(symbol.dtype)),
                              symbol.variable);
    for (size_t axis = 0; axis < symbol.shape.size(); ++axis) {
      if (axis + 1 == symbol.shape.size()) {
        symbol.strides.push_back(ir::constant(1));
        continue;
      }
      const std::string name =
          symbols.names.fresh(tensor.name + "_stride" + (symbol.shape.size() > 2 ? "_" + std::to_string(axis) : ""));
      symbols.variables.declare("int64_t", name);
      symbol.strides.push_back(symbols.name_stride(name));
    }
  }
  ir::for_each_statement(plan.program->body, [&](const ir::Statement& s) {
    if (!plan.streams.contains(&s)) return true;
    std::string& name = streams[std::get<ir::Store>(s.node).tensor];
    if (name.empty())
      symbols.variables.declare("bool", name = symbols.names.fresh(std::get<ir::Store>(s.node).tensor + "_streams"));
    return true;
  });
}

std::string Lowering::constant(const std::string& name, int64_t value, const std::string& comment) {
  constants.line(fmt::format("constexpr int64_t {} = {};{}", name, value, comment.empty() ? "" : "  // " + comment));
  return name;
}

const std::string& Lowering::tile_of(const ir::Loop& loop) {
  std::string& tile = symbols.loops.at(loop.variable).tile;
  if (tile.empty()) tile = constant(symbols.names.fresh(loop.variable + "_tile"), loop.tile);
  return tile;
}

const std::string& Lowering::rows_of_stage() {
  if (rows_of_stage_.empty())
    rows_of_stage_ =
        constant(symbols.names.own("kRowsOfStage"), plan::kRowsOfStage, "that pass through all stages before the next");
  return rows_of_stage_;
}

void Lowering::write_function(const std::string& head, const Function& function, const Writer& body) {
  std::string parameters;
  for (const Variable& each : function.parameters) parameters += (parameters.empty() ? "" : ", ") + each.type + " " + each.name;
  functions.line("");
  functions.append(std::exchange(constants, Writer(origins)));
  functions.open(fmt::format("{} {}({})", head, function.name, parameters));
  functions.append(body);
  functions.close();
}

std::string Lowering::take(Writer& out, const plan::Allocation& allocation) {
  std::string name = symbols.names.fresh(allocation.name);
  const std::string type = allocation.dtype ? memory_type(*allocation.dtype) : "char";
  const std::string arena = symbols.variables.use(allocation.arena == plan::Arena::shared ? "shared" : "scratch");
  out.line(fmt::format("{0}* const {1} = {2}.take<{0}>({3});", type, name, arena, symbols.text(allocation.elements)));
  symbols.variables.declare(type + "*", name);
  return name;
}

void Lowering::place(Writer& out, const plan::TileMemory& memory) {
  TileSymbol& tile = symbols.tiles.at(memory.tile);
  tile.variable = take(out, memory.allocation);
  if (memory.kind != plan::TileMemory::Kind::lanes) return;
  tile.position = symbols.names.fresh(tile.name + "_position");
  out.line("int64_t " + tile.position + " = 0;");
  symbols.variables.declare("int64_t", tile.position);
}

std::string Lowering::offset_where_any(const std::function<std::string()>& offset, const std::vector<ir::IndexExpr>& extents,
                                       const ir::Statement& statement) const {
  std::vector<ir::IndexExpr> may_be_empty;
  for (const ir::IndexExpr& extent : extents) {
    const ir::Range range = plan.bounds.range_of(extent, statement);
    if (range.greatest < 1) return "0";
    if (range.least < 1) may_be_empty.push_back(extent);
  }
  const std::string text = offset();
  if (may_be_empty.empty() || text.empty() || text == "0") return text;
  std::string condition;
  for (const ir::IndexExpr& extent : may_be_empty) condition += (condition.empty() ? "" : " && ") + symbols.text(extent) + " > 0";
  return "(" + condition + " ? " + text + " : 0)";
}

std::string Lowering::streams_of(const ir::Statement& statement) const {
  return plan.streams.contains(&statement) ? symbols.variables.use(streams.at(std::get<ir::Store>(statement.node).tensor)) : "";
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
