#include "imbrex/interpret/scalar.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>

namespace imbrex::interpret {
namespace {

static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16, "-mfpmath=387 or the like would change the interpreter's results");

using ir::CastMode;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

double round_to_integer(double x, CastMode mode) {
  switch (mode) {
    case CastMode::exact:
    case CastMode::rint: return std::nearbyint(x);
    case CastMode::round: return std::round(x);
    case CastMode::floor: return std::floor(x);
    case CastMode::ceil: return std::ceil(x);
    case CastMode::trunc: return std::trunc(x);
  }
  throw InternalError("unknown cast mode");
}

// What becomes of a value whose rounded magnitude is too large for the type. What has no infinity has NaN for it.
double overflowed(bool negative, const ElementType& type, CastMode mode) {
  const bool to_infinity = mode == CastMode::exact || mode == CastMode::rint || mode == CastMode::round ||
                           (mode == CastMode::floor && negative) || (mode == CastMode::ceil && !negative);
  if (to_infinity && !type.has_infinity()) return static_cast<double>(kNaN);
  const double magnitude = to_infinity ? static_cast<double>(kInfinity) : type.largest();
  return negative ? -magnitude : magnitude;
}

float power_of_two(int exponent) { return std::ldexp(1.0f, exponent); }

}  // namespace

float minimum(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

float maximum(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

float exponential(float x) {
  if (std::isnan(x)) return kNaN;
  x = minimum(maximum(x, -104.0f), 89.0f);
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  for (const float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) p = p * r + c;
  const float y = (p * (r * r) + r) + 1.0f;
  const int half = static_cast<int>(std::floor(n / 2));
  return (y * power_of_two(half)) * power_of_two(static_cast<int>(n) - half);
}

float logarithm(float x) {
  if (std::isnan(x) || x < 0) return kNaN;
  if (x == 0) return -kInfinity;
  if (x == kInfinity) return kInfinity;
  int exponent = 0;
  float m = std::frexp(x, &exponent);  // in [0.5, 1), exact for subnormals too
  if (m < 0.707106781186547524f) {
    m = m * 2;
    exponent -= 1;
  }
  const float e = static_cast<float>(exponent);
  const float f = m - 1;
  const float z = f * f;
  float p = 7.0376836292e-2f;
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                        2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f})
    p = p * f + c;
  float y = (p * f) * z;
  y = y + e * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (f + y) + e * 0.693359375f;
}

int32_t wrapping_add(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
int32_t wrapping_sub(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)); }
int32_t wrapping_mul(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }

int32_t saturate(int32_t x, DType to) {
  const ElementType& type = element_type(to);
  return static_cast<int32_t>(std::clamp<int64_t>(x, type.least, type.greatest));
}

int32_t to_integer(float x, DType to, CastMode mode) {
  if (std::isnan(x)) return 0;
  const double rounded = round_to_integer(x, mode);
  return saturate(static_cast<int32_t>(std::clamp(rounded, -2147483648.0, 2147483647.0)), to);
}

float to_float(double x, DType to, CastMode mode) {
  const ElementType& type = element_type(to);
  require(type.form == Form::floating, "a floating-point type");
  if (std::isnan(x) || (x < 0 && !type.has_sign())) return kNaN;
  if (std::isinf(x)) return type.has_infinity() ? static_cast<float>(x) : kNaN;
  double rounded = x;
  if (x != 0) {
    // The spacing of the type's values around x.
    const int spacing = std::max(std::ilogb(x) - type.fraction_bits(), type.least_exponent());
    rounded = std::ldexp(round_to_integer(std::ldexp(x, -spacing), mode), spacing);
  }
  if (rounded == 0 && !type.has_sign()) return power_of_two(type.least_exponent());  // there is no zero
  if (std::fabs(rounded) > type.largest()) rounded = overflowed(x < 0, type, mode);
  return static_cast<float>(rounded);
}

float bf16_value(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t bf16_bits(float value) {
  if (std::isnan(value)) return 0x7fc0;
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

float f16_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  float magnitude = 0;
  if (exponent == 31)
    magnitude = fraction == 0 ? kInfinity : kNaN;
  else if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  else
    magnitude = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return (bits & 0x8000) ? -magnitude : magnitude;
}

uint16_t f16_bits(float value) {
  if (std::isnan(value)) return 0x7e00;
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (magnitude == kInfinity) return sign | 0x7c00;
  if (magnitude < power_of_two(-14)) return sign | static_cast<uint16_t>(std::ldexp(magnitude, 24));
  const int exponent = std::ilogb(magnitude);
  const int significand = static_cast<int>(std::ldexp(magnitude, 10 - exponent));  // in [1024, 2048)
  return sign | static_cast<uint16_t>(((exponent + 15) << 10) + (significand - 1024));
}

}  // namespace imbrex::interpret
