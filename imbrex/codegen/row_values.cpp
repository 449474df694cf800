#include "imbrex/codegen/row_values.h"

#include <fmt/format.h>

namespace imbrex::codegen {
namespace {

using ir::Axis;
using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;

std::string plus(const std::string& pointer, const std::string& offset) {
  return offset == "0" || offset.empty() ? pointer : pointer + " + " + offset;
}

std::string product(const std::string& factor, const std::string& stride) {
  return stride == "1" ? factor : factor + " * " + stride;
}

bool is_atom(const std::string& text) { return text.find(' ') == std::string::npos; }

// From the tensor's first element to the begin of the slice, but for rows that data lists; "" if that is none.
std::string offset_to(const Lowering& lowering, const std::string& tensor, const std::vector<Axis>& slice) {
  const TensorSymbol& symbol = lowering.symbols.tensors.at(tensor);
  std::string offset;
  for (size_t i = 0; i < slice.size(); ++i) {
    const Axis& axis = slice[i];
    if (axis.kind == Axis::Kind::by || ir::constant_value(axis.begin) == 0) continue;
    const std::string stride = lowering.symbols.operand(symbol.strides[i]);
    const std::string begin = stride == "1" ? lowering.symbols.text(axis.begin) : lowering.symbols.operand(axis.begin);
    offset += (offset.empty() ? "" : " + ") + product(begin, stride);
  }
  return offset;
}

}  // namespace

SliceStrides strides_of(const Lowering& lowering, const std::string& tensor, const std::vector<Axis>& slice) {
  const TensorSymbol& symbol = lowering.symbols.tensors.at(tensor);
  std::vector<ir::IndexExpr> strides;
  for (size_t i = 0; i < slice.size(); ++i)
    if (slice[i].kind != Axis::Kind::point) strides.push_back(symbol.strides[i]);
  return {strides.size() == 2 ? std::optional(strides[0]) : std::nullopt, strides.empty() ? ir::constant(1) : strides.back()};
}

std::string pointer_to(const Lowering& lowering, const ir::Statement& statement, const std::string& tensor,
                       const std::vector<Axis>& slice) {
  const ir::TileShape shape = ir::shape_of_slice(slice);
  const std::string offset =
      lowering.offset_where_any([&] { return offset_to(lowering, tensor, slice); }, {shape.rows, shape.columns}, statement);
  return plus(lowering.symbols.data(lowering.symbols.tensors.at(tensor)), offset);
}

std::string RowValues::define_pointer(const std::string& key, const std::string& stem, const std::string& type,
                                      const std::string& value) {
  const auto found = pointers_.find(key);
  if (found != pointers_.end()) return found->second;
  const std::string name = lowering_.symbols.names.fresh(stem);
  row_begin->line(fmt::format("{}* const {} = {};", type, name, value));
  return pointers_[key] = name;
}

std::string RowValues::row_of(const std::string& tensor, const std::vector<Axis>& slice) {
  const TensorSymbol& symbol = lowering_.symbols.tensors.at(tensor);
  const std::optional<ir::IndexExpr> row_stride = strides_of(lowering_, tensor, slice).row;
  const ir::TileShape shape = ir::shape_of_slice(slice);
  const bool moves = !one_row_ && row_stride && !ir::is_one(shape.rows);
  const bool by_rows = std::any_of(slice.begin(), slice.end(), [](const Axis& a) { return a.kind == Axis::Kind::by; });
  const auto offset = [&] {
    std::string to_row = offset_to(lowering_, tensor, slice);
    if (moves && !by_rows) to_row += (to_row.empty() ? "" : " + ") + product(row_, lowering_.symbols.operand(*row_stride));
    return to_row;
  };
  std::string value;
  if (!symbol.in_tiles)
    value = plus(lowering_.symbols.data(symbol), lowering_.offset_where_any(offset, {shape.columns}, statement_));
  for (size_t i = 0; i < slice.size(); ++i) {
    const Axis& axis = slice[i];
    if (axis.kind != Axis::Kind::by) continue;
    const TileSymbol& index = lowering_.symbols.tiles.at(axis.tile);
    const std::string row = one_row_ || ir::is_one(axis.size) ? "0" : row_;
    value += fmt::format(" + checked_index(call, {}, {}[{}], {}) * {}", lowering_.implicit_check(), lowering_.symbols.data(index),
                         row, lowering_.symbols.text(symbol.shape[i]), lowering_.symbols.operand(symbol.strides[i]));
  }
  if (symbol.in_tiles) {
    const std::string begin = lowering_.symbols.text(slice[0].begin);
    const std::string row = !moves ? begin : begin == "0" ? row_ : begin + " + " + row_;
    value = fmt::format("{} + tiled_row<{}>({}, {})", lowering_.symbols.data(symbol), memory_type(symbol.dtype), row,
                        lowering_.symbols.text(symbol.shape[1]));
  }
  if (is_atom(value)) return value;
  const std::string type = (symbol.written || symbol.argument < 0 ? "" : "const ") + std::string(memory_type(symbol.dtype));
  const std::string pointer = define_pointer(value, tensor + "_row", type, value);
  if (symbol.in_tiles) tiled_.insert(pointer);
  return pointer;
}

std::string RowValues::at(const std::string& pointer, const std::string& column) const {
  return plus(pointer, tiled_.contains(pointer) && column != "0" ? "tiled_column(" + column + ")" : column);
}

std::string RowValues::row_of_variable(const std::string& name) {
  const TileSymbol& variable = lowering_.symbols.tiles.at(name);
  if (const auto buffer = row_buffers.find(name); buffer != row_buffers.end()) {
    const auto& [pointer, width] = buffer->second;
    if (width.empty()) return pointer;
    const std::string row = first_row == "0" ? row_
                            : width == "1"   ? row_ + " - " + first_row
                                             : "(" + row_ + " - " + first_row + ")";
    return define_pointer("variable " + name, name + "_row", memory_type(variable.dtype), plus(pointer, product(row, width)));
  }
  require(!variable.variable.empty(), "a tile variable is read before it has memory");
  const bool moves = !one_row_ && !ir::is_one(variable.rows);
  const std::string type = variable.accumulator ? "float" : memory_type(variable.dtype);
  const std::string data = lowering_.symbols.data(variable);
  if (!moves) return data;
  const std::string width = variable.accumulator ? "64" : lowering_.symbols.operand(width_of(variable));
  return define_pointer("variable " + name, name + "_row", type, plus(data, product(row_, width)));
}

std::string RowValues::load(DType dtype, const std::string& pointer, const Place& place) const {
  if (!place.vector) return fmt::format("load_{}_s({})", storage_suffix(dtype), pointer);
  const std::string count = place.count.empty() ? "" : ", " + place.count;
  return fmt::format("load_{}({}{})", storage_suffix(dtype), plus(pointer, place.column), count);
}

std::string RowValues::store(DType dtype, const std::string& pointer, const std::string& value, const Place& place) const {
  return store(storage_suffix(dtype), pointer, value, place);
}

std::string RowValues::store(const std::string& form, const std::string& pointer, const std::string& value,
                             const Place& place) const {
  if (!place.vector) return fmt::format("store_{}_s({}, {});", form, pointer, value);
  const std::string count = place.count.empty() ? "" : ", " + place.count;
  if (tiled_.contains(pointer) && form.starts_with("bf16")) {
    require(count.empty(), "rows in tiles have whole blocks of columns");
    return fmt::format("store_{}_tiled({}, {}, {});", form, pointer, place.column, value);
  }
  return fmt::format("store_{}({}, {}{});", form, at(pointer, place.column), value, count);
}

std::string RowValues::stream(const std::string& form, const std::string& pointer, const std::string& value, const Place& place,
                              const std::string& streams) const {
  return fmt::format("stream_{}({}, {}, {});", form, plus(pointer, place.column), value, streams);
}

std::string RowValues::leaf_pointer(const ExprPtr& leaf) {
  if (leaf->op == Op::columns) return plus(leaf_pointer(leaf->args[0]), lowering_.symbols.text(leaf->index));
  return leaf->op == Op::variable ? row_of_variable(leaf->name) : row_of(leaf->name, leaf->slice);
}

// even(x), odd(x) of a tile in memory: 32 columns make 16.
std::string RowValues::paired_columns(const ExprPtr& e, const Place& place) {
  const std::string pointer = leaf_pointer(e->args[0]);
  const DType dtype = e->dtype;
  if (!place.vector) return load(dtype, e->op == Op::even ? pointer : pointer + " + 1", Place{});
  const std::string wide = "2 * " + (is_atom(place.column) ? place.column : "(" + place.column + ")");
  if (dtype == DType::boolean) {  // masks have no lanes to move: bytes have
    auto bytes = std::make_shared<ir::Expr>(*e);
    bytes->dtype = DType::uint8;
    return "ne(" + paired_columns(bytes, place) + ", broadcast_i(0))";
  }
  const std::string at = plus(pointer, place.column == "0" ? "0" : wide), name = ir::name_of(e->op),
                    suffix = storage_suffix(dtype);
  if (place.count.empty()) return fmt::format("{0}(load_{1}({2}), load_{1}({2} + kLanes))", name, suffix, at);
  return fmt::format("{0}(load_{1}({2}, smaller_int(2 * {3}, 16)), {3} > 8 ? load_{1}({2} + kLanes, 2 * {3} - 16) : {4})", name,
                     suffix, at, place.count, is_float(dtype) ? "broadcast(0.0f)" : "broadcast_i(0)");
}

std::string RowValues::gathered(const ExprPtr& e, const Place& place) {
  const std::string pointer = leaf_pointer(e->args[0]), extent = lowering_.symbols.text(e->args[0]->columns);
  const std::string index = text(e->args[1], place), check = std::to_string(lowering_.implicit_check());
  if (!place.vector)
    return load(e->dtype, fmt::format("{} + checked_index(call, {}, {}, {})", pointer, check, index, extent), place);
  const std::string count = place.count.empty() ? "" : ", " + place.count;
  return fmt::format("load_{}(gather_columns(call, {}, {}, {}, {}{}).elements)", storage_suffix(e->dtype), check, pointer, extent,
                     index, count);
}

// A single value of this row in all lanes, named before the loop over columns.
std::string RowValues::broadcast(const ExprPtr& e) {
  const std::string value = single(e);
  const char* function = is_float(e->dtype) ? "broadcast" : e->dtype == DType::boolean ? "broadcast_m" : "broadcast_i";
  std::string all = fmt::format("{}({})", function, value);
  if (e->op == Op::constant) return all;
  const auto found = hoisted_.find(all);
  if (found != hoisted_.end()) return found->second;
  const bool has_name = e->op == Op::variable || e->op == Op::load;
  Names& names = lowering_.symbols.names;
  const std::string name = has_name ? names.fresh(e->name + "_all") : names.own("factor");
  before_loop->line(fmt::format("const {} {} = {};", register_type(e->dtype), name, all));
  return hoisted_[all] = name;
}

// A single value of this row that divides those of its columns, named before the loop over them.
std::string RowValues::divisor(const ExprPtr& e) {
  const std::string value = fmt::format("({})", single(e));
  std::string& name = hoisted_["Divisor" + value];
  if (name.empty()) {
    const bool has_name = e->op == Op::variable || e->op == Op::load;
    name = has_name ? lowering_.symbols.names.fresh(e->name + "_divisor") : lowering_.symbols.names.own("divisor");
    before_loop->line("const Divisor " + name + value + ";");
  }
  return name;
}

std::string RowValues::text(const ExprPtr& e, const Place& place) {
  if (place.vector && (ir::is_one(e->columns) || e->op == Op::index)) return broadcast(e);
  if (place.vector && reciprocals && reciprocals->contains(e.get())) {
    const std::string divided = text(e->args[0], place);
    return fmt::format("div({}, {})", divided, divisor(e->args[1]));
  }
  switch (e->op) {
    IMBREX_ELEMENTWISE_CASES
    return applied(e, place);
    case Op::variable: {
      if (const auto scalar = scalars.find(e->name); scalar != scalars.end()) return scalar->second;
      if (const auto found = registers.find(e->name); found != registers.end()) return found->second;
      const std::string pointer = row_of_variable(e->name);
      if (lowering_.symbols.tiles.at(e->name).accumulator) return "fold_lanes(" + pointer + ")";
      return load(e->dtype, pointer, place);
    }
    case Op::load: return load(e->dtype, row_of(e->name, e->slice), place);
    case Op::constant:
      if (!place.vector) return number_text(*e);
      return fmt::format("{}({})", is_float(e->dtype) ? "broadcast" : "broadcast_i", number_text(*e));
    case Op::index: return "static_cast<int32_t>(" + lowering_.symbols.text(e->index) + ")";
    case Op::iota: {
      const std::string begin = lowering_.symbols.text(e->index);
      if (!place.vector) return "static_cast<int32_t>(" + begin + ")";
      return "iota_i(static_cast<int32_t>(" +
             (begin == "0"          ? place.column
              : place.column == "0" ? begin
                                    : begin + " + " + place.column) +
             "))";
    }
    case Op::even:
    case Op::odd: return paired_columns(e, place);
    case Op::gather: return gathered(e, place);
    case Op::columns: return load(e->dtype, leaf_pointer(e), place);
    case Op::interleave:
    case Op::concat_columns:
    case Op::concat_rows:
    case Op::reshape:
    case Op::transpose:
    case Op::repeat_rows:
    case Op::row_sum:
    case Op::row_max:
    case Op::row_min:
    case Op::row_sum_acc:
    case Op::col_sum:
    case Op::col_max:
    case Op::col_min:
    case Op::col_sum_acc:
    case Op::matmul:
    case Op::matmul_acc:
    case Op::matmul_scaled:
    case Op::matmul_expanded: break;
  }
  throw InternalError(fmt::format("{} stands alone", name_of(e->op)));
}

// An elementwise operation's function of its operands.
std::string RowValues::applied(const ExprPtr& e, const Place& place) {
  std::string arguments;
  for (const ExprPtr& arg : e->args) arguments += (arguments.empty() ? "" : ", ") + text(arg, place);
  std::string function = function_of(*e);
  const bool rounds = e->op == Op::cast && e->args[0]->dtype != DType::boolean;
  if (!place.vector && rounds && !function.empty()) function += "_s";  // the header's name of the cast of one value
  std::string value = function.empty() ? arguments : function + "(" + arguments + ")";
  const bool is_integer = element_type(e->dtype).form == Form::integer;
  const bool narrows = e->op == Op::cast && is_integer && !holds_all_of(e->dtype, DType::int32) &&
                       e->args[0]->dtype != e->dtype && e->args[0]->dtype != DType::boolean;
  return narrows ? fmt::format("saturate_{}({})", storage_suffix(e->dtype), value) : value;
}

}  // namespace imbrex::codegen
