// AMX for products of bytes and of bf16 (AMX-TILE, AMX-INT8, AMX-BF16); AVX-512 for everything else. README.md in this folder
// lists every primitive.
#pragma once

#include "imbrex/target/isa/avx512.h"
#include "imbrex/target/isa/matmul_tiles.h"

namespace imbrex::isa {
namespace {

// Of a product in tiles, in the place of a Dot.
struct InTiles {
  static constexpr int kRowsOfExpanded = 0;
};

// A as rows, which are brought into tiles first; and, as matmul_..._tiled, A in tiles. Templates, so that a file pays only for
// the products that it calls.
#define IMBREX_MATMUL_IN_TILES(name, Times, A, Packed, C)                                                                        \
  template <class Fetching = FetchingFarAhead>                                                                                   \
  inline void name(const A* a, int64_t a_row_stride, Packed b, int64_t first_block, C* c, int64_t c_row_stride, int64_t rows,    \
                   int64_t columns, int64_t k, bool accumulate) {                                                                \
    matmul_into_tiles<Times>(a, a_row_stride, b.panels, first_block, c, c_row_stride, rows, columns, k, accumulate);             \
  }                                                                                                                              \
  template <class Fetching = FetchingFarAhead>                                                                                   \
  inline void name##_tiled(const A* a, Packed b, int64_t first_block, C* c, int64_t c_row_stride, int64_t rows, int64_t columns, \
                           int64_t k, bool accumulate) {                                                                         \
    matmul_tiles<Times>(a, k, b.panels, first_block, c, c_row_stride, rows, columns, k, accumulate);                             \
  }                                                                                                                              \
  template <class Fetching = FetchingFarAhead>                                                                                   \
  using name##_rows = LeftInRows<name<Fetching>, InTiles>;
IMBREX_MATMUL_IN_TILES(matmul_i8_amx, TimesI8, int8_t, packed_i8, int32_t)
IMBREX_MATMUL_IN_TILES(matmul_u8i8_amx, TimesU8I8, uint8_t, packed_i8, int32_t)
IMBREX_MATMUL_IN_TILES(matmul_bf16_amx, TimesBf16, uint16_t, packed_bf16_chains, float)

// A in tiles, of which some elements of k are multiplied at a time (isa/expanded.h).
struct LeftInTiles {
  static constexpr int kRowsOfExpanded = 0;
  const uint16_t* first;
  int64_t all;  // elements of k
  void times(int64_t begin, packed_bf16_chains right, int64_t first_block, float* c, int64_t c_row_stride, int64_t rows,
             int64_t columns, int64_t k, bool accumulate) const {
    matmul_tiles<TimesBf16>(first + tiled_block(begin), all, right.panels, first_block, c, c_row_stride, rows, columns, k,
                            accumulate);
  }
};

// Columns [column, column + 16) or, of a pair, [column, column + 32) of a row that lies in tiles. What is stored without rounding
// is bf16 already.
IMBREX_OP void store_bf16_tiled(uint16_t* row, int64_t column, vf x) {
  const __m512i high_halves = _mm512_shuffle_epi32(_mm512_castps_si512(x.v), _MM_PERM_CDAB);  // neighbours exchanged
  uint16_t* const block = row + tiled_block(column);
  if (column % kBlock == 0) _mm512_mask_storeu_epi16(block, 0x55555555, _mm512_srli_epi32(high_halves, 16));
  if (column % kBlock != 0) _mm512_mask_storeu_epi16(block, 0xaaaaaaaa, high_halves);
}
IMBREX_OP void store_bf16_rint_tiled(uint16_t* row, int64_t column, vf x) { store_bf16_tiled(row, column, round_bf16_rint(x)); }
IMBREX_OP void store_bf16_rint_tiled(uint16_t* row, int64_t column, vf_pair x) {
  if (__builtin_expect(has_subnormal(x), false)) {
    store_bf16_rint_tiled(row, column, x.low);
    return store_bf16_rint_tiled(row, column + 16, x.high);
  }
  const __m512i block = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.high.v, x.low.v));
  _mm512_storeu_si512(row + tiled_block(column), _mm512_permutexvar_epi16(places_of_block(), block));
}

// What an instruction does at most (isa/peak.h): two tiles of each operand, four sums.
#if !defined(IMBREX_TILES_IN_SOFTWARE)
template <class Step>
inline double peak_of_tiles(int64_t steps, const uint8_t* operand, double of_step, Step step) {
  const Tiles tiles;
  const char* const bytes = reinterpret_cast<const char*>(operand);
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  tile_load<4>(bytes, kTileRowBytes);
  tile_load<5>(bytes, kTileRowBytes);
  tile_load<6>(bytes, kTileRowBytes);
  tile_load<7>(bytes, kTileRowBytes);
  for (int64_t s = 0; s < steps; ++s) step();
  return 4 * of_step * static_cast<double>(steps);
}
template <int = 0>
inline double peak_tdpbssd(int64_t steps) {
  return peak_of_tiles(steps, kOperandBytes.any, 16 * 16 * 64, [] {
    tile_multiply_add_i8<0, 4, 6>();
    tile_multiply_add_i8<1, 4, 7>();
    tile_multiply_add_i8<2, 5, 6>();
    tile_multiply_add_i8<3, 5, 7>();
  });
}
template <int = 0>
inline double peak_tdpbusd(int64_t steps) {
  return peak_of_tiles(steps, kOperandBytes.any, 16 * 16 * 64, [] {
    tile_multiply_add_u8i8<0, 4, 6>();
    tile_multiply_add_u8i8<1, 4, 7>();
    tile_multiply_add_u8i8<2, 5, 6>();
    tile_multiply_add_u8i8<3, 5, 7>();
  });
}
template <int = 0>
inline double peak_tdpbf16ps(int64_t steps) {
  return peak_of_tiles(steps, kOperandBytes.floats, 16 * 16 * 32, [] {
    tile_multiply_add_bf16<0, 4, 6>();
    tile_multiply_add_bf16<1, 4, 7>();
    tile_multiply_add_bf16<2, 5, 6>();
    tile_multiply_add_bf16<3, 5, 7>();
  });
}
#endif

}  // namespace
}  // namespace imbrex::isa
