// The tile registers of AMX: eight of them, of sixteen rows of 64 bytes.
//
// A file that defines IMBREX_TILES_IN_SOFTWARE gets the same names in plain C++: tests do, so that what is built on tiles is
// tested on any CPU. No product does.
//
// The instructions are written out, not taken from the compiler's header: of a configuration in memory, g++ 12's takes 8 of the
// 64 bytes as read, and drops the stores to the others.
#pragma once

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/products.h"

#define IMBREX_TILES 1  // this file has them

namespace imbrex::isa {
namespace {

constexpr int64_t kTileRows = 16, kTileRowBytes = 64, kTileBytes = kTileRows * kTileRowBytes;

#if defined(IMBREX_TILES_IN_SOFTWARE)

struct TileRegisters {
  char bytes[8][kTileBytes];
  bool are_configured;
};
inline TileRegisters& tile_registers() {
  static thread_local TileRegisters registers = {};
  return registers;
}
// As the hardware: whoever uses a tile without a configuration ends the process.
inline char* tile_register(int tile) {
  if (!tile_registers().are_configured) __builtin_trap();
  return tile_registers().bytes[tile];
}
inline void configure_tiles() {
  tile_registers() = {};
  tile_registers().are_configured = true;
}
inline void release_tiles() { tile_registers().are_configured = false; }
template <int tile>
inline void tile_zero() {
  memset(tile_register(tile), 0, kTileBytes);
}
template <int tile>
inline void tile_load(const char* from, int64_t stride) {
  for (int64_t r = 0; r < kTileRows; ++r) memcpy(tile_register(tile) + r * kTileRowBytes, from + r * stride, kTileRowBytes);
}
template <int tile>
inline void tile_load_once(const char* from, int64_t stride) {
  tile_load<tile>(from, stride);
}
template <int tile>
inline void tile_store(char* to, int64_t stride) {
  for (int64_t r = 0; r < kTileRows; ++r) memcpy(to + r * stride, tile_register(tile) + r * kTileRowBytes, kTileRowBytes);
}
// c[r][j] += the sum of a[r][4 i + b] * w[i][4 j + b] over i and b, wrapping.
template <int c, int a, int w, class OfA>
inline void tile_multiply_add() {
  char* const sums = tile_register(c);
  const char *const rows = tile_register(a), *const weights = tile_register(w);
  for (int64_t r = 0; r < kTileRows; ++r) {
    uint32_t of_row[16];
    memcpy(of_row, sums + r * kTileRowBytes, sizeof of_row);
    for (int64_t k = 0; k < kTileRowBytes; ++k) {
      const int32_t left = static_cast<OfA>(rows[r * kTileRowBytes + k]);
      const char* const right = weights + k / 4 * kTileRowBytes + k % 4;
      for (int64_t j = 0; j < 16; ++j) of_row[j] += static_cast<uint32_t>(left * static_cast<int8_t>(right[4 * j]));
    }
    memcpy(sums + r * kTileRowBytes, of_row, sizeof of_row);
  }
}
// c[r][j] += the sum of a[r][2 i] * w[i][2 j] over i, plus that of a[r][2 i + 1] * w[i][2 j + 1]: bf16, each step one fused
// multiply-add, subnormals and tiny results zero.
inline __attribute__((noinline)) void multiply_add_blocks(char* sums, const char* rows, const char* weights) {
  for (int64_t r = 0; r < kTileRows; ++r) {
    for (int64_t j = 0; j < 16; ++j) {
      float even = 0, odd = 0;
      for (int64_t i = 0; i < 16; ++i) {
        const char *const left = rows + r * kTileRowBytes + 4 * i, *const right = weights + i * kTileRowBytes + 4 * j;
        even = __builtin_fmaf(load_bf16_s(left), load_bf16_s(right), even);
        odd = __builtin_fmaf(load_bf16_s(left + 2), load_bf16_s(right + 2), odd);
      }
      char* const sum = sums + r * kTileRowBytes + 4 * j;
      store_f32_s(sum, load_f32_s(sum) + (even + odd));
    }
  }
}
template <int c, int a, int w>
inline void tile_multiply_add_bf16() {
  const FlushToZero mode;
  multiply_add_blocks(tile_register(c), tile_register(a), tile_register(w));
}
template <int c, int a, int w>
inline void tile_multiply_add_i8() {
  tile_multiply_add<c, a, w, int8_t>();
}
template <int c, int a, int w>
inline void tile_multiply_add_u8i8() {
  tile_multiply_add<c, a, w, uint8_t>();
}

#else

// Palette 1; every tile has all its rows and bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_of_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
inline void configure_tiles() {
  static constexpr TileConfiguration configuration;
  __asm__ volatile("ldtilecfg %0" : : "m"(configuration));
}
inline void release_tiles() { __asm__ volatile("tilerelease"); }
template <int tile>
IMBREX_OP void tile_zero() {
  __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
}
template <int tile>
IMBREX_OP void tile_load(const char* from, int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
}
// For what is not read again soon: it takes no place in the L1 cache.
template <int tile>
IMBREX_OP void tile_load_once(const char* from, int64_t stride) {
  __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
}
template <int tile>
IMBREX_OP void tile_store(char* to, int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(tile) : "memory");
}
// c[r][j] += the sum of a[r][4 i + b] * w[i][4 j + b] over i and b, wrapping.
template <int c, int a, int w>
IMBREX_OP void tile_multiply_add_i8() {
  __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(w));
}
template <int c, int a, int w>
IMBREX_OP void tile_multiply_add_u8i8() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(w));
}
// bf16: two sums over the even and over the odd elements of a row, and then both.
template <int c, int a, int w>
IMBREX_OP void tile_multiply_add_bf16() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(w));
}

#endif

// Tiles are configured while it exists. After that a switch of threads saves no tiles.
class Tiles {
 public:
  Tiles() { configure_tiles(); }
  ~Tiles() { release_tiles(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

}  // namespace
}  // namespace imbrex::isa
