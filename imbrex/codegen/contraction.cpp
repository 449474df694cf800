// Matrix products: calls of the target's packed, register-blocked drivers. Declared weights are packed once, when they are bound;
// other right-hand sides, which each run may find changed, are packed into the worker's memory first.
#include <fmt/format.h>

#include <algorithm>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_groups.h"
#include "imbrex/codegen/row_loops.h"
#include "imbrex/codegen/split.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/rows_in_tiles.h"

namespace imbrex::codegen {
namespace {

using ir::DType;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;

constexpr int64_t kBlockColumns = 16;

// A tile in memory: a pointer and the steps between rows and between columns.
struct Operand {
  std::string pointer, row_stride, column_stride;
};

Operand operand_of(const Lowering& lowering, const Statement& statement, const ExprPtr& e) {
  if (e->op == Op::variable) {
    const VariableSymbol& variable = lowering.symbols.variables.at(e->name);
    return {variable.data, lowering.symbols.text(width_of(variable)), "1"};
  }
  const SliceStrides strides = strides_of(lowering, e->name, e->slice);
  return {pointer_to(lowering, statement, e->name, e->slice), strides.row.empty() ? "0" : strides.row, strides.column};
}

}  // namespace

bool goes_into(const Lowering& lowering, const ir::Assign& assign, const ir::Store& store) {
  const Expr& e = *assign.value;
  const TensorSymbol& tensor = lowering.symbols.tensors.at(store.tensor);
  if (e.op != Op::matmul || !assign.declares || store.value->op != Op::variable || store.value->name != assign.name) return false;
  const bool by_data =
      std::any_of(store.slice.begin(), store.slice.end(), [](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by; });
  if (by_data || tensor.dtype != e.dtype || strides_of(lowering, store.tensor, store.slice).column != "1") return false;
  for (const ExprPtr& operand : e.args)
    if (operand->op == Op::load && lowering.symbols.tensors.at(operand->name).storage == tensor.storage) return false;
  // Made here, stored there, and nowhere else: not even as a list of rows, or where something is assumed of it.
  return lowering.symbols.variables.at(assign.name).mentions == 2;
}

// Products that the rows after them read, and nothing else does, lie with a line between rows that would collide in the cache.
void pad_products(Lowering& lowering) {
  std::map<std::string, int> read_by_rows;
  std::map<std::string, const Expr*> products;
  ir::for_each_statement(lowering.program.body, [&](const Statement& s) {
    if (row_step(s)) {
      ir::for_each_expr(s, [&](const Expr& e) { read_by_rows[e.name] += e.op == Op::variable; });
    } else if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
      if (assign->declares && assign->value->op == Op::matmul) products[assign->name] = assign->value.get();
    }
    return true;
  });
  for (const auto& [name, product] : products) {
    VariableSymbol& variable = lowering.symbols.variables.at(name);
    const auto columns = lowering.symbols.fixed(variable.columns);
    if (!columns || variable.mentions != 1 + read_by_rows[name]) continue;
    if (lowering.product_kernel(product->args[0]->dtype).takes_tiles)
      variable.padding = padding_of_rows(*columns, bytes_of(variable.dtype));
  }
}

void plan_products(Lowering& lowering) {
  lowering.tiled =
      optimize::tensors_in_tiles(lowering.program, [&](DType left, DType) { return lowering.product_kernel(left).takes_tiles; });
  pad_products(lowering);
  optimize::PackedWeights weights = optimize::packed_weights(lowering.program);
  lowering.packed = std::move(weights.packed);
  for (const auto& refused : weights.refused)
    lowering.remark(refused.origin,
                    fmt::format("'{}' is packed again at each product, not ahead of time: {}", refused.tensor, refused.reason));
}

