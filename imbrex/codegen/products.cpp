// Matrix products: calls of the target's packed, register-blocked drivers. Declared weights are packed once, when they are bound;
// other right-hand sides, which each run may find changed, are packed before a loop that takes them again, or before the product.
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

// `has_rows`: else the step between rows is 0.
Operand operand_of(const Lowering& lowering, const Statement& statement, const ExprPtr& e, bool has_rows = true) {
  if (e->op == Op::variable) {
    const TileSymbol& variable = lowering.symbols.tiles.at(e->name);
    return {lowering.symbols.data(variable), has_rows ? lowering.symbols.text(width_of(variable)) : "0", "1"};
  }
  const SliceStrides strides = strides_of(lowering, e->name, e->slice);
  return {pointer_to(lowering, statement, e->name, e->slice), strides.row && has_rows ? lowering.symbols.text(*strides.row) : "0",
          lowering.symbols.text(strides.column)};
}

// The scales of a matrix, by its rows (of a) or blocks of k (of b), and along the other axis.
std::string scales_of(const Lowering& lowering, const Statement& statement, const ExprPtr& e, bool is_transposed) {
  Operand scales = operand_of(lowering, statement, e, !ir::is_one(e->rows));
  if (ir::is_one(e->columns)) scales.column_stride = "0";
  if (is_transposed) std::swap(scales.row_stride, scales.column_stride);
  return fmt::format("Scales<{}>{{{}, {}, {}}}", memory_type(e->dtype), scales.pointer, scales.row_stride, scales.column_stride);
}

// Where a part of what is packed ahead lies.
std::string part_of(const Lowering& lowering, const plan::PackAhead& ahead, const ir::IndexExpr& part) {
  const std::string memory = lowering.symbols.variables.use(lowering.packed_ahead.at(&ahead));
  const ir::IndexExpr offset = ir::mul(part, ahead.part_bytes);
  return ir::constant_value(offset) == 0 ? memory : memory + " + " + lowering.symbols.text(offset);
}

// Packs the panels of a product's right side that a text names, "first, end".
void write_packing(const Lowering& lowering, const Statement& statement, const ExprPtr& side, const std::string& packing,
                   const std::string& inner, const std::string& columns, const std::string& to, const std::string& panels,
                   Writer& out) {
  const Expr& e = *std::get<ir::Assign>(statement.node).value;
  const Operand right = operand_of(lowering, statement, side);
  out.line(fmt::format("pack_{}({}, {}, {}, {}, {}, {}, {});", packing, right.pointer,
                       e.transpose_b ? right.column_stride : right.row_stride,
                       e.transpose_b ? right.row_stride : right.column_stride, inner, columns, to, panels));
}

std::string all_panels(const std::string& columns) { return fmt::format("0, tiles_of({}, kPanelColumns)", columns); }

}  // namespace

void write_pack(Lowering& lowering, const plan::Pack& pack, Writer& out) {
  const plan::PackAhead& ahead = *pack.ahead;
  const std::string columns = lowering.symbols.text(ahead.columns);
  const std::string panel = pack.panels ? lowering.symbols.text(ir::named(pack.panels->variable)) : "";
  write_packing(lowering, *ahead.product, ahead.right, ahead.kernel->packing, lowering.symbols.text(ahead.inner), columns,
                part_of(lowering, ahead, ahead.part), pack.panels ? fmt::format("{0}, {0} + 1", panel) : all_panels(columns),
                out);
}

