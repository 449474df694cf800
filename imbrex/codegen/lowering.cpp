#include "imbrex/codegen/lowering.h"

#include <fmt/format.h>

#include <limits>

#include "imbrex/codegen/listed_rows.h"
#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

constexpr int64_t kAlignment = 64;

// At least zero, unless that is plain.
ir::IndexExpr at_least_zero(const ir::IndexExpr& e) {
  if (const auto value = ir::constant_value(e)) return ir::constant(std::max<int64_t>(*value, 0));
  return ir::max(ir::constant(0), e);
}

ir::IndexExpr aligned(const ir::IndexExpr& bytes) {
  const auto line = ir::constant(kAlignment);
  return ir::mul(ir::ceil_div(bytes, line), line);
}

}  // namespace

void Arena::take(const ir::IndexExpr& bytes) { blocks_.back().taken = ir::add(blocks_.back().taken, bytes); }

void Arena::close() {
  const Block inner = blocks_.back();
  blocks_.pop_back();
  blocks_.back().inside = ir::max(blocks_.back().inside, ir::add(inner.taken, inner.inside));
}

Lowering::Lowering(const ir::Program& split_program, const Options& chosen)
    : program(split_program), options(chosen), symbols(program) {
  ir::for_each_place(program, [this](const ir::Statement& s, const ir::Place& place) { places_.emplace(&s, place); });
  ir::for_each_place(program, [this](const ir::Statement& s, const ir::Place&) {
    const auto* assign = std::get_if<ir::Assign>(&s.node);
    if (!assign || !assign->declares) return;
    VariableSymbol& variable = symbols.variables.at(assign->name);
    variable.rows_in_memory = elements_along(variable.rows, s);
    variable.columns_in_memory = elements_along(variable.columns, s);
  });
}

std::string Lowering::take(Writer& out, bool from_shared, const char* type, int64_t element_bytes, const ir::IndexExpr& elements,
                           const std::string& stem, const ir::Statement& statement) {
  const auto place = places_.find(&statement);
  require(place != places_.end(), "memory is taken for a statement of the program");
  const auto bound = ir::Ranges(program, place->second).upper(elements);
  if (!bound)
    throw UserError(Diagnostic{"unbounded-tile",
                               program.where(statement.origin),
                               fmt::format("a tile of {} elements, which no dimension bounds", ir::to_text(elements)),
                               "bound the index that was read from data: assume(n <= ...)",
                               {}});
  (from_shared ? shared : scratch).take(aligned(ir::mul(at_least_zero(*bound), ir::constant(element_bytes))));
  std::string name = symbols.names.fresh(stem);
  out.line(fmt::format("{0}* const {1} = {2}.take<{0}>({3});", type, name, from_shared ? "shared" : "scratch",
                       symbols.text(elements)));
  return name;
}

ir::IndexExpr Lowering::elements_along(const ir::IndexExpr& extent, const ir::Statement& statement) const {
  return range_of(extent, statement).least < 0 ? at_least_zero(extent) : extent;
}

ir::Range Lowering::range_of(const ir::IndexExpr& extent, const ir::Statement& statement) const {
  if (ir::is_never_empty(program, extent)) return {1, std::numeric_limits<int64_t>::max()};
  return ir::Ranges(program, places_.at(&statement)).of(extent);
}

std::string Lowering::offset_where_any(const std::string& offset, const std::vector<ir::IndexExpr>& extents,
                                       const ir::Statement& statement) const {
  if (offset.empty() || offset == "0") return offset;
  std::string condition;
  for (const ir::IndexExpr& extent : extents) {
    const ir::Range range = range_of(extent, statement);
    if (range.greatest < 1) return "0";
    if (range.least < 1) condition += (condition.empty() ? "" : " && ") + symbols.text(extent) + " > 0";
  }
  return condition.empty() ? offset : "(" + condition + " ? " + offset + " : 0)";
}

