#include "imbrex/optimize/tile_sizes.h"

#include <fmt/format.h>

#include <algorithm>

namespace imbrex::optimize {
namespace {

int64_t kibibytes(int64_t bytes) { return (bytes + 1023) / 1024; }

// Where it is symbolic, a usual size of a hidden row.
int64_t inner_extent(const Contraction& c) { return ir::constant_value(c.inner).value_or(4096); }

}  // namespace

int64_t row_block(const std::string& scope, std::vector<Choice>& choices) {
  constexpr int64_t kRows = 4;
  choices.push_back(
      {scope, fmt::format("{} rows at a time", kRows), "each row is passed over several times while it is in the nearest cache"});
  return kRows;
}

int64_t row_tile(const Contraction& c, const Machine& machine, std::vector<Choice>& choices) {
  constexpr int64_t kMicrokernelRows = 12, kMost = 4 * kMicrokernelRows;
  const int64_t row_bytes = inner_extent(c) * bytes_of(c.operand_dtype);
  const int64_t fitting = machine.cache_bytes / 4 / row_bytes / kMicrokernelRows * kMicrokernelRows;
  const int64_t rows = std::clamp(fitting, kMicrokernelRows, kMost);
  choices.push_back({product_name(c), fmt::format("tiles of {} rows", rows),
                     fmt::format("{} KiB of {}, in a quarter of the {} KiB of a core's second cache", kibibytes(rows * row_bytes),
                                 c.operand, kibibytes(machine.cache_bytes))});
  return rows;
}

int64_t column_block(const Contraction& c, const Machine& machine, std::vector<Choice>& choices) {
  constexpr int64_t kMost = 256, kLeast = 32, kTasksOfACore = 4;
  const int64_t column_bytes = inner_extent(c) * bytes_of(c.weight_dtype), n = ir::constant_value(c.column_extent).value_or(1024);
  int64_t block = kMost;
  while (block > kLeast && (block * column_bytes > machine.cache_bytes / 2 || n / block < kTasksOfACore * machine.cores))
    block /= 2;
  choices.push_back({product_name(c), fmt::format("tiles of {} columns", block),
                     fmt::format("{} KiB of {} stay in the second cache while all rows pass; {} tasks",
                                 kibibytes(block * column_bytes), c.weight, (n + block - 1) / block)});
  return block;
}

}  // namespace imbrex::optimize
