#include "imbrex/optimize/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imbrex/plan/task_order.h"

namespace imbrex::optimize {

Work& Work::operator+=(const Work& other) {
  for (size_t i = 0; i < products.size(); ++i) products[i] += other.products[i];
  vector += other.vector;
  memory += other.memory;
  l3 += other.l3;
  l2 += other.l2;
  return *this;
}

Estimate estimate(const Work& work, const target::Machine& machine) {
  const target::Rates& rates = machine.rates;
  const double tasks = static_cast<double>(std::max<int64_t>(work.tasks, 1));
  // Cores that are busy on average: three tasks on two cores take as long as four.
  const double busy = tasks / std::ceil(tasks / rates.cores);
  double arithmetic = 0;
  for (const target::Product product : target::kProducts)
    if (work.of(product) > 0) arithmetic += work.of(product) / target::product_rate(machine, product);
  const struct {
    const char* limit;
    double seconds;
  } limits[] = {
      {"products", arithmetic / busy},
      {"vector operations", work.vector / rates.vector / busy},
      {"products and vector operations", (arithmetic + work.vector / rates.vector) / busy},
      {"L2", work.l2 / rates.l2 / busy},
      {"L3", work.l3 / rates.l3 / busy},
      {"memory", work.memory / std::min(rates.memory_of_all, rates.memory * busy)},
  };
  Estimate result;
  for (const auto& [limit, seconds] : limits)
    if (seconds > result.seconds * 1.0001) result = {seconds, limit};
  result.seconds += tasks / busy * rates.task;
  return result;
}

void add_reading(Work& work, double bytes, double footprint, const target::Machine& machine) {
  const target::Rates& rates = machine.rates;
  // Only half of a cache counts; other data takes the rest.
  if (footprint <= static_cast<double>(rates.l2_bytes) / 2)
    work.l2 += bytes;
  else if (footprint <= static_cast<double>(rates.l3_bytes) / 2)
    work.l3 += bytes;
  else
    work.memory += bytes;
}

Work work_of(const ProductShape& shape, const target::Machine& machine) {
  const target::Product product = target::product_of(shape.operand);
  const target::ProductKernel& kernel = target::fastest_kernel(machine, product);
  const double rows = static_cast<double>(shape.rows), inner = static_cast<double>(shape.inner),
               columns = static_cast<double>(shape.columns);
  const double block = static_cast<double>(shape.column_block > 0 ? std::min(shape.column_block, shape.columns) : shape.columns);
  const double row_tile = static_cast<double>(shape.row_tile > 0 ? std::min(shape.row_tile, shape.rows) : shape.rows);
  const double blocks = std::ceil(columns / block);
  Work work;
  work.tasks = static_cast<int64_t>(blocks * std::ceil(rows / row_tile));
  work.of(product) = rows * inner * columns;
  // The weights come from memory once. Each group of rows that a microkernel takes at a time needs them again: from where a
  // task's panel fits, or the part of it that is used at a time, or all of them.
  const double weight_bytes = inner * columns * static_cast<double>(bytes_of(shape.weight)), panel_bytes = weight_bytes / blocks;
  const double row_bytes = rows * inner * static_cast<double>(bytes_of(shape.operand)), tile_bytes = row_bytes * row_tile / rows;
  const double groups = std::ceil(rows / kernel.rows), tiles = std::min(groups, std::ceil(rows / row_tile));
  const double k_part = kernel.k_at_once > 0 ? std::min(1.0, static_cast<double>(kernel.k_at_once) / inner) : 1.0;
  const double sweep = std::min(rows, static_cast<double>(plan::kRowsPerSweep));
  const double passes = shape.panels_stay ? std::min(tiles, std::ceil(rows / sweep)) : tiles;  // over all of the weights
  work.memory += weight_bytes;
  add_reading(work, weight_bytes * (groups - tiles), panel_bytes * k_part, machine);
  add_reading(work, weight_bytes * (tiles - passes), panel_bytes, machine);
  add_reading(work, weight_bytes * (passes - 1), weight_bytes, machine);
  // The rows are needed for each block of columns; in a block, for each few vectors of columns.
  add_reading(work, row_bytes, row_bytes, machine);
  add_reading(work, row_bytes * (blocks - 1), shape.panels_stay ? row_bytes * sweep / rows : tile_bytes, machine);
  add_reading(work, row_bytes * (std::ceil(columns / kernel.columns) - blocks), tile_bytes, machine);
  return work;
}

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", 1e3 * seconds); }

}  // namespace imbrex::optimize
