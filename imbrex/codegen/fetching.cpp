// Memory that is fetched ahead of its use: while a product runs, what the rows after it read and write comes nearer.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_groups.h"
#include "imbrex/codegen/row_loops.h"
#include "imbrex/codegen/split.h"
#include "imbrex/ir/visit.h"

namespace imbrex::codegen {
namespace {

constexpr int64_t kMostBytesOfRow = 4096;

// The bytes of a row of a slice of an argument, if it is worth fetching and its place is known before the rows begin.
std::optional<int64_t> bytes_to_fetch(const Lowering& lowering, const std::string& name, const std::vector<ir::Axis>& slice) {
  const Symbols& symbols = lowering.symbols;
  const TensorSymbol& tensor = symbols.tensors.at(name);
  if (tensor.argument < 0 || lowering.packed.contains(name) || !has_neighbouring_columns(slice)) return std::nullopt;
  for (const ir::Axis& axis : slice)
    if (axis.kind == ir::Axis::Kind::by || symbols.depends_on_data(axis.begin) || symbols.depends_on_data(axis.size))
      return std::nullopt;
  const auto columns = symbols.fixed(ir::shape_of_slice(slice).columns);
  if (!columns || *columns == 1 || *columns * bytes_of(tensor.dtype) > kMostBytesOfRow) return std::nullopt;
  return *columns * bytes_of(tensor.dtype);
}

}  // namespace

void write_fetches(Lowering& lowering, std::span<const ir::Statement> after, Writer& out) {
  struct Fetch {
    std::string condition, call;  // of all but the bytes
    int64_t bytes;
  };
  std::vector<Fetch> fetches;
  const auto fetch = [&](const ir::Statement& s, const std::string& name, const std::vector<ir::Axis>& slice, bool stores) {
    const auto bytes = bytes_to_fetch(lowering, name, slice);
    if (!bytes) return;
    const ir::IndexExpr rows = ir::shape_of_slice(slice).rows;
    const std::string row_stride = strides_of(lowering, name, slice).row;
    const std::string stride = ir::is_one(rows) || row_stride.empty()
                                   ? "0"
                                   : fmt::format("{} * {}", row_stride, bytes_of(lowering.symbols.tensors.at(name).dtype));
    const std::string streams = stores ? lowering.streams_of(s) : "";
    const std::string call = fmt::format("{}({}, {}, {}", stores ? "claim_rows" : "fetch_rows",
                                         pointer_to(lowering, s, name, slice), stride, lowering.symbols.text(rows));
    // Columns from the same one on are fetched once, as many as any use needs.
    for (Fetch& known : fetches)
      if (known.call == call) return void(known.bytes = std::max(known.bytes, *bytes));
    fetches.push_back({streams.empty() ? "" : "if (!" + streams + ") ", call, *bytes});
  };
  for (const ir::Statement& s : after) {
    const auto step = row_step(s);
    if (!step) break;
    ir::for_each_expr(step->value, [&](const ir::Expr& e) {
      if (e.op == ir::Op::load) fetch(s, e.name, e.slice, false);
    });
    if (const auto* store = std::get_if<ir::Store>(&s.node)) fetch(s, store->tensor, store->slice, true);
  }
  for (const Fetch& each : fetches) out.line(fmt::format("{}{}, {});", each.condition, each.call, each.bytes));
}

}  // namespace imbrex::codegen
