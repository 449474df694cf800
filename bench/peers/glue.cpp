// Compiled for IMBREX_GLUE_ISA, with that instruction set's flags and -ffast-math.
#include "bench/peers/glue.h"

#include <cmath>
#include <cstring>

namespace imbrex::peers::IMBREX_GLUE_ISA {
namespace {

float value_of(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint16_t bf16_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class Value>
float inverse_rms(int64_t n, float eps, Value value) {
  float sum = 0;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) sum += value(i) * value(i);
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

// out = values * factor, its last 64 columns rotated by pairs.
void store_rotated(const float* values, float factor, Rotation rotation, uint16_t* out) {
  for (int64_t c = 0; c < head_dim - rope_dim; ++c) out[c] = bf16_of(values[c] * factor);
  const float* const pairs = values + head_dim - rope_dim;
  uint16_t* const rotated = out + head_dim - rope_dim;
  for (int64_t i = 0; i < rope_dim / 2; ++i) {
    const float even = pairs[2 * i] * factor, odd = pairs[2 * i + 1] * factor;
    rotated[2 * i] = bf16_of(even * rotation.cosines[i] - odd * rotation.sines[i]);
    rotated[2 * i + 1] = bf16_of(even * rotation.sines[i] + odd * rotation.cosines[i]);
  }
}

void norm(const uint16_t* x, const float* weight, int64_t n, float eps, uint16_t* out) {
  const float inverse = inverse_rms(n, eps, [&](int64_t i) { return value_of(x[i]); });
  for (int64_t i = 0; i < n; ++i) out[i] = bf16_of(value_of(x[i]) * inverse * weight[i]);
}

void widen(const uint16_t* bf16, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = value_of(bf16[i]);
}

void quantize(const float* latent, const float* gamma, int64_t n, float eps, int8_t* qr, uint8_t* shifted, float* scale) {
  const float inverse = inverse_rms(n, eps, [&](int64_t i) { return latent[i]; });
  const auto normed = [&](int64_t i) { return value_of(bf16_of(latent[i] * inverse * gamma[i])); };
  float largest = 1e-4f;
  for (int64_t i = 0; i < n; ++i) {
    const float size = std::fabs(normed(i));
    largest = size > largest ? size : largest;
  }
  const float quant = 127.0f / largest;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t rounded = static_cast<int32_t>(std::nearbyint(normed(i) * quant));
    qr[i] = static_cast<int8_t>(rounded);
    shifted[i] = static_cast<uint8_t>(rounded + 128);
  }
  *scale = 1.0f / quant;
}

void finish_kv(const float* latent, const float* gamma, float eps, Rotation rotation, uint16_t* out) {
  const float inverse = inverse_rms(head_dim, eps, [&](int64_t i) { return latent[i]; });
  alignas(64) float values[head_dim];
  for (int64_t c = 0; c < head_dim; ++c) values[c] = latent[c] * inverse * gamma[c];
  store_rotated(values, 1.0f, rotation, out);
}

void finish_head(const int32_t* sums, const int32_t* shift, float row_scale, const float* column_scales, float eps,
                 Rotation rotation, uint16_t* out) {
  alignas(64) float values[head_dim];
  float sum = 0;
  for (int64_t c = 0; c < head_dim; ++c) {
    values[c] = static_cast<float>(sums[c] - shift[c]) * row_scale * column_scales[c];
    sum += values[c] * values[c];
  }
  store_rotated(values, 1.0f / std::sqrt(sum / static_cast<float>(head_dim) + eps), rotation, out);
}

}  // namespace

const Glue glue = {norm, widen, quantize, finish_kv, finish_head};

}  // namespace imbrex::peers::IMBREX_GLUE_ISA