void write_matmul(Lowering& lowering, const Statement& statement, const ir::Store* into, Writer& out) {
  const auto& assign = std::get<ir::Assign>(statement.node);
  const Expr& e = *assign.value;
  Symbols& symbols = lowering.symbols;
  const bool continues = e.op == Op::matmul_acc;
  const ExprPtr &a = e.args[continues ? 1 : 0], &b = e.args[continues ? 2 : 1];
  const VariableSymbol& variable = symbols.variables.at(assign.name);
  const std::string columns = symbols.text(variable.columns_in_memory), rows = symbols.text(variable.rows_in_memory);
  std::string result = variable.data, result_stride = symbols.text(width_of(variable));
  if (into != nullptr) {
    const std::string row_stride = strides_of(lowering, into->tensor, into->slice).row;
    result = pointer_to(lowering, statement, into->tensor, into->slice);
    result_stride = row_stride.empty() ? "0" : row_stride;
  }
  const ir::IndexExpr inner_extent = lowering.elements_along(e.transpose_a ? a->rows : a->columns, statement);
  const std::string inner = symbols.text(inner_extent);
  if (continues && e.args[0]->name != assign.name)
    out.line(fmt::format("copy_tile({}, {}, 1, {}, {}, 1, {}, {});", symbols.variables.at(e.args[0]->name).data, columns, result,
                         columns, rows, columns));

  const bool is_tiled = a->op == Op::load && symbols.tensors.at(a->name).in_tiles;
  Operand left = is_tiled ? Operand{} : operand_of(lowering, statement, a);
  if (is_tiled) {
    const TensorSymbol& tensor = symbols.tensors.at(a->name);
    const std::string row = lowering.offset_where_any(symbols.text(a->slice[0].begin), {a->rows}, statement);
    left.pointer = fmt::format("{} + tiled_row<{}>({}, {})", tensor.data, memory_type(a->dtype), row, inner);
  } else if (e.transpose_a) {
    const std::string copy =
        lowering.take(out, false, memory_type(a->dtype), bytes_of(a->dtype),
                      ir::mul(inner_extent, lowering.elements_along(a->columns, statement)), assign.name + "_left", statement);
    out.line(fmt::format("copy_tile({}, {}, 1, {}, 1, {}, {}, {});", left.pointer, left.row_stride, copy, symbols.text(a->rows),
                         symbols.text(a->rows), symbols.text(a->columns)));
    left = {copy, inner, "1"};
  }

  std::string panel, first_block = "0";
  const auto packed = b->op == Op::load ? lowering.packed.find(b->name) : lowering.packed.end();
  if (packed != lowering.packed.end()) {
    panel = symbols.tensors.at(b->name).data;
    const ir::IndexExpr& begin = b->slice[e.transpose_b ? 0 : 1].begin;
    const auto constant = ir::constant_value(begin);
    const std::string block = constant ? std::to_string(*constant / kBlockColumns) : symbols.operand(begin) + " / 16";
    first_block = lowering.offset_where_any(block, {b->rows, b->columns}, statement);
  } else {
    const Operand right = operand_of(lowering, statement, b);
    const int64_t bytes = bytes_of(b->dtype);
    // As isa/packing.h: panels of 32 columns, groups of four bytes of the inner axis, whole blocks of 32 elements of bf16, one
    // group more for corrections of int8.
    const auto columns_padded = ir::mul(ir::ceil_div(ir::max(e.columns, ir::constant(1)), ir::constant(32)), ir::constant(128));
    const auto groups = b->dtype == DType::bf16
                            ? ir::mul(ir::ceil_div(inner_extent, ir::constant(32)), ir::constant(16))
                            : ir::add(ir::ceil_div(ir::mul(inner_extent, ir::constant(bytes)), ir::constant(4)),
                                      ir::constant(b->dtype == DType::int8 ? 1 : 0));
    const auto bound = ir::mul(columns_padded, groups);
    panel = lowering.take(out, false, "char", 1, bound, assign.name + "_panel", statement);
    const std::string k_stride = e.transpose_b ? right.column_stride : right.row_stride;
    const std::string n_stride = e.transpose_b ? right.row_stride : right.column_stride;
    out.line(fmt::format("pack_{}({}, {}, {}, {}, {}, {}, 0, tiles_of({}, kPanelColumns));",
                         lowering.product_kernel(a->dtype).packing, right.pointer, k_stride, n_stride, inner, columns, panel,
                         columns));
  }
  const std::string function = lowering.product_kernel(a->dtype).function() + (is_tiled ? "_tiled" : "");
  const std::string left_text = is_tiled ? left.pointer : left.pointer + ", " + left.row_stride;
  out.line(fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {}, {});", function, left_text, panel, first_block, result, result_stride,
                       rows, columns, inner, continues ? "true" : "false"));
}

}  // namespace imbrex::codegen