void write_product(Lowering& lowering, const plan::Product& product, Writer& out) {
  const Statement& statement = *product.statement;
  const auto& assign = std::get<ir::Assign>(statement.node);
  const Expr& e = *assign.value;
  Symbols& symbols = lowering.symbols;
  const bool continues = e.op == Op::matmul_acc, is_tiled = product.left == plan::Product::Left::tiles;
  const ExprPtr &a = e.args[e.args.size() - 2], &b = e.args.back();
  const TileSymbol& tile = symbols.tiles.at(assign.name);
  const std::string columns = symbols.text(tile.columns_in_memory), rows = symbols.text(tile.rows_in_memory);
  std::string result, result_stride;
  if (const ir::Store* into = product.into) {
    const std::optional<ir::IndexExpr> row_stride = strides_of(lowering, into->tensor, into->slice).row;
    result = pointer_to(lowering, statement, into->tensor, into->slice);
    result_stride = row_stride ? symbols.text(*row_stride) : "0";
  } else {
    result = symbols.data(tile);
    result_stride = symbols.text(width_of(tile));
  }
  const std::string inner = symbols.text(product.inner);
  if (continues && e.args[0]->name != assign.name)
    out.line(fmt::format("copy_tile({}, {}, 1, {}, {}, 1, {}, {});", symbols.data(symbols.tiles.at(e.args[0]->name)), columns,
                         result, columns, rows, columns));

  Operand left = is_tiled ? Operand{} : operand_of(lowering, statement, a);
  if (is_tiled) {
    const TensorSymbol& tensor = symbols.tensors.at(a->name);
    const std::string row = lowering.offset_where_any([&] { return symbols.text(a->slice[0].begin); }, {a->rows}, statement);
    left.pointer = fmt::format("{} + tiled_row<{}>({}, {})", symbols.data(tensor), memory_type(a->dtype), row, inner);
  } else if (product.transposed) {
    const std::string copy = lowering.take(out, *product.transposed);
    out.line(fmt::format("copy_tile({}, {}, 1, {}, 1, {}, {}, {});", left.pointer, left.row_stride, copy, symbols.text(a->rows),
                         symbols.text(a->rows), symbols.text(a->columns)));
    left = {copy, inner, "1"};
  }

  const std::string packed = "packed_" + product.packing;
  std::string right, first_block = "0";
  const auto pack_here = [&] {
    const std::string here = lowering.take(out, *product.panels);
    write_packing(lowering, statement, b, product.packing, inner, columns, here, all_panels(columns), out);
    return here;
  };
  if (product.ahead && product.panels) {
    right = symbols.names.fresh(assign.name + "_right");
    out.line(fmt::format("{} {} = {{{}}};", packed, right, part_of(lowering, *product.ahead->of, product.ahead->part)));
    out.open(fmt::format("if (!({}))", lowering.comparison(*product.ahead->of->where)));
    out.line(fmt::format("{}.panels = {};", right, pack_here()));
    out.close();
  } else if (product.ahead) {
    right = fmt::format("{}{{{}}}", packed, part_of(lowering, *product.ahead->of, product.ahead->part));
  } else if (product.panels) {
    right = fmt::format("{}{{{}}}", packed, pack_here());
  } else {
    right = symbols.data(symbols.tensors.at(b->name));
    const ir::IndexExpr& begin = b->slice[e.transpose_b ? 0 : 1].begin;
    const auto constant = ir::constant_value(begin);
    const auto block = [&] {
      return constant ? std::to_string(*constant / kBlockColumns) : symbols.operand(begin) + " / kLanes";
    };
    first_block = lowering.offset_where_any(block, {b->rows, b->columns}, statement);
  }
  if (e.op == Op::matmul_expanded) {
    const std::string scales = scales_of(lowering, statement, e.args[0], e.transpose_b);
    const std::string scratch = lowering.take(out, *product.scratch);
    const std::string left_side =
        is_tiled ? fmt::format("LeftInTiles{{{}, {}}}", left.pointer, inner)
                 : fmt::format("{}_rows<>{{{}, {}}}", product.kernel->function(), left.pointer, left.row_stride);
    out.line(fmt::format("matmul_expanded({}, {}, {}, {}, {{{}, {}}}, {}, {}, {}, {}, {}, {});", left_side, right, first_block,
                         scales, e.block.k, e.block.columns, result, result_stride, rows, columns, inner, scratch));
    return;
  }
  if (product.scratch) {
    const bool is_transposed = e.transpose_b;
    const std::string of_a = scales_of(lowering, statement, e.args[0], false),
                      of_b = scales_of(lowering, statement, e.args[1], is_transposed);
    const std::string scratch = lowering.take(out, *product.scratch);
    const bool exact = product.kernel->product == target::Product::i8;
    out.line(fmt::format("matmul_scaled<{}<>, {}, {}>({}, {}, {}, {}, {}, {}, {{{}, {}}}, {}, {}, {}, {}, {}, {});",
                         product.kernel->function(), exact ? "int8_t" : "uint16_t", exact ? "int32_t" : "float", left.pointer,
                         left.row_stride, right, first_block, of_a, of_b, e.block.k, e.block.columns, result, result_stride, rows,
                         columns, inner, scratch));
    return;
  }
  const std::string function = product.kernel->function() + (is_tiled ? "_tiled" : "");
  const std::string left_text = is_tiled ? left.pointer : left.pointer + ", " + left.row_stride;
  out.line(fmt::format("{}({}, {}, {}, {}, {}, {}, {}, {}, {});", function, left_text, right, first_block, result, result_stride,
                       rows, columns, inner, continues ? "/*accumulate=*/true" : "/*accumulate=*/false"));
}

}  // namespace imbrex::codegen
