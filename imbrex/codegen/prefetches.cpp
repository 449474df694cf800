// Prints prefetches.
#include <fmt/format.h>

#include <vector>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_loops.h"

namespace imbrex::codegen {

void write_prefetches(Lowering& lowering, const std::vector<plan::Prefetch>& prefetches, Writer& out) {
  for (const plan::Prefetch& prefetch : prefetches) {
    const ir::IndexExpr rows = ir::shape_of_slice(*prefetch.slice).rows;
    const std::optional<ir::IndexExpr> row_stride = strides_of(lowering, prefetch.tensor, *prefetch.slice).row;
    const std::string stride = ir::is_one(rows) || !row_stride
                                   ? "0"
                                   : fmt::format("{} * {}", lowering.symbols.operand(*row_stride),
                                                 bytes_of(lowering.symbols.tensors.at(prefetch.tensor).dtype));
    const std::string streams = prefetch.stores ? lowering.streams_of(*prefetch.statement) : "";
    const std::string call = fmt::format("{}({}, {}, {}", prefetch.stores ? "prefetch_rows_for_write" : "prefetch_rows",
                                         pointer_to(lowering, *prefetch.statement, prefetch.tensor, *prefetch.slice), stride,
                                         lowering.symbols.text(rows));
    out.line(fmt::format("{}{}, {});", streams.empty() ? "" : "if (!" + streams + ") ", call, prefetch.bytes));
  }
}

}  // namespace imbrex::codegen
