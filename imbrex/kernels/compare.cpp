#include "imbrex/kernels/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"

namespace imbrex::kernels {

namespace {

// The gap between neighbouring numbers of the type at a value.
double gap_of(DType dtype, double value) {
  if (!is_float(dtype)) return 1;
  return value == 0 || !std::isfinite(value) ? 0 : std::ldexp(1.0, std::ilogb(value) - element_type(dtype).fraction_bits());
}

}  // namespace

void Tally::add(double actual, double expected, double bound, int64_t index) {
  ++elements;
  if (actual == expected || (std::isnan(actual) && std::isnan(expected)) || std::isinf(bound)) {
    if (worst_ratio < 0) worst_ratio = 0, worst_index = index;
    return;
  }
  const double difference = std::fabs(actual - expected);
  const double ratio = std::isnan(difference) || bound == 0 ? std::numeric_limits<double>::infinity() : difference / bound;
  if (!(ratio <= 1)) ++outside;
  if (!std::isfinite(difference)) ++misplaced;
  if (ratio > worst_ratio) worst_ratio = ratio, worst_difference = difference, worst_index = index;
}

void UlpHistogram::add(int64_t distance) {
  if (distance < 0) {
    ++not_a_number;
    return;
  }
  const auto bucket = distance == 0 ? size_t{0} : static_cast<size_t>(std::bit_width(static_cast<uint64_t>(distance - 1))) + 1;
  if (bucket >= how_many.size()) how_many.resize(bucket + 1);
  ++how_many[bucket];
}

std::string UlpHistogram::text() const {
  std::string text;
  for (size_t bucket = 0; bucket < how_many.size(); ++bucket) {
    const int64_t most = bucket == 0 ? 0 : int64_t{1} << (bucket - 1), least = most / 2 + 1;
    const std::string range = bucket < 3 ? fmt::format("{}", most) : fmt::format("{}-{}", least, most);
    text += fmt::format("{}{}: {}", text.empty() ? "" : "  ", range, how_many[bucket]);
  }
  if (not_a_number > 0) text += fmt::format("  NaN: {}", not_a_number);
  return text;
}

OutputResult compare_bits(const std::string& name, const Array& actual, const Array& expected) {
  require(actual.dtype == expected.dtype && actual.shape == expected.shape, "compared arrays have one type and shape");
  OutputResult result{name, actual.dtype, actual.shape, {}, {}, 0};
  const auto width = static_cast<size_t>(bytes_of(actual.dtype));
  for (int64_t i = 0; i < actual.size(); ++i) {
    const size_t at = static_cast<size_t>(i) * width;
    const bool same_bits = std::memcmp(actual.bytes.data() + at, expected.bytes.data() + at, width) == 0;
    const double a = value_at(actual, i), e = value_at(expected, i);
    // A bound of zero; -0 against +0 differs in bits though not in value.
    if (!same_bits && a == e) {
      ++result.tally.elements;
      ++result.tally.outside;
    } else {
      result.tally.add(a, e, 0, i);
    }
    result.ulps.add(same_bits ? 0 : distance_in_ulps(actual, expected, i));
  }
  return result;
}

OutputResult compare_values(const std::string& name, const Array& actual, const Array& expected) {
  require(actual.dtype == expected.dtype && actual.shape == expected.shape, "compared arrays have one type and shape");
  OutputResult result{name, actual.dtype, actual.shape, {}, {}, 0};
  const int64_t columns = actual.shape.empty() ? 1 : std::max<int64_t>(1, actual.shape.back());
  for (int64_t row = 0; row < actual.size(); row += columns) {
    double largest = 0;
    for (int64_t i = row; i < row + columns; ++i)
      if (const double value = std::fabs(value_at(expected, i)); std::isfinite(value)) largest = std::max(largest, value);
    for (int64_t i = row; i < row + columns; ++i) {
      const double a = value_at(actual, i), e = value_at(expected, i), value = beside(e, a, actual.dtype);
      result.tally.add(beside(a, e, actual.dtype), value, gap_of(actual.dtype, value) + std::ldexp(largest, -12), i);
      result.ulps.add(distance_in_ulps(actual, expected, i));
    }
  }
  return result;
}

}  // namespace imbrex::kernels
