// Prints prefetches.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_loops.h"

namespace imbrex::codegen {

void write_prefetches(Lowering& lowering, const std::vector<plan::Prefetch>& prefetches, Writer& out) {
  struct Line {
    std::string condition, call;  // of all but the bytes
    int64_t bytes;
  };
  std::vector<Line> lines;
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
    // Columns from the same one on are prefetched once, as many as any use needs.
    const auto known = std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.call == call; });
    if (known == lines.end())
      lines.push_back({streams.empty() ? "" : "if (!" + streams + ") ", call, prefetch.bytes});
    else
      known->bytes = std::max(known->bytes, prefetch.bytes);
  }
  for (const Line& line : lines) out.line(fmt::format("{}{}, {});", line.condition, line.call, line.bytes));
}

}  // namespace imbrex::codegen
