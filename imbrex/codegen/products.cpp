// Matrix products: calls of the target's packed, register-blocked drivers. Declared weights are packed once, when they are bound;
// other right-hand sides, which each run may find changed, are packed into the worker's memory first.
#include <fmt/format.h>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_loops.h"

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
    const TileSymbol& variable = lowering.symbols.tiles.at(e->name);
    return {variable.data, lowering.symbols.text(width_of(variable)), "1"};
  }
  const SliceStrides strides = strides_of(lowering, e->name, e->slice);
  return {pointer_to(lowering, statement, e->name, e->slice), strides.row.empty() ? "0" : strides.row, strides.column};
}

}  // namespace

void write_product(Lowering& lowering, const plan::Product& product, Writer& out) {
  const Statement& statement = *product.statement;
  const auto& assign = std::get<ir::Assign>(statement.node);
  const Expr& e = *assign.value;
  Symbols& symbols = lowering.symbols;
  const bool continues = e.op == Op::matmul_acc, is_tiled = product.left == plan::Product::Left::tiles;
  const ExprPtr &a = e.args[e.args.size() - 2], &b = e.args.back();
  const TileSymbol& tile = symbols.tiles.at(assign.name);
  const std::string columns = symbols.text(tile.columns_in_memory), rows = symbols.text(tile.rows_in_memory);
  std::string result = tile.data, result_stride = symbols.text(width_of(tile));
  if (const ir::Store* into = product.into) {
    const std::string row_stride = strides_of(lowering, into->tensor, into->slice).row;
    result = pointer_to(lowering, statement, into->tensor, into->slice);
    result_stride = row_stride.empty() ? "0" : row_stride;
  }
  const std::string inner = symbols.text(product.inner);
  if (continues && e.args[0]->name != assign.name)
    out.line(fmt::format("copy_tile({}, {}, 1, {}, {}, 1, {}, {});", symbols.tiles.at(e.args[0]->name).data, columns, result,
                         columns, rows, columns));

  Operand left = is_tiled ? Operand{} : operand_of(lowering, statement, a);
  if (is_tiled) {
    const TensorSymbol& tensor = symbols.tensors.at(a->name);
    const std::string row = lowering.offset_where_any(symbols.text(a->slice[0].begin), {a->rows}, statement);
    left.pointer = fmt::format("{} + tiled_row<{}>({}, {})", tensor.data, memory_type(a->dtype), row, inner);
  } else if (product.transposed) {
    const std::string copy = lowering.take(out, *product.transposed);
    out.line(fmt::format("copy_tile({}, {}, 1, {}, 1, {}, {}, {});", left.pointer, left.row_stride, copy, symbols.text(a->rows),
                         symbols.text(a->rows), symbols.text(a->columns)));
    left = {copy, inner, "1"};
  }

  std::string panel, first_block = "0";
  if (!product.panels) {
    panel = symbols.tensors.at(b->name).data;
    const ir::IndexExpr& begin = b->slice[e.transpose_b ? 0 : 1].begin;
    const auto constant = ir::constant_value(begin);
    const std::string block = constant ? std::to_string(*constant / kBlockColumns) : symbols.operand(begin) + " / 16";
    first_block = lowering.offset_where_any(block, {b->rows, b->columns}, statement);
  } else {
    const Operand right = operand_of(lowering, statement, b);
    panel = lowering.take(out, *product.panels);
    const std::string k_stride = e.transpose_b ? right.column_stride : right.row_stride;
    const std::string n_stride = e.transpose_b ? right.row_stride : right.column_stride;
    out.line(fmt::format("pack_{}({}, {}, {}, {}, {}, {}, 0, tiles_of({}, kPanelColumns));", product.kernel->packing,
                         right.pointer, k_stride, n_stride, inner, columns, panel, columns));
  }
  const std::string function = product.kernel->function() + (is_tiled ? "_tiled" : "");
  const std::string left_text = is_tiled ? left.pointer : left.pointer + ", " + left.row_stride;
  out.line(fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {}, {});", function, left_text, panel, first_block, result, result_stride,
                       rows, columns, inner, continues ? "true" : "false"));
}

}  // namespace imbrex::codegen
