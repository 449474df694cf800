#include "imbrex/codegen/blocks.h"

#include <fmt/format.h>

#include "imbrex/codegen/row_loops.h"
#include "imbrex/codegen/row_values.h"
#include "imbrex/codegen/text.h"
#include "imbrex/plan/split.h"

namespace imbrex::codegen {
namespace {

using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;

std::string data_of(const Lowering& lowering, const ExprPtr& variable) {
  const TileSymbol& tile = lowering.symbols.tiles.at(variable->name);
  require(!tile.variable.empty(), "a tile is used before it has memory");
  return lowering.symbols.data(tile);
}

// col_sum, col_max, col_min, col_sum_acc: rows ascend outside, columns are vectors.
void write_column_reduction(Lowering& lowering, const Statement& statement, Writer& out) {
  const auto& assign = std::get<ir::Assign>(statement.node);
  const Expr& e = *assign.value;
  Symbols& symbols = lowering.symbols;
  const std::string result = symbols.data(symbols.tiles.at(assign.name));
  const ExprPtr& operand = e.args.back();
  const bool is_f32 = e.dtype == ir::DType::f32;
  const std::string extent = symbols.text(e.columns), suffix = storage_suffix(e.dtype);
  std::string identity = is_f32 ? "0.0f" : "0";
  if (e.op == Op::col_max) identity = is_f32 ? "-__builtin_inff()" : "INT32_MIN";
  if (e.op == Op::col_min) identity = is_f32 ? "__builtin_inff()" : "INT32_MAX";
  const std::string function = e.op == Op::col_max ? "max" : e.op == Op::col_min ? "min" : "add";
  if (e.op != Op::col_sum_acc)
    out.line(fmt::format("for (int64_t c = 0; c < {}; ++c) {}[c] = {};", extent, result, identity));
  else if (e.args[0]->name != assign.name)
    out.line(fmt::format("for (int64_t c = 0; c < {}; ++c) {}[c] = {}[c];", extent, result, data_of(lowering, e.args[0])));

  const std::string row = symbols.names.own("row");
  RowValues values(lowering, statement, ir::is_one(operand->rows), ir::is_one(operand->rows) ? "0" : row);
  Writer begin = out.beside(1), loop = out.beside(1);
  values.row_begin = values.before_loop = &begin;
  if (ir::is_one(operand->columns)) {
    loop.line(fmt::format("{0}[0] = {1}({0}[0], {2});", result, function, values.text(operand, Place{})));
  } else {
    const bool are_whole = lowering.plan.symbols.is_multiple(e.columns, kLanes);
    loop.open(fmt::format("for (int64_t c = 0; c < {}; c += kLanes)", extent));
    if (!are_whole) loop.line(fmt::format("const int n = static_cast<int>(smaller(kLanes, {} - c));", extent));
    const std::string x = values.text(operand, Place{true, "c", are_whole ? "" : "n"}), count = are_whole ? "" : ", n";
    loop.line(fmt::format("store_{0}({1} + c, {2}(load_{0}({1} + c{4}), {3}){4});", suffix, result, function, x, count));
    loop.close();
  }
  out.open(fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", row, symbols.text(operand->rows)));
  out.append(begin);
  out.append(loop);
  out.close();
}

void copy_rows(const Lowering& lowering, const ExprPtr& from, const std::string& to, Writer& out) {
  out.line(fmt::format("copy_tile({}, {}, 1, {}, {}, 1, {}, {});", data_of(lowering, from), lowering.symbols.text(from->columns),
                       to, lowering.symbols.text(from->columns), lowering.symbols.text(from->rows),
                       lowering.symbols.text(from->columns)));
}

// Moves whole tiles: transpose, reshape, concat_rows.
void write_move(Lowering& lowering, const ir::Assign& assign, Writer& out) {
  const Expr& e = *assign.value;
  const std::string to = lowering.symbols.data(lowering.symbols.tiles.at(assign.name));
  if (e.op == Op::transpose) {
    const ExprPtr& x = e.args[0];
    const std::string rows = lowering.symbols.text(x->rows), columns = lowering.symbols.text(x->columns);
    out.line(fmt::format("copy_tile({}, {}, 1, {}, 1, {}, {}, {});", data_of(lowering, x), columns, to, rows, rows, columns));
    return;
  }
  if (e.op == Op::repeat_rows) {
    const std::string columns = lowering.symbols.operand(lowering.symbols.tiles.at(assign.name).columns_in_memory),
                      times = lowering.symbols.operand(e.index);
    out.open(fmt::format("for (int64_t r = 0; r < {}; ++r)", lowering.symbols.text(e.rows)));
    out.line(fmt::format("copy_tile({0} + r / {1} * {2}, 0, 1, {3} + r * {2}, 0, 1, 1, {2});", data_of(lowering, e.args[0]),
                         times, columns, to));
    out.close();
    return;
  }
  ir::IndexExpr offset = ir::constant(0);
  for (const ExprPtr& part : e.args) {
    const std::string at = ir::constant_value(offset) == 0 ? to : to + " + " + lowering.symbols.text(offset);
    copy_rows(lowering, part, at, out);
    const TileSymbol& variable = lowering.symbols.tiles.at(part->name);
    offset = ir::add(offset, ir::mul(variable.rows_in_memory, variable.columns_in_memory));
  }
}

// The element [r, c] of a slice, one axis at a time: `by` axes look their index up.
std::string element_offset(const Lowering& lowering, const std::string& tensor, const std::vector<ir::Axis>& slice) {
  const TensorSymbol& symbol = lowering.symbols.tensors.at(tensor);
  int extents = 0, seen = 0;
  for (const ir::Axis& axis : slice) extents += axis.kind != ir::Axis::Kind::point;
  std::string text;
  for (size_t i = 0; i < slice.size(); ++i) {
    const ir::Axis& axis = slice[i];
    std::string index;
    if (axis.kind == ir::Axis::Kind::point) {
      index = lowering.symbols.text(axis.begin);
    } else {
      const std::string loop = extents == 2 && seen++ == 0 ? "r" : "c";
      index = axis.kind == ir::Axis::Kind::by ? fmt::format("checked_index(call, {}, {}[{}], {})", lowering.implicit_check(),
                                                            lowering.symbols.data(lowering.symbols.tiles.at(axis.tile)), loop,
                                                            lowering.symbols.text(symbol.shape[i]))
                                              : lowering.symbols.text(axis.begin) + " + " + loop;
    }
    text += (text.empty() ? "" : " + ") + ("(" + index + ") * ") + lowering.symbols.operand(symbol.strides[i]);
  }
  return text.empty() ? "0" : text;
}

std::string bad_element_test(const Lowering& lowering, const std::string& tensor, const std::vector<ir::Axis>& slice) {
  int extents = 0, seen = 0;
  for (const ir::Axis& axis : slice) extents += axis.kind != ir::Axis::Kind::point;
  std::string text;
  for (size_t i = 0; i < slice.size(); ++i) {
    if (slice[i].kind == ir::Axis::Kind::point) continue;
    const std::string loop = extents == 2 && seen++ == 0 ? "r" : "c";
    if (slice[i].kind != ir::Axis::Kind::by) continue;
    text += fmt::format("{}!row_exists(call, {}, {}[{}], {})", text.empty() ? "" : " || ", lowering.implicit_check(),
                        lowering.symbols.data(lowering.symbols.tiles.at(slice[i].tile)), loop,
                        lowering.symbols.text(lowering.symbols.tensors.at(tensor).shape[i]));
  }
  return text;
}

// Element by element, between a tile and a slice whose columns are not contiguous.
void write_copy(Lowering& lowering, const Statement& statement, Writer& out) {
  const Symbols& symbols = lowering.symbols;
  const auto* store = std::get_if<ir::Store>(&statement.node);
  const auto* load = store ? nullptr : &std::get<ir::Assign>(statement.node);
  const std::string& tensor = store ? store->tensor : load->value->name;
  const std::vector<ir::Axis>& slice = store ? store->slice : load->value->slice;
  const ExprPtr& value = store ? store->value : load->value;
  const std::string tile = store ? data_of(lowering, value) : symbols.data(symbols.tiles.at(load->name));
  out.open(fmt::format("for (int64_t r = 0; r < {}; ++r)", symbols.text(value->rows)));
  out.open(fmt::format("for (int64_t c = 0; c < {}; ++c)", symbols.text(value->columns)));
  const std::string element =
      fmt::format("{}[{}]", symbols.data(symbols.tensors.at(tensor)), element_offset(lowering, tensor, slice));
  const std::string in_tile = fmt::format("{}[r * {} + c]", tile, symbols.operand(value->columns));
  const std::string skip = load ? "" : bad_element_test(lowering, tensor, slice);
  if (!skip.empty()) out.line("if (" + skip + ") continue;");
  const std::string loaded = saturates_when_loaded(value->dtype) ? "loaded(" + element + ")" : element;
  out.line(load ? in_tile + " = " + loaded + ";" : element + " = " + in_tile + ";");
  out.close();
  out.close();
}

void write_tap(Lowering& lowering, const ir::Tap& tap, Writer& out) {
  const TileSymbol& variable = lowering.symbols.tiles.at(tap.value->name);
  out.open("if (call->tap)");
  std::string numbers;
  for (const ir::Loop* loop : lowering.loops)
    numbers += (numbers.empty() ? "" : ", ") + lowering.symbols.number_of(lowering.symbols.loops.at(loop->variable));
  out.line(fmt::format("const int64_t indices[] = {{{}}};", numbers.empty() ? "0" : numbers));
  out.line(fmt::format("call->tap(call->tap_user, {}, {}, {}, {}, {}, indices, {});", literal(tap.name),
                       element_type(variable.dtype).abi, lowering.symbols.data(variable), lowering.symbols.text(variable.rows),
                       lowering.symbols.text(variable.columns), lowering.loops.size()));
  out.close();
}

}  // namespace

void write_index_read(Lowering& lowering, const ir::ReadIndex& read, Writer& out) {
  const TensorSymbol& symbol = lowering.symbols.tensors.at(read.tensor);
  std::string offset;
  for (size_t i = 0; i < read.position.size(); ++i) {
    const std::string index = fmt::format("checked_index(call, {}, {}, {})", lowering.implicit_check(),
                                          lowering.symbols.text(read.position[i]), lowering.symbols.text(symbol.shape[i]));
    const std::string stride = lowering.symbols.operand(symbol.strides[i]);
    offset += (offset.empty() ? "" : " + ") + index + (stride == "1" ? "" : " * " + stride);
  }
  const std::string name = lowering.symbols.names.fresh(read.name);
  lowering.symbols.reads[read.name] = name;
  const std::string element = fmt::format("{}[{}]", lowering.symbols.data(symbol), offset.empty() ? "0" : offset);
  const std::string value =
      saturates_when_loaded(symbol.dtype) ? fmt::format("read_index(call, {}, {})", lowering.implicit_check(), element) : element;
  out.line(fmt::format("[[maybe_unused]] const int64_t {} = {};", name, value));
  lowering.symbols.variables.declare("int64_t", name);
}

void create_tensor(Lowering& lowering, const plan::CreateTensor& create, Writer& out) {
  Symbols& symbols = lowering.symbols;
  TensorSymbol& symbol = symbols.tensors.at(std::get<ir::CreateTensor>(create.statement->node).tensor.name);
  symbol.strides.assign(symbol.shape.size(), ir::constant(symbol.in_tiles ? 0 : 1));
  ir::IndexExpr elements = ir::constant(1);
  for (size_t i = symbol.in_tiles ? 0 : symbol.shape.size(); i-- > 0;) {
    const bool is_row = i + 2 == symbol.shape.size();
    std::string padded;
    if (is_row && create.padding > 0) padded = fmt::format("{} and {} of padding", ir::to_text(elements), create.padding);
    if (is_row) elements = ir::add(elements, ir::constant(create.padding));
    const auto constant = ir::constant_value(elements);
    const std::string stem = symbol.name + "_stride" + (symbol.shape.size() > 2 ? "_" + std::to_string(i) : "");
    symbol.strides[i] = constant && i + 1 < symbol.shape.size()
                            ? symbols.name_stride(lowering.constant(symbols.names.fresh(stem), *constant, padded))
                            : elements;
    elements = ir::mul(create.extents[i], elements);
  }
  symbol.variable = lowering.take(out, create.allocation);
}

// Axes are matched from the last one in groups of equal products. Within a group the view's axes step by the stride of the
// group's last axis; where a group merges several axes of the base, those must be dense, which is checked when the kernel starts.
void bind_view(Lowering& lowering, const ir::View& view) {
  TensorSymbol& symbol = lowering.symbols.tensors.at(view.name);
  const TensorSymbol& base = lowering.symbols.tensors.at(view.base);
  symbol.variable = base.variable;
  symbol.strides.assign(symbol.shape.size(), ir::constant(1));
  size_t v = symbol.shape.size(), b = base.shape.size();
  while (v > 0) {
    const size_t view_end = v, base_end = b;
    ir::IndexExpr of_view = symbol.shape[--v], of_base = b > 0 ? base.shape[--b] : ir::constant(1);
    while (!ir::same(of_view, of_base) && (v > 0 || b > 0)) {
      const auto x = ir::constant_value(of_view), y = ir::constant_value(of_base);
      const bool view_is_less = x && (!y || *x < *y);
      if (b == 0 || (v > 0 && view_is_less))
        of_view = ir::mul(symbol.shape[--v], of_view);
      else
        of_base = ir::mul(base.shape[--b], of_base);
    }
    const ir::IndexExpr unit = base_end > 0 ? base.strides[base_end - 1] : ir::constant(1);
    ir::IndexExpr inside = ir::constant(1);
    for (size_t axis = view_end; axis-- > v;) {
      symbol.strides[axis] = ir::mul(inside, unit);
      inside = ir::mul(symbol.shape[axis], inside);
    }
    if (base.argument < 0) continue;
    for (size_t axis = b; axis + 1 < base_end; ++axis)
      lowering.layout_checks.push_back(
          {{base.strides[axis], ir::Compare::eq, ir::mul(base.shape[axis + 1], base.strides[axis + 1])}, lowering.origins});
  }
}

namespace {

void write_check_of_elements(Lowering& lowering, const plan::CheckElements& check, Writer& out) {
  const auto& assumed = std::get<ir::AssumeElements>(check.statement->node);
  const TileSymbol& tile = lowering.symbols.tiles.at(assumed.tile);
  const std::string count = lowering.symbols.text(ir::mul(tile.rows_in_memory, tile.columns_in_memory));
  if (!check.seen) {
    out.line(fmt::format("if (!is_sorted({}, {})) fail_assumption(call, {});", lowering.symbols.data(tile), count,
                         lowering.implicit_check()));
    return;
  }
  const std::string table = lowering.take(out, *check.seen);
  out.line(fmt::format("if (!all_distinct({}, {}, {}{})) fail_assumption(call, {});", lowering.symbols.data(tile), count, table,
                       assumed.except ? fmt::format(", {}", *assumed.except) : "", lowering.implicit_check()));
}

}  // namespace

void write_step(Lowering& lowering, const plan::Step& step, Writer& out) {
  const std::string check = lowering.text_of(step.checks);
  const auto guarded = [&](auto write) {
    if (check.empty()) return write(out);
    out.open("if (" + check + ")");
    write(out);
    out.reopen("} else {");
    out.line(fmt::format("fail_assumption(call, {});", lowering.implicit_check()));
    out.close();
  };
  if (step.memory) lowering.place(out, *step.memory);
  if (const auto* nest = std::get_if<plan::RowNest>(&step.what)) {
    // What outlives the nest is declared before the branch.
    for (const plan::TileMemory& memory : nest->memory)
      if (memory.kind == plan::TileMemory::Kind::whole || memory.kind == plan::TileMemory::Kind::lanes)
        lowering.place(out, memory);
    guarded([&](Writer& out) { write_row_nest(lowering, *nest, out); });
  } else if (const auto* product = std::get_if<plan::Product>(&step.what)) {
    guarded([&](Writer& out) {
      write_prefetches(lowering, product->prefetches, out);
      write_product(lowering, *product, out);
    });
  } else if (const auto* pack = std::get_if<plan::Pack>(&step.what)) {
    write_pack(lowering, *pack, out);
  } else if (const auto* reduction = std::get_if<plan::ColumnReduction>(&step.what)) {
    guarded([&](Writer& out) { write_column_reduction(lowering, *reduction->statement, out); });
  } else if (const auto* copy = std::get_if<plan::Copy>(&step.what)) {
    guarded([&](Writer& out) { write_copy(lowering, *copy->statement, out); });
  } else if (const auto* move = std::get_if<plan::Move>(&step.what)) {
    guarded([&](Writer& out) { write_move(lowering, std::get<ir::Assign>(move->statement->node), out); });
  } else if (const auto* tap = std::get_if<plan::Tap>(&step.what)) {
    write_tap(lowering, std::get<ir::Tap>(tap->statement->node), out);
  } else {
    write_check_of_elements(lowering, std::get<plan::CheckElements>(step.what), out);
  }
}

void open_loop(Lowering& lowering, const ir::Loop& loop, Writer& out) {
  Symbols& symbols = lowering.symbols;
  LoopSymbol& symbol = symbols.loops.at(loop.variable);
  lowering.loops.push_back(&loop);
  symbol.size.clear();
  symbol.index.clear();
  const std::string begin = symbols.text(loop.begin), end = symbols.text(ir::add(loop.begin, loop.extent));
  symbol.variable = symbols.names.fresh(loop.tile == 0 ? loop.variable : loop.variable + "_begin");
  if (loop.tile == 0) {
    out.open(fmt::format("for (int64_t {0} = {1}; {0} < {2}; ++{0})", symbol.variable, begin, end));
    symbols.variables.declare("int64_t", symbol.variable);
    return;
  }
  // The last step of large tiles could leave 64 bits; that of small ones only behind more steps than any machine takes.
  constexpr int64_t kSmallTile = 1 << 16;
  const std::string& tile = lowering.tile_of(loop);
  const std::string step = loop.tile <= kSmallTile ? tile : fmt::format("smaller({}, {} - {})", tile, end, symbol.variable);
  out.open(fmt::format("for (int64_t {0} = {1}; {0} < {2}; {0} += {3})", symbol.variable, begin, end, step));
  symbols.variables.declare("int64_t", symbol.variable);
  const auto extent = ir::constant_value(loop.extent);
  if (extent && *extent % loop.tile == 0) return;
  symbol.size = symbols.names.fresh(loop.variable + "_size");
  out.line(fmt::format("const int64_t {} = smaller({}, {} - {});", symbol.size, tile, end, symbol.variable));
  symbols.variables.declare("int64_t", symbol.size);
}

namespace {

// The numbers of the assumptions whose branches are open.
using Assumed = std::vector<int>;

void write_nodes(Lowering& lowering, const std::vector<plan::Node>& nodes, Writer& out, Assumed& assumed);

// What an assumption makes known sizes memory: so nothing behind it runs where it does not hold.
void open_assume(Lowering& lowering, const plan::Assume& assume, Writer& out, Assumed& assumed) {
  assumed.push_back(assume.number);
  out.open("if (" + lowering.condition(assume.assume->condition) + ")");
}

void write_nodes(Lowering& lowering, const std::vector<plan::Node>& nodes, Writer& out, Assumed& assumed) {
  for (const plan::Node& node : nodes) {
    const WrittenFor here(lowering.origins, lowering.origins_of.of(node));
    if (const auto* loop = std::get_if<plan::Loop>(&node.what)) {
      open_loop(lowering, *loop->loop, out);
      write_body(lowering, loop->body, out);
      lowering.loops.pop_back();
      out.close();
    } else if (const auto* scope = std::get_if<plan::Scope>(&node.what)) {
      const std::string& name = std::get<ir::At>(scope->statement->node).name;
      out.line("// " + comment(name));
      const std::string begin = lowering.symbols.names.fresh(name + "_started");
      out.line(fmt::format("const uint64_t {} = trace_begin(call);", begin));
      write_nodes(lowering, scope->nodes, out, assumed);
      out.line(fmt::format("trace_end(call, {}, {});", literal(name), begin));
    } else if (const auto* branch = std::get_if<plan::Branch>(&node.what)) {
      out.open("if (" + lowering.condition(branch->branch->condition) + ")");
      write_body(lowering, branch->then_body, out);
      if (branch->else_body) {
        out.reopen("} else {");
        write_body(lowering, *branch->else_body, out);
      }
      out.close();
    } else if (const auto* create = std::get_if<plan::CreateTensor>(&node.what)) {
      create_tensor(lowering, *create, out);
    } else if (const auto* taken = std::get_if<plan::TakePacked>(&node.what)) {
      lowering.packed_ahead[taken->ahead] = lowering.take(out, taken->ahead->memory);
    } else if (const auto* view = std::get_if<plan::View>(&node.what)) {
      bind_view(lowering, *view->view);
    } else if (const auto* read = std::get_if<plan::ReadIndex>(&node.what)) {
      write_index_read(lowering, *read->read, out);
    } else if (const auto* assume = std::get_if<plan::Assume>(&node.what)) {
      open_assume(lowering, *assume, out, assumed);
    } else {
      write_step(lowering, std::get<plan::Step>(node.what), out);
    }
  }
}

}  // namespace

void write_body(Lowering& lowering, const plan::Body& body, Writer& out) {
  const std::string mark = body.frame ? lowering.symbols.names.own("before") : "";
  if (body.frame) out.line(fmt::format("const Scratch {} = {};", mark, lowering.symbols.variables.use("scratch")));
  write_block(lowering, body.nodes, out);
  if (body.frame) out.line(fmt::format("scratch = {};", mark));
}

void write_block(Lowering& lowering, const std::vector<plan::Node>& nodes, Writer& out) {
  Assumed assumed;
  write_nodes(lowering, nodes, out, assumed);
  for (; !assumed.empty(); assumed.pop_back()) {
    out.reopen("} else {");
    out.line(fmt::format("fail_assumption(call, {});", assumed.back()));
    out.close();
  }
}

}  // namespace imbrex::codegen
