// AMX for products of bytes (AMX-TILE, AMX-INT8); AVX-512 for everything else. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/avx512.h"
#include "imbrex/target/isa/matmul_tiles.h"

namespace imbrex::isa {
namespace {

// A as rows: it is brought into tiles first. Templates, so that a file pays only for the products that it calls.
template <int = 0>
inline void matmul_i8_amx(const int8_t* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, int32_t* c,
                          int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  matmul_into_tiles<TimesI8>(a, a_row_stride, packed_b, first_block, c, c_row_stride, rows, columns, k, accumulate);
}
template <int = 0>
inline void matmul_u8i8_amx(const uint8_t* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, int32_t* c,
                            int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  matmul_into_tiles<TimesU8I8>(a, a_row_stride, packed_b, first_block, c, c_row_stride, rows, columns, k, accumulate);
}

// A in tiles.
template <int = 0>
inline void matmul_i8_amx_tiled(const int8_t* a, const void* packed_b, int64_t first_block, int32_t* c, int64_t c_row_stride,
                                int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  matmul_tiles<TimesI8>(a, packed_b, first_block, c, c_row_stride, rows, columns, k, accumulate);
}
template <int = 0>
inline void matmul_u8i8_amx_tiled(const uint8_t* a, const void* packed_b, int64_t first_block, int32_t* c, int64_t c_row_stride,
                                  int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  matmul_tiles<TimesU8I8>(a, packed_b, first_block, c, c_row_stride, rows, columns, k, accumulate);
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
    __asm__ volatile(
        "tdpbf16ps %tmm6, %tmm4, %tmm0\n\t"
        "tdpbf16ps %tmm7, %tmm4, %tmm1\n\t"
        "tdpbf16ps %tmm6, %tmm5, %tmm2\n\t"
        "tdpbf16ps %tmm7, %tmm5, %tmm3");
  });
}
#endif

}  // namespace
}  // namespace imbrex::isa
