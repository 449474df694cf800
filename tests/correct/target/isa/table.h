// Every primitive of one target behind a function pointer. Each table is made in a source file compiled for its target (which
// CMake writes, one for each target of the table); tests are not, so that they run on any CPU and the code of one target never
// reaches another.
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include <vector>

namespace imbrex::isa_test {

// Work on 16 lanes: `vector` with the vector primitive, `single` lane by lane with the primitive for single values.
template <class In, class Out>
struct Unary {
  const char* name;
  void (*vector)(const In* x, Out* result);
  void (*single)(const In* x, Out* result);
};
template <class In, class Out>
struct Binary {
  const char* name;
  void (*vector)(const In* a, const In* b, Out* result);
  void (*single)(const In* a, const In* b, Out* result);
};
// Loads n lanes from `from` and stores n lanes to `to`; n = 0 means the primitives without n. `lanes` receives all 16 loaded.
struct Memory {
  const char* name;
  int bytes;
  void (*copy)(const void* from, void* to, int n, uint32_t* lanes);
};
template <class A, class C>
using Matmul = void (*)(const A* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, C* c, int64_t c_row_stride,
                        int64_t rows, int64_t columns, int64_t k, bool accumulate);
// A product kernel: one of the pointers, by its operands' types, is not null.
struct ProductKernel {
  const char* name;
  Matmul<int8_t, int32_t> i8 = nullptr;
  Matmul<uint8_t, int32_t> u8i8 = nullptr;
  Matmul<uint16_t, float> bf16 = nullptr;
  Matmul<float, float> f32 = nullptr;
};
template <class B>
using Pack = void (*)(const B* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t panel_begin,
                      int64_t panel_end);

struct Table {
  const char* isa;
  bool tiles_in_software;
  const Unary<float, float>* f32_unary;  // lists end with a null name
  const Unary<float, int32_t>* f32_to_i32;
  const Unary<int32_t, float>* i32_to_f32;
  const Unary<int32_t, int32_t>* i32_unary;
  const Binary<float, float>* f32_binary;
  const Binary<int32_t, int32_t>* i32_binary;
  const Binary<float, uint8_t>* f32_compare;
  const Binary<int32_t, uint8_t>* i32_compare;
  const Memory* memory;
  // 16 elements as store_bf16_rint and stream_bf16_rint store them (to multiples of 32), and as stream_f32 and stream_bf16 do; n
  // of them only, where n > 0, by store_bf16_rint.
  void (*stored)(const float* x, int n, bool streams, uint16_t* rounded, uint16_t* streamed, float* whole, uint16_t* cut);
  // 32 elements as both take a pair; to multiples of 64.
  void (*stored_pair)(const float* x, bool streams, uint16_t* stored, uint16_t* streamed);
  // Of 32 columns: even, odd, then both interleaved again.
  void (*halves)(const float* columns, float* even, float* odd, float* both);
  void (*select)(const uint8_t* condition, const float* a, const float* b, float* result);
  void (*divide)(const float* a, const float* b, float* result);  // all by the Divisor b[0]
  float (*row_sum)(const float* x, int64_t n);                    // by add4 and add_at
  float (*row_sum_any)(const float* x, int64_t n);                // by sum64_any, in chunks of 7
  float (*row_max)(const float* x, int64_t n);                    // by max64
  float (*row_min)(const float* x, int64_t n);
  float (*reduce_max)(const float* x, int n);
  float (*reduce_min)(const float* x, int n);
  int32_t (*reduce_max_i)(const int32_t* x, int n);
  int32_t (*reduce_min_i)(const int32_t* x, int n);
  int32_t (*reduce_sum_i)(const int32_t* x);
  Pack<int8_t> pack_i8;
  Pack<uint16_t> pack_bf16, pack_bf16_chains;
  Pack<float> pack_f32;
  int64_t (*packed_bytes)(int64_t k, int64_t n, int64_t bytes_per_element);
  const ProductKernel* products;  // ends with a null name
  // That microkernels of 16 and of 32 columns keep in registers at most, by target::Product; 0: there is none.
  int rows_of_one[4], rows_of_two[4];
};

// Of the table of targets, in its order, also those that this processor does not run.
const std::vector<const Table*>& all_tables();
// Of those that it runs.
std::vector<const Table*> tables();
// For an emulator, which takes a hundred times as long: IMBREX_FEWER=n tries one of n values and shapes.
inline size_t fewer() {
  const char* text = getenv("IMBREX_FEWER");
  return text != nullptr && atoi(text) > 1 ? static_cast<size_t>(atoi(text)) : 1;
}

// And of those whose tiles are plain C++ in the test: for products alone, as the rest is the same.
std::vector<const Table*> tables_of_products();

}  // namespace imbrex::isa_test
