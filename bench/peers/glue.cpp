// Compiled for IMBREX_GLUE_ISA, with that instruction set's flags and -ffast-math.
#include "bench/peers/glue.h"

#include <cmath>
#include <cstring>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

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

// out = values * factor as bf16; n is a multiple of 32.
void store(const float* values, float factor, int64_t n, uint16_t* out) {
#ifdef __AVX512BF16__
  for (int64_t i = 0; i < n; i += 32) {
    const __m512 low = _mm512_load_ps(values + i) * factor, high = _mm512_load_ps(values + i + 16) * factor;
    _mm512_store_si512(out + i, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
  }
#else
  for (int64_t i = 0; i < n; ++i) out[i] = bf16_of(values[i] * factor);
#endif
}

template <class Value>
float inverse_rms(int64_t n, float eps, Value value) {
  float sum = 0;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) sum += value(i) * value(i);
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

// out = values * factor, its last 64 columns rotated by pairs.
void store_rotated(const float* values, float factor, const float* cosines, const float* sines, uint16_t* out) {
  constexpr int64_t plain = head_dim - rope_dim;
  store(values, factor, plain, out);
  alignas(64) float rotated[rope_dim];
  for (int64_t i = 0; i < rope_dim; ++i) rotated[i] = values[plain + i] * cosines[i] + values[plain + (i ^ 1)] * sines[i];
  store(rotated, factor, rope_dim, out + plain);
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
  for (int64_t i = 0; i < n; ++i) qr[i] = static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(normed(i) * quant)));
  if (shifted != nullptr)
    for (int64_t i = 0; i < n; ++i) shifted[i] = static_cast<uint8_t>(qr[i] + 128);
  *scale = 1.0f / quant;
}

void finish_kv(const float* latent, const float* gamma, float eps, const float* cosines, const float* sines, uint16_t* out) {
  const float inverse = inverse_rms(head_dim, eps, [&](int64_t i) { return latent[i]; });
  alignas(64) float values[head_dim];
  for (int64_t c = 0; c < head_dim; ++c) values[c] = latent[c] * inverse * gamma[c];
  store_rotated(values, 1.0f, cosines, sines, out);
}

template <bool is_shifted>
void finish_rows(const HeadTile& tile, float eps) {
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int32_t* const sums = tile.sums + row * tile.sums_per_row;
    alignas(64) float values[head_dim];
    float sum = 0;
    for (int64_t c = 0; c < head_dim; ++c) {
      values[c] =
          static_cast<float>(is_shifted ? sums[c] - tile.shift[c] : sums[c]) * tile.row_scales[row] * tile.column_scales[c];
      sum += values[c] * values[c];
    }
    store_rotated(values, 1.0f / std::sqrt(sum / static_cast<float>(head_dim) + eps), tile.cosines + row * rope_dim,
                  tile.sines + row * rope_dim, tile.out + row * tile.out_per_row);
  }
}

void finish_head(const HeadTile& tile, float eps) { (tile.shift != nullptr ? finish_rows<true> : finish_rows<false>)(tile, eps); }

}  // namespace

const Glue glue = {norm, widen, quantize, finish_kv, finish_head};

}  // namespace imbrex::peers::IMBREX_GLUE_ISA
