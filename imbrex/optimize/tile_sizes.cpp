#include "imbrex/optimize/tile_sizes.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/plan/plan.h"
#include "imbrex/plan/task_order.h"

namespace imbrex::optimize {
namespace {

// More rows would leave the cache before the epilogue reads them.
constexpr int64_t kMostRows = 72, kMostRowsInTiles = 256;
constexpr int64_t kMostColumns = 256;

int64_t kibibytes(int64_t bytes) { return (bytes + 1023) / 1024; }

struct Chosen {
  int64_t size = 0, tasks = 0;
  double seconds = 0;
  std::vector<std::string> rejected;
};

// The rule's size, unless another is clearly faster; of several such, the fastest.
template <class Shape>
Chosen choose(int64_t ruled, const std::vector<int64_t>& sizes, const char* unit, const Machine& machine, Shape shape_of) {
  struct Candidate {
    int64_t size;
    Work work;
    double seconds;
  };
  const auto candidate = [&](int64_t size) {
    const Work work = work_of(shape_of(size), machine);
    return Candidate{size, work, estimate(work, machine).seconds + machine.rates.barrier};
  };
  std::vector<Candidate> candidates{candidate(ruled)};
  for (int64_t size : sizes)
    if (size != ruled) candidates.push_back(candidate(size));
  const Candidate* best = &candidates[0];
  for (const Candidate& each : candidates)
    if (is_clearly_less(each.seconds, candidates[0].seconds) && each.seconds < best->seconds) best = &each;
  Chosen chosen{best->size, best->work.tasks, best->seconds, {}};
  for (const Candidate& each : candidates)
    if (&each != best)
      chosen.rejected.push_back(
          fmt::format("tiles of {} {}: {}, {} tasks", each.size, unit, milliseconds(each.seconds), each.work.tasks));
  return chosen;
}

// Tiles of rows are made of whole tiles of registers, and of so many of those that a call of a product kernel is worth it.
int64_t row_unit(const target::ProductKernel& kernel) {
  constexpr int64_t kLeastRows = 12;
  return (kLeastRows + kernel.rows - 1) / kernel.rows * kernel.rows;
}

// Each panel of weights is loaded from the L2 cache for each tile of rows: on Zen 5, 12 rows of 7168 bf16 took 1.04 of the time of 24.
int64_t least_rows(const target::ProductKernel& kernel) { return kernel.takes_tiles ? row_unit(kernel) : 2 * row_unit(kernel); }

const target::ProductKernel& kernel_of(const Contraction& c, const Machine& machine) {
  return target::fastest_kernel(machine, target::product_of(c.operand_dtype));
}

// So many bytes of a row, or of a column, are used at a time.
int64_t bytes_at_once(const Contraction& c, DType dtype, const Machine& machine) {
  const int64_t k_at_once = kernel_of(c, machine).k_at_once;
  return (k_at_once > 0 ? std::min(c.sizes.inner, k_at_once) : c.sizes.inner) * bytes_of(dtype);
}

// Rows that products read from tiles take half of a core's L2 cache, others a quarter: on Intel's server cores, 128 rows of
// 4096 bf16 took nine tenths of the time of 64.
int64_t parts_of_l2(const target::ProductKernel& kernel) { return kernel.takes_tiles ? 2 : 4; }

std::string reason_of_rows(const Contraction& c, int64_t rows, int64_t ruled, const Machine& machine) {
  if (rows != ruled) return fmt::format("estimated to be clearly faster than the rule's {} rows", ruled);
  const int64_t bytes = rows * bytes_at_once(c, c.operand_dtype, machine), parts = parts_of_l2(kernel_of(c, machine));
  if (bytes > machine.rates.l2_bytes / parts)
    return fmt::format("fewer would load each panel of {} from a core's L2 too often", c.weight);
  return fmt::format("{} KiB of {}, in {} of the {} KiB of a core's L2", kibibytes(bytes), c.operand,
                     parts == 2 ? "half" : "a quarter", kibibytes(machine.rates.l2_bytes));
}

}  // namespace

int64_t row_block(const std::string& scope, std::optional<int64_t> columns, std::vector<Choice>& choices) {
  constexpr int64_t kLeast = plan::kRowsOfStage, kMost = 64, kElements = 2048;
  int64_t rows = kLeast;
  while (columns && rows < kMost && rows * *columns < kElements) rows *= 2;
  choices.push_back(
      {scope,
       fmt::format("{} rows at a time", rows),
       rows == kLeast
           ? "several passes over each row, from L1"
           : fmt::format("rows of {} elements: with fewer, the tasks would be too small to pay for handing them out", *columns),
       {},
       {}});
  return rows;
}

int64_t ruled_row_tile(const Contraction& c, const Machine& machine) {
  const target::ProductKernel& kernel = kernel_of(c, machine);
  const int64_t unit = row_unit(kernel);
  const int64_t part = machine.rates.l2_bytes / parts_of_l2(kernel);
  const int64_t fitting = part / bytes_at_once(c, c.operand_dtype, machine) / unit * unit;
  const int64_t most = kernel.takes_tiles ? kMostRowsInTiles : kMostRows;
  return std::clamp(fitting, least_rows(kernel), std::max(least_rows(kernel), most / unit * unit));
}

int64_t row_tile(const Contraction& c, const Machine& machine, std::vector<Choice>& choices) {
  const int64_t block = c.window > 0 ? c.window : ruled_column_block(c, machine);
  const int64_t ruled = ruled_row_tile(c, machine);
  const int64_t unit = row_unit(kernel_of(c, machine));
  const Chosen chosen = choose(ruled, {unit, 2 * unit, 4 * unit, 6 * unit, 8 * unit}, "rows", machine, [&](int64_t rows) {
    ProductShape shape = c.sizes;
    shape.row_tile = rows;
    shape.column_block = block;
    return shape;
  });
  choices.push_back({product_name(c),
                     fmt::format("tiles of {} rows, {} at {} rows", chosen.size, milliseconds(chosen.seconds), c.sizes.rows),
                     reason_of_rows(c, chosen.size, ruled, machine), c.where, chosen.rejected});
  return chosen.size;
}

bool panels_stay(const Contraction& c, int64_t row_tile, int64_t column_block, const Machine& machine,
                 std::vector<Choice>& choices) {
  const auto seconds_where = [&](bool stay) {
    ProductShape shape = c.sizes;
    shape.row_tile = row_tile;
    shape.column_block = column_block;
    shape.panels_stay = stay;
    return estimate(work_of(shape, machine), machine).seconds + machine.rates.barrier;
  };
  const double stay = seconds_where(true), pass = seconds_where(false);
  // Panels are prefetched, rows are not: where there are many, rows in tiles that the L2 cache does not hold cost time each
  // time that they are read again.
  const int64_t bytes_per_sweep = plan::kRowsPerSweep * c.sizes.inner * bytes_of(c.operand_dtype);
  const bool rows_come_late = kernel_of(c, machine).takes_tiles && bytes_per_sweep > machine.rates.l2_bytes / 2;
  const bool result = rows_come_late ? is_clearly_less(stay, pass) : !is_clearly_less(pass, stay);
  const std::string stays = fmt::format("order: all row tiles per panel of {}", c.weight),
                    passes = fmt::format("order: all panels of {} per row tile", c.weight);
  const auto bytes = [&](int64_t count, DType dtype) { return kibibytes(c.sizes.inner * count * bytes_of(dtype)); };
  choices.push_back({product_name(c),
                     fmt::format("{}, {} at {} rows", result ? stays : passes, milliseconds(result ? stay : pass), c.sizes.rows),
                     result ? fmt::format("a panel of {} KiB stays in cache, {} KiB of rows are read again for each",
                                          bytes(column_block, c.weight_dtype),
                                          bytes(std::min(c.sizes.rows, plan::kRowsPerSweep), c.operand_dtype))
                            : fmt::format("a row tile of {} KiB stays in cache, {} KiB of weights are read again for each",
                                          bytes(row_tile, c.operand_dtype), bytes(c.sizes.columns, c.weight_dtype)),
                     c.where,
                     {fmt::format("{}: {}", result ? passes : stays, milliseconds(result ? pass : stay))}});
  return result;
}

int64_t ruled_column_block(const Contraction& c, const Machine& machine) {
  const target::ProductKernel& kernel = kernel_of(c, machine);
  // Rows in tiles, of which only a part of k stays in cache, are read again for each block: fewer blocks are worth fewer tasks.
  const bool by_parts = kernel.takes_tiles && kernel.k_at_once > 0;
  const int64_t tasks_of_a_core = by_parts ? 1 : 4;
  const int64_t column_bytes = bytes_at_once(c, c.weight_dtype, machine);
  // Where a kernel goes by parts of k, wide blocks are worth fewer tasks of few rows: each block prepares the rows again.
  const int64_t row_tile = ruled_row_tile(c, machine);
  const int64_t row_tiles = kernel.k_at_once > 0 ? (c.sizes.rows + row_tile - 1) / row_tile : 1;
  int64_t block = by_parts ? 2 * kMostColumns : kMostColumns;
  while (block > kLeastColumns && (block * column_bytes > machine.rates.l2_bytes / 2 ||
                                   row_tiles * (c.sizes.columns / block) < tasks_of_a_core * machine.rates.cores))
    block /= 2;
  return block;
}

int64_t column_block(const Contraction& c, const Machine& machine, std::vector<Choice>& choices) {
  const Chosen chosen = choose(ruled_column_block(c, machine), {32, 64, 128, 256}, "columns", machine, [&](int64_t columns) {
    ProductShape shape = c.sizes;
    shape.row_tile = ruled_row_tile(c, machine);
    shape.column_block = columns;
    return shape;
  });
  choices.push_back({product_name(c),
                     fmt::format("tiles of {} columns, {} at {} rows", chosen.size, milliseconds(chosen.seconds), c.sizes.rows),
                     fmt::format("{} KiB of {} stay in a core's caches for all rows; {} tasks",
                                 kibibytes(chosen.size * bytes_at_once(c, c.weight_dtype, machine)), c.weight, chosen.tasks),
                     c.where, chosen.rejected});
  return chosen.size;
}

int64_t whole_blocks(int64_t columns, const std::vector<const Contraction*>& products, std::vector<Choice>& choices) {
  constexpr int64_t kPackedColumns = 16, kMostColumnsOfTile = 1024;
  const Contraction* scaled = nullptr;
  int64_t most = kMostColumnsOfTile;
  for (const Contraction* c : products)
    if (c->scales) scaled = c, most = std::max(most, c->scales->block.columns);
  const auto fits = [&](int64_t size) {
    return std::all_of(products.begin(), products.end(), [&](const Contraction* c) {
      return !c->scales || tiles_fit_blocks(size, c->scales->block.columns, c->column_extent);
    });
  };
  if (scaled == nullptr || fits(columns)) return columns;
  const auto nearest = [&](int64_t least, int64_t step) {
    const auto ratio = [&](int64_t size) {
      return static_cast<double>(std::max(size, columns)) / static_cast<double>(std::min(size, columns));
    };
    int64_t best = 0;
    for (int64_t size = least; size <= most; size += step)
      if (fits(size) && (best == 0 || ratio(size) < ratio(best))) best = size;
    return best;
  };
  int64_t size = nearest(kLeastColumns, kPackedColumns);
  if (size == 0) size = nearest(kPackedColumns, 1);
  if (size == 0) return columns;
  choices.push_back({product_name(*scaled),
                     fmt::format("tiles of {} columns", size),
                     fmt::format("{} has a scale for each {} columns, and tiles of {} would have parts of such blocks",
                                 scaled->weight, scaled->scales->block.columns, columns),
                     scaled->where,
                     {}});
  return size;
}

}  // namespace imbrex::optimize
