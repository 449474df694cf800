#include "imbrex/prove/capacity.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/prove/buffers.h"
#include "imbrex/prove/simplify.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::prove {
namespace {

using target::OnChipMemory;

constexpr int64_t kLargestDim = int64_t{1} << 31;

struct Peak {
  int64_t bytes = 0;
  int step = 0;
};

Peak peak_of(const ScopeBuffers& scope, target::MemoryKind kind, const LoopsByName& loops, const DimValues& dims,
             const TileSizes& tiles = {}) {
  std::map<int, int64_t> change;  // by step
  for (const Buffer& buffer : scope.buffers) {
    if (buffer.memory != kind) continue;
    const int64_t bytes = buffer.bytes(loops, tiles).at(dims).value_or(0);
    change[buffer.first] += bytes;
    change[buffer.last + 1] -= bytes;
  }
  Peak peak;
  int64_t live = 0;
  for (const auto& [step, bytes] : change)
    if ((live += bytes) > peak.bytes) peak = {live, step};
  return peak;
}

std::vector<const Buffer*> live_at(const ScopeBuffers& scope, target::MemoryKind kind, int step) {
  std::vector<const Buffer*> live;
  for (const Buffer& buffer : scope.buffers)
    if (buffer.memory == kind && buffer.first <= step && step <= buffer.last) live.push_back(&buffer);
  return live;
}

// The largest n in 1 .. most with fits(n), for a property that larger numbers lose; 0 if none has it.
template <class Fits>
int64_t largest(int64_t most, const Fits& fits) {
  if (!fits(1)) return 0;
  int64_t good = 1, bad = most + 1;
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return good;
}

struct Judge {
  const ir::Program& program;
  const LoopsByName& loops;
  const Options& options;
  DimValues dims;                 // every dimension: given, declared maximum, or typical value
  std::vector<std::string> open;  // dimensions that are neither given nor have a maximum
  const Simplifier& simplified;

  bool fits(const ScopeBuffers& scope, const OnChipMemory& memory, const DimValues& at, const TileSizes& tiles = {}) const {
    return peak_of(scope, memory.kind, loops, at, tiles).bytes <= memory.bytes;
  }

  int64_t largest_dim(const ScopeBuffers& scope, const OnChipMemory& memory, const std::string& dim) const {
    return largest(kLargestDim, [&](int64_t value) {
      DimValues at = dims;
      at[dim] = value;
      return fits(scope, memory, at);
    });
  }

  // The rows of the tallest tile at the peak.
  int64_t rows_at_once(const ScopeBuffers& scope, const OnChipMemory& memory, const std::string& dim, int64_t value) const {
    DimValues at = dims;
    at[dim] = value;
    int64_t rows = 1;
    for (const Buffer* buffer : live_at(scope, memory.kind, peak_of(scope, memory.kind, loops, at).step)) {
      Buffer column = *buffer;
      column.columns = ir::constant(1), column.dtype = DType::int8, column.copies = 1, column.most_bytes = 0;
      rows = std::max(rows, column.bytes(loops).at(at).value_or(0));
    }
    return rows;
  }

  // What would fit: a smaller tile of the outermost tiled loop that shrinks the scope, or all rows in such tiles.
  std::string hint(const ScopeBuffers& scope, const OnChipMemory& memory) const {
    for (const ir::Loop* loop : scope.loops_around) {
      if (loop->tile == 0) continue;
      int64_t tile = largest(loop->tile, [&](int64_t n) { return fits(scope, memory, dims, {{loop->variable, n}}); });
      if (tile == 0 || tile == loop->tile) continue;
      if (tile >= 16) tile -= tile % 16;  // rows come in sixteens on these machines
      return fmt::format("use a smaller tile: `{} in tiles({}, {})`", loop->variable,
                         loop->of_span.empty() ? ir::to_text(loop->extent) : loop->of_span, tile);
    }
    for (const ir::Dim& dim : program.dims) {
      const int64_t most = largest_dim(scope, memory, dim.name);
      if (most == 0 || most >= dims.at(dim.name)) continue;
      // The scope may take a part of the dimension at a time: what fits is the rows of its tiles.
      int64_t rows = rows_at_once(scope, memory, dim.name, most);
      if (rows >= 16) rows -= rows % 16;
      return fmt::format("take at most {} rows of {} at once: `parallel t in tiles({}, {})`", rows, dim.name, dim.name, rows);
    }
    return "split the scope, or make its tiles narrower";
  }

