// Matrix products: calls of the target's packed, register-blocked drivers. Declared weights are packed once, when they are bound;
// other right-hand sides, which each run may find changed, are packed before a loop that takes them again, or before the product.
#include <fmt/format.h>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_loops.h"
#include "imbrex/target/rates.h"

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

// How products of few rows fetch weights, as their template argument; the usual way is left out.
std::string fetching_of(const target::Rates& rates) {
  if (rates.fetched_ahead == target::kUsuallyFetchedAhead) return "";
  return rates.fetched_ahead == 0 ? "<FetchingByRows>" : fmt::format("<FetchingAhead<{}>>", rates.fetched_ahead);
}

// Where the right side was just widened, into memory that the caches hold.
constexpr const char* kNotAhead = "<FetchingAhead<0>>";

// Writes one product: its operands as texts, then the call. They come in the order in which the code takes memory.
class ProductWriter {
 public:
  ProductWriter(Lowering& lowering, const plan::Product& product, Writer& out)
      : lowering_(lowering), product_(product), out_(out), statement_(*product.statement) {}
  void write();

 private:
  // The result's pointer and the step between its rows.
  std::pair<std::string, std::string> result() const;
  // What a matmul_acc continues stands in the result's place before.
  void write_start(const std::string& result);
  Operand left();
  // What is packed, or its pointer, and the number of the block of columns with which it begins.
  std::pair<std::string, std::string> right();
  std::string packed_here();
  std::string first_block() const;
  std::string text(const ir::IndexExpr& e) const { return lowering_.symbols.text(e); }

  Lowering& lowering_;
  const plan::Product& product_;
  Writer& out_;
  const Statement& statement_;
  const ir::Assign& assign_ = std::get<ir::Assign>(statement_.node);
  const Expr& e_ = *assign_.value;
  const ExprPtr &a_ = e_.args[e_.args.size() - 2], &b_ = e_.args.back();
  const TileSymbol& tile_ = lowering_.symbols.tiles.at(assign_.name);
  const bool is_tiled_ = product_.left == plan::Product::Left::tiles, continues_ = e_.op == Op::matmul_acc;
  const std::string columns_ = text(tile_.columns_in_memory), rows_ = text(tile_.rows_in_memory), inner_ = text(product_.inner);
};

std::pair<std::string, std::string> ProductWriter::result() const {
  const ir::Store* into = product_.into;
  if (!into) return {lowering_.symbols.data(tile_), text(width_of(tile_))};
  const std::optional<ir::IndexExpr> row_stride = strides_of(lowering_, into->tensor, into->slice).row;
  return {pointer_to(lowering_, statement_, into->tensor, into->slice), row_stride ? text(*row_stride) : "0"};
}

void ProductWriter::write_start(const std::string& result) {
  const std::string& start = e_.args[0]->name;
  if (start == assign_.name) return;
  out_.line(fmt::format("copy_tile({}, {}, 1, {}, {}, 1, {}, {});", lowering_.symbols.data(lowering_.symbols.tiles.at(start)),
                        columns_, result, columns_, rows_, columns_));
}

Operand ProductWriter::left() {
  if (is_tiled_) {
    const TensorSymbol& tensor = lowering_.symbols.tensors.at(a_->name);
    const std::string row = lowering_.offset_where_any([&] { return text(a_->slice[0].begin); }, {a_->rows}, statement_);
    return {fmt::format("{} + tiled_row<{}>({}, {})", lowering_.symbols.data(tensor), memory_type(a_->dtype), row, inner_), "",
            ""};
  }
  const Operand left = operand_of(lowering_, statement_, a_);
  if (!product_.transposed) return left;
  const std::string copy = lowering_.take(out_, *product_.transposed), rows = text(a_->rows);
  out_.line(fmt::format("copy_tile({}, {}, 1, {}, 1, {}, {}, {});", left.pointer, left.row_stride, copy, rows, rows,
                        text(a_->columns)));
  return {copy, inner_, "1"};
}