void Lowering::place(Writer& out, bool in_shared, VariableSymbol& variable, const ir::Statement& statement) {
  if (!variable.data.empty()) return;
  if (!variable.accumulator) {
    variable.data = take(out, in_shared, memory_type(variable.dtype), bytes_of(variable.dtype),
                         ir::mul(variable.rows_in_memory, width_of(variable)), variable.name, statement);
    return;
  }
  variable.data =
      take(out, in_shared, "float", 4, ir::mul(variable.rows_in_memory, ir::constant(64)), variable.name + "_lanes", statement);
  variable.position = symbols.names.fresh(variable.name + "_position");
  out.line("int64_t " + variable.position + " = 0;");
}

std::string Lowering::streams_of(const ir::Statement& statement) {
  const auto* store = std::get_if<ir::Store>(&statement.node);
  if (!store || !find(statement.annotations, "stream")) return "";
  const TensorSymbol& tensor = symbols.tensors.at(store->tensor);
  const bool has_form = tensor.dtype == ir::DType::bf16 || tensor.dtype == ir::DType::f32;
  const int64_t bytes_of_element = bytes_of(tensor.dtype);
  if (!has_form || tensor.argument < 0 || !symbols.is_multiple(store->slice.back().begin, kAlignment / bytes_of_element))
    return "";
  streams = true;
  if (const auto found = streams_of_.find(store->tensor); found != streams_of_.end()) return found->second;
  ir::IndexExpr bytes = ir::constant(bytes_of_element);
  std::string strides;
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    bytes = ir::mul(tensor.shape[axis], bytes);
    if (axis + 1 < tensor.shape.size())
      strides += fmt::format("{}{} * {}", strides.empty() ? "" : " | ", tensor.strides[axis], bytes_of_element);
  }
  const std::string name = symbols.names.fresh(store->tensor + "_streams");
  beginning.push_back(fmt::format("const bool {} = streams_to({}, {}, {}, {});", name, tensor.data, symbols.text(bytes),
                                  strides.empty() ? "0" : strides, options.machine.rates.second_cache_bytes));
  return streams_of_[store->tensor] = name;
}

const target::ProductKernel& Lowering::product_kernel(ir::DType left) const {
  return target::fastest_kernel(options.machine, target::product_of(left));
}

std::string Lowering::condition(const ir::Condition& condition) const {
  std::string text;
  for (const ir::Comparison& each : condition)
    text +=
        (text.empty() ? "" : " && ") + symbols.text(each.left) + " " + ir::text_of(each.compare) + " " + symbols.text(each.right);
  return text.empty() ? "true" : text;
}

std::string Lowering::slice_check(const ir::Statement& statement) const {
  std::string text;
  const auto add = [&](const std::string& comparison) { text += (text.empty() ? "" : " && ") + comparison; };
  const auto check = [&](const std::string& tensor, const std::vector<ir::Axis>& slice) {
    for (size_t i = 0; i < slice.size(); ++i) {
      const ir::Axis& axis = slice[i];
      if (axis.kind == ir::Axis::Kind::by) continue;
      if (!symbols.depends_on_data(axis.begin) && !symbols.depends_on_data(axis.size)) continue;
      const ir::IndexExpr end = ir::add(axis.begin, axis.size), extent = symbols.tensors.at(tensor).shape[i];
      if (ir::constant_value(axis.begin).value_or(-1) < 0) add(symbols.text(axis.begin) + " >= 0");
      if (!ir::same(end, extent)) add(symbols.text(end) + " <= " + symbols.text(extent));
    }
  };
  ir::for_each_expr(statement, [&](const ir::Expr& e) {
    if (e.op != ir::Op::load) return;
    check(e.name, e.slice);
    for (size_t i = 0; i < e.slice.size(); ++i)
      if (may_list_nothing(symbols, e.name, e.slice, i))
        add(fmt::format("({} > 0 || {} <= 0)", symbols.text(symbols.tensors.at(e.name).shape[i]), symbols.text(e.slice[i].size)));
  });
  if (const auto* store = std::get_if<ir::Store>(&statement.node)) check(store->tensor, store->slice);
  return text;
}

}  // namespace imbrex::codegen
