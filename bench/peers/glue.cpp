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

constexpr int64_t plain = head_dim - rope_dim;  // columns that are not rotated

// out = tail * factor, rotated by pairs.
void store_tail(const float* tail, float factor, const float* cosines, const float* sines, uint16_t* out) {
  alignas(64) float rotated[rope_dim];
  for (int64_t i = 0; i < rope_dim; ++i) rotated[i] = tail[i] * cosines[i] + tail[i ^ 1] * sines[i];
  store(rotated, factor, rope_dim, out);
}

// out = values * factor, its last 64 columns rotated.
void store_rotated(const float* values, float factor, const float* cosines, const float* sines, uint16_t* out) {
  store(values, factor, plain, out);
  store_tail(values + plain, factor, cosines, sines, out + plain);
}

void norm(const uint16_t* x, const float* weight, int64_t n, float eps, uint16_t* out) {
  const float inverse = inverse_rms(n, eps, [&](int64_t i) { return value_of(x[i]); });
  for (int64_t i = 0; i < n; ++i) out[i] = bf16_of(value_of(x[i]) * inverse * weight[i]);
}

void widen(const uint16_t* bf16, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = value_of(bf16[i]);
}

// Row elements from `normed` as int8 with a scale.
template <class Normed>
void store_int8(int64_t n, Normed normed, int8_t* qr, float* scale) {
  float largest = 1e-4f;
  for (int64_t i = 0; i < n; ++i) {
    const float size = std::fabs(normed(i));
    largest = size > largest ? size : largest;
  }
  const float quant = 127.0f / largest;
  for (int64_t i = 0; i < n; ++i) qr[i] = static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(normed(i) * quant)));
  *scale = 1.0f / quant;
}

void quantize(const float* latent, const float* gamma, int64_t n, float eps, int8_t* qr, uint8_t* shifted, float* scale) {
  const float inverse = inverse_rms(n, eps, [&](int64_t i) { return latent[i]; });
  store_int8(n, [&](int64_t i) { return value_of(bf16_of(latent[i] * inverse * gamma[i])); }, qr, scale);
  if (shifted != nullptr)
    for (int64_t i = 0; i < n; ++i) shifted[i] = static_cast<uint8_t>(qr[i] + 128);
}

void quantize_row(const uint16_t* row, int64_t n, int8_t* out, float* scale) {
  store_int8(n, [&](int64_t i) { return value_of(row[i]); }, out, scale);
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

void finish_query(uint16_t* head, float scale, float eps, const float* cosines, const float* sines) {
  alignas(64) float values[head_dim];
  for (int64_t c = 0; c < head_dim; ++c) values[c] = value_of(head[c]) * scale;
  store_rotated(values, inverse_rms(head_dim, eps, [&](int64_t i) { return values[i]; }), cosines, sines, head);
}

// The nearest e4m3 of a magnitude of at most 448, halves to even: below 2^-6 a multiple of 2^-9, else three bits of the fraction.
uint8_t e4m3_of(float value) {
  const float magnitude = std::fabs(value);
  uint32_t bits, whole;
  std::memcpy(&bits, &magnitude, sizeof bits);
  std::memcpy(&whole, &value, sizeof whole);
  const uint32_t normal = ((bits + 0x7ffff + ((bits >> 20) & 1)) >> 20) - (120 << 3);
  const auto small = static_cast<uint32_t>(static_cast<int32_t>(std::nearbyint(magnitude * 512)));
  return static_cast<uint8_t>((magnitude < 0x1p-6f ? small : normal) | (whole >> 24 & 0x80));
}

void insert_fp8(const uint16_t* kv, const float* cosines, const float* sines, uint8_t* values, uint8_t* scales,
                uint16_t* rotated) {
  alignas(64) float row[head_dim];
  for (int64_t c = 0; c < head_dim; ++c) row[c] = value_of(kv[c]);
  for (int64_t b = 0; b < cache_blocks; ++b) {
    const float* const block = row + b * cache_block;
    float largest = 1e-4f;
    for (int64_t i = 0; i < cache_block; ++i) largest = std::fabs(block[i]) > largest ? std::fabs(block[i]) : largest;
    const float part = largest * (1.0f / 448.0f);
    uint32_t bits;
    std::memcpy(&bits, &part, sizeof bits);
    const uint32_t exponent = (bits + 0x7fffff) >> 23, inverse_bits = (254 - exponent) << 23;  // of the power of two above it
    float inverse;
    std::memcpy(&inverse, &inverse_bits, sizeof inverse);
    scales[b] = static_cast<uint8_t>(exponent);
    for (int64_t i = 0; i < cache_block; ++i) values[b * cache_block + i] = e4m3_of(block[i] * inverse);
  }
  store_tail(row + plain, 1.0f, cosines, sines, rotated);
}

}  // namespace

const Glue glue = {norm, widen, quantize, finish_kv, finish_head, quantize_row, finish_query, insert_fp8};

}  // namespace imbrex::peers::IMBREX_GLUE_ISA
