#include "bench/peers/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace imbrex::peers {
namespace {

float value_of(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

bool is_close(uint16_t actual, uint16_t expected) {
  return std::fabs(value_of(actual) - value_of(expected)) <= 1e-4f + std::fabs(value_of(expected)) / 128;
}

// Percent of elements, in rows that `counts`, farther than a bf16 result of the same mathematics may be. A NaN is outside.
double percent_outside(const Array& actual, const Array& expected, const std::vector<bool>& counts) {
  const int64_t rows = expected.shape[0], columns = expected.size() / rows;
  int64_t outside = 0, counted = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (!counts[static_cast<size_t>(row)]) continue;
    counted += columns;
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i)
      outside += !is_close(actual.as<uint16_t>()[i], expected.as<uint16_t>()[i]);
  }
  return 100.0 * static_cast<double>(outside) / static_cast<double>(std::max<int64_t>(1, counted));
}

}  // namespace

std::string accuracy_text(const tools::Tensors& actual, const tools::Tensors& expected) {
  const Array &qr = actual.at("qr"), &scale = actual.at("qr_scale");
  const int64_t rows = qr.shape[0], columns = qr.shape[1];
  std::vector<bool> is_equal(static_cast<size_t>(rows), true);
  int largest = 0;
  for (int64_t i = 0; i < qr.size(); ++i) {
    const int difference = std::abs(qr.as<int8_t>()[i] - expected.at("qr").as<int8_t>()[i]);
    largest = std::max(largest, difference);
    if (difference != 0) is_equal[static_cast<size_t>(i / columns)] = false;
  }
  float relative = 0;
  for (int64_t i = 0; i < scale.size(); ++i)
    relative = std::max(relative, std::fabs(scale.as<float>()[i] / expected.at("qr_scale").as<float>()[i] - 1));
  return fmt::format(
      "qr identical in {} of {} rows, max difference {}; in those rows {:.3g} % of q is outside; {:.3g} % of kv is outside; qr_scale differs "
      "by {:.2g} relative",
      std::count(is_equal.begin(), is_equal.end(), true), rows, largest,
      percent_outside(actual.at("q"), expected.at("q"), is_equal),
      percent_outside(actual.at("kv"), expected.at("kv"), std::vector<bool>(is_equal.size(), true)), relative);
}

std::string engine_accuracy_text(const tools::Tensors& actual, const tools::Tensors& expected) {
  const auto difference = [&](const char* name) {
    const Array &a = actual.at(name), &e = expected.at(name);
    double squares = 0, of_expected = 0;
    for (int64_t i = 0; i < e.size(); ++i) {
      const double wanted = value_of(e.as<uint16_t>()[i]), found = value_of(a.as<uint16_t>()[i]);
      squares += (found - wanted) * (found - wanted);
      of_expected += wanted * wanted;
    }
    return 100 * std::sqrt(squares / of_expected);
  };
  const Array &codes = actual.at("cache_e4m3"), &wanted = expected.at("cache_e4m3");
  int64_t others = 0, outside = 0;
  for (int64_t i = 0; i < codes.size(); ++i) others += codes.as<uint8_t>()[i] != wanted.as<uint8_t>()[i];
  const Array &rotated = actual.at("cache_rope"), &wanted_rotated = expected.at("cache_rope");
  for (int64_t i = 0; i < rotated.size(); ++i) {
    const uint16_t found = rotated.as<uint16_t>()[i], number = wanted_rotated.as<uint16_t>()[i];
    outside += found != number && !is_close(found, number);  // what no token went to is as it was, whatever it is
  }
  return fmt::format(
      "q differs by {:.2g} % and the latent by {:.2g} % (root mean square); of the cache, {} codes of e4m3 are others and {} rotated "
      "columns outside",
      difference("q"), difference("latent"), others, outside);
}

}  // namespace imbrex::peers
