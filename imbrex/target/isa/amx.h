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

}  // namespace
}  // namespace imbrex::isa
