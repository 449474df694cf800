// What a phase of a schedule costs on a machine: the slowest of its arithmetic and of each memory that it reads, for the cores
// that its tasks keep busy, and a barrier. A model: good enough to compare two ways of computing the same, and to say which limit
// a scope is at. Bits never depend on it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "imbrex/base/dtype.h"
#include "imbrex/target/rates.h"

namespace imbrex::optimize {

// Of one phase, or of a scope in it.
struct Work {
  std::array<double, target::kProductCount> products{};  // multiply-adds, by target::Product
  double vector = 0;                                     // operations element by element
  double memory = 0, l3 = 0, l2 = 0;                     // bytes, by where they come from
  int64_t tasks = 1;                                     // that run at the same time, as far as there are cores
  Work& operator+=(const Work& other);                   // tasks stay
  double& of(target::Product product) { return products[static_cast<size_t>(product)]; }
  double of(target::Product product) const { return products[static_cast<size_t>(product)]; }
};

struct Estimate {
  double seconds = 0;
  std::string limit;  // "products", "memory", ...
};
// Without a barrier.
Estimate estimate(const Work& work, const target::Machine& machine);

// A product of [rows, inner] with [inner, columns] in tiles: the tasks.
struct ProductShape {
  int64_t rows = 0, inner = 0, columns = 0;
  DType operand = DType::bf16, weight = DType::bf16;
  int64_t row_tile = 0, column_block = 0;  // of the schedule; 0: all
  // Which tasks follow each other: those of the same columns, so that a panel of weights stays while the rows pass; or those of
  // the same rows, so that a tile of rows stays while the panels pass.
  bool panels_stay = true;
};
Work work_of(const ProductShape& shape, const target::Machine& machine);
// Bytes that are read for the first time, and again: from the cache that holds `footprint` bytes in between.
void add_reading(Work& work, double bytes, double footprint, const target::Machine& machine);

// An estimate must be better by more than the model's own roughness to replace what a rule says.
inline bool is_clearly_less(double a, double b) { return a < 0.95 * b; }
// "1.23 ms"
std::string milliseconds(double seconds);

}  // namespace imbrex::optimize
