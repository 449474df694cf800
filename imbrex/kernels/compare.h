// How far results are from what is expected, element by element.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::kernels {

// Counts elements inside and outside of a bound, each element with a bound of its own, and remembers the worst.
struct Tally {
  int64_t elements = 0, outside = 0;
  double worst_difference = 0;  // |actual - expected| where the difference is largest in proportion to its bound; may be a NaN
  double worst_ratio = -1;      // that proportion: above 1 is outside; infinite for a NaN
  int64_t worst_index = 0;      // in the whole tensor, row-major
  int64_t misplaced = 0;        // of those outside: a NaN or an infinity that the other side does not have

  // An infinite bound allows anything.
  void add(double actual, double expected, double bound, int64_t index);
};

// Numbers between actual and expected, by powers of two: how_many[0] are equal, [1] differ by 1, [2] by 2, [3] by 3 or 4, ...; a
// NaN on one side only is beyond all.
struct UlpHistogram {
  std::vector<int64_t> how_many;
  int64_t not_a_number = 0;

  void add(int64_t distance);
  // "0: 4193021  1: 1283  2: 0  3-4: 1"
  std::string text() const;
};

// One output against what was expected of it.
struct OutputResult {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  Tally tally;
  UlpHistogram ulps;
  double allowed_share = 0;  // of elements that may be outside
  // No share of misplaced ones is allowed: they are no matter of rounding.
  bool pass() const {
    return tally.misplaced == 0 && static_cast<double>(tally.outside) <= allowed_share * static_cast<double>(tally.elements);
  }
};

// Every bit equal; two NaNs are equal.
OutputResult compare_bits(const std::string& name, const Array& actual, const Array& expected);

// Against values computed in double, for kernels that round their results once and work in f32 before: each element within one
// gap of its type and 2^-12 of the largest value of its row, which is what 4096 f32 roundings of such values can add up to.
// Integers are within 1: a value near a half may be rounded either way.
OutputResult compare_values(const std::string& name, const Array& actual, const Array& expected);

}  // namespace imbrex::kernels
