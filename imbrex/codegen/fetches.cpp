// Prints what is fetched ahead of its use.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "imbrex/codegen/blocks.h"
#include "imbrex/codegen/row_loops.h"

namespace imbrex::codegen {

void write_fetches(Lowering& lowering, const std::vector<plan::Fetch>& fetches, Writer& out) {
  struct Line {
    std::string condition, call;  // of all but the bytes
    int64_t bytes;
  };
  std::vector<Line> lines;
  for (const plan::Fetch& fetch : fetches) {
    const ir::IndexExpr rows = ir::shape_of_slice(*fetch.slice).rows;
    const std::string row_stride = strides_of(lowering, fetch.tensor, *fetch.slice).row;
    const std::string stride =
        ir::is_one(rows) || row_stride.empty()
            ? "0"
            : fmt::format("{} * {}", row_stride, bytes_of(lowering.symbols.tensors.at(fetch.tensor).dtype));
    const std::string streams = fetch.stores ? lowering.streams_of(*fetch.statement) : "";
    const std::string call =
        fmt::format("{}({}, {}, {}", fetch.stores ? "claim_rows" : "fetch_rows",
                    pointer_to(lowering, *fetch.statement, fetch.tensor, *fetch.slice), stride, lowering.symbols.text(rows));
    // Columns from the same one on are fetched once, as many as any use needs.
    const auto known = std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.call == call; });
    if (known == lines.end())
      lines.push_back({streams.empty() ? "" : "if (!" + streams + ") ", call, fetch.bytes});
    else
      known->bytes = std::max(known->bytes, fetch.bytes);
  }
  for (const Line& line : lines) out.line(fmt::format("{}{}, {});", line.condition, line.call, line.bytes));
}

}  // namespace imbrex::codegen