std::pair<std::string, std::string> ProductWriter::right() {
  if (!product_.ahead && !product_.panels) {
    const std::string weight = lowering_.symbols.data(lowering_.symbols.tensors.at(b_->name));
    return {weight, first_block()};
  }
  const std::string packed = "packed_" + product_.packing;
  if (!product_.ahead) return {fmt::format("{}{{{}}}", packed, packed_here()), "0"};
  const plan::PackAhead& ahead = *product_.ahead->of;
  const std::string part = part_of(lowering_, ahead, product_.ahead->part);
  if (!product_.panels) return {fmt::format("{}{{{}}}", packed, part), "0"};
  const std::string right = lowering_.symbols.names.fresh(assign_.name + "_right");
  out_.line(fmt::format("{} {} = {{{}}};", packed, right, part));
  out_.open(fmt::format("if (!({}))", lowering_.comparison(*ahead.where)));
  out_.line(fmt::format("{}.panels = {};", right, packed_here()));
  out_.close();
  return {right, "0"};
}

std::string ProductWriter::packed_here() {
  const std::string here = lowering_.take(out_, *product_.panels);
  write_packing(lowering_, statement_, b_, product_.packing, inner_, columns_, here, all_panels(columns_), out_);
  return here;
}

std::string ProductWriter::first_block() const {
  const ir::IndexExpr& begin = b_->slice[e_.transpose_b ? 0 : 1].begin;
  const auto constant = ir::constant_value(begin);
  const auto block = [&] {
    return constant ? std::to_string(*constant / kBlockColumns) : lowering_.symbols.operand(begin) + " / kLanes";
  };
  return lowering_.offset_where_any(block, {b_->rows, b_->columns}, statement_);
}

void ProductWriter::write() {
  const auto [result, result_stride] = this->result();
  if (continues_) write_start(result);
  const Operand left = this->left();
  const auto [right, first_block] = this->right();
  const std::string function = product_.kernel->function(), fetching = fetching_of(lowering_.machine.rates);
  if (e_.op == Op::matmul_expanded) {
    const std::string scales = scales_of(lowering_, statement_, e_.args[0], e_.transpose_b);
    const std::string scratch = lowering_.take(out_, *product_.scratch);
    const std::string left_side = is_tiled_
                                      ? fmt::format("LeftInTiles{{{}, {}}}", left.pointer, inner_)
                                      : fmt::format("{}_rows{}{{{}, {}}}", function, kNotAhead, left.pointer, left.row_stride);
    out_.line(fmt::format("matmul_expanded({}, {}, {}, {}, {{{}, {}}}, {}, {}, {}, {}, {}, {});", left_side, right, first_block,
                          scales, e_.block.k, e_.block.columns, result, result_stride, rows_, columns_, inner_, scratch));
  } else if (product_.scratch) {
    const std::string of_a = scales_of(lowering_, statement_, e_.args[0], false),
                      of_b = scales_of(lowering_, statement_, e_.args[1], e_.transpose_b);
    const std::string scratch = lowering_.take(out_, *product_.scratch);
    const bool exact = product_.kernel->product == target::Product::i8;
    const std::string of_right = !exact ? kNotAhead : fetching.empty() ? "<>" : fetching;
    out_.line(fmt::format("matmul_scaled<{}{}, {}, {}>({}, {}, {}, {}, {}, {}, {{{}, {}}}, {}, {}, {}, {}, {}, {});", function,
                          of_right, exact ? "int8_t" : "uint16_t", exact ? "int32_t" : "float", left.pointer, left.row_stride,
                          right, first_block, of_a, of_b, e_.block.k, e_.block.columns, result, result_stride, rows_, columns_,
                          inner_, scratch));
  } else {
    const std::string left_text = is_tiled_ ? left.pointer : left.pointer + ", " + left.row_stride;
    out_.line(fmt::format("{}{}({}, {}, {}, {}, {}, {}, {}, {}, {});", function, is_tiled_ ? "_tiled" : fetching, left_text,
                          right, first_block, result, result_stride, rows_, columns_, inner_,
                          continues_ ? "/*accumulate=*/true" : "/*accumulate=*/false"));
  }
}

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
  ProductWriter(lowering, product, out).write();
}

}  // namespace imbrex::codegen