  Diagnostic over(const ScopeBuffers& scope, const OnChipMemory& memory, const Peak& peak, const DimValues& at) const {
    std::vector<const Buffer*> live = live_at(scope, memory.kind, peak.step);
    const auto bytes = [&](const Buffer* buffer) { return buffer->bytes(loops).at(at).value_or(0); };
    // Of the largest iteration, in numbers: the author's lines are beside it.
    const auto extent = [&](const ir::IndexExpr& e) { return worst_extent(e, loops).at(at).value_or(0); };
    std::stable_sort(live.begin(), live.end(), [&](const Buffer* a, const Buffer* b) { return bytes(a) > bytes(b); });
    std::string when;
    for (const auto& [name, value] : at) when += fmt::format("{}{}={}", when.empty() ? ": " : ", ", name, value);
    Diagnostic diagnostic{"over-capacity",
                          program.where(scope.origin),
                          fmt::format("scope {} needs {} of {} at once; {} has {}{}", scope.name, bytes_text(peak.bytes),
                                      memory.name, options.target, bytes_text(memory.bytes), when),
                          hint(scope, memory),
                          {},
                          false};
    for (size_t i = 0; i < live.size() && i < 3; ++i)
      diagnostic.notes.push_back(
          {program.where(live[i]->origin),
           fmt::format("{}: {} [{}, {}]{}, {}", live[i]->name, name_of(live[i]->dtype), extent(live[i]->rows),
                       extent(live[i]->columns), live[i]->copies > 1 ? fmt::format(" in {} copies", live[i]->copies) : "",
                       bytes_text(bytes(live[i])))});
    return diagnostic;
  }

  MemoryUse use(const ScopeBuffers& scope, const OnChipMemory& memory, const Peak& peak) const {
    MemoryUse row;
    row.memory = memory.name, row.capacity_bytes = memory.bytes;
    Quantity high_water, sum;
    for (const Buffer* buffer : live_at(scope, memory.kind, peak.step)) high_water = high_water + buffer->bytes(loops);
    for (const Buffer& buffer : scope.buffers)
      if (buffer.memory == memory.kind) sum = sum + buffer.bytes(loops);
    row.high_water = simplified(high_water).text(), row.without_reuse = simplified(sum).text();
    row.high_water_bytes = high_water.at(options.dims), row.without_reuse_bytes = sum.at(options.dims);
    for (const std::string& dim : open) {
      const int64_t most = largest_dim(scope, memory, dim);
      if (most < kLargestDim) row.largest = most, row.largest_of = dim;
    }
    return row;
  }
};

}  // namespace

Findings check_capacity(const ir::Program& program, const Accesses& accesses, const Options& options,
                        const Simplifier& simplified, std::vector<ScopeRow>& scopes) {
  Findings findings;
  const target::Machine* machine = target::machine_named(options.target);
  if (!machine)
    throw UserError("unknown-target", fmt::format("there is no target named {}", options.target), "one of host, a2a3, a5");
  Judge judge{program, accesses.loops, options, {}, {}, simplified};
  for (const ir::Dim& dim : program.dims) {
    const auto given = options.dims.find(dim.name);
    if (given == options.dims.end() && !dim.max) judge.open.push_back(dim.name);
    judge.dims[dim.name] = given != options.dims.end() ? given->second : dim.max ? *dim.max : std::max<int64_t>(1, dim.typical);
  }
  for (const ScopeBuffers& scope : buffers_of_scopes(program, *machine)) {
    ++findings.examined;
    ScopeRow& row = row_named(scopes, scope.name, program.where(scope.origin));
    for (const OnChipMemory& memory : machine->memories) {
      const Peak peak = peak_of(scope, memory.kind, judge.loops, judge.dims);
      if (peak.bytes == 0) continue;
      row.memories.push_back(judge.use(scope, memory, peak));
      if (!machine->capacity_is_binding) continue;
      // Open dimensions are not an error while some value of them fits: the row says up to which.
      DimValues least = judge.dims;
      for (const std::string& dim : judge.open) least[dim] = 1;
      const Peak smallest_peak = peak_of(scope, memory.kind, judge.loops, least);
      if (smallest_peak.bytes > memory.bytes) findings.diagnostics.push_back(judge.over(scope, memory, smallest_peak, least));
    }
  }
  return findings;
}

}  // namespace imbrex::prove
