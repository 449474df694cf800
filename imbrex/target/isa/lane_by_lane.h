// What a target's vectors do not have, made lane by lane of what isa/lane.h has for single values. What a target has itself is no
// template, and is taken before these. Every target has load_f32, load_i32, store_f32, store_i32, ne(vi, vi) and i32_of(vm).
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

// The vector of sixteen such lanes.
template <class Lane>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Vector = vf;
  IMBREX_OP static vf of(const float* lanes) { return load_f32(lanes); }
  IMBREX_OP static void put(float* lanes, vf x) { store_f32(lanes, x); }
};
template <>
struct VectorOf<int32_t> {
  using Vector = vi;
  IMBREX_OP static vi of(const int32_t* lanes) { return load_i32(lanes); }
  IMBREX_OP static void put(int32_t* lanes, vi x) { store_i32(lanes, x); }
};
template <>
struct VectorOf<bool> {
  using Vector = vm;
  IMBREX_OP static vm of(const bool* lanes) {
    int32_t numbers[16];
    for (int i = 0; i < 16; ++i) numbers[i] = lanes[i] ? 1 : 0;
    return ne(load_i32(numbers), broadcast_i(0));
  }
  IMBREX_OP static void put(bool* lanes, vm x) {
    int32_t numbers[16];
    store_i32(numbers, i32_of(x));
    for (int i = 0; i < 16; ++i) lanes[i] = numbers[i] != 0;
  }
};

// Loads and stores of a storage type with so many bytes, whose values are such lanes.
#define IMBREX_STORAGE(name, Lane, bytes)                                                              \
  template <class V = VectorOf<Lane>::Vector>                                                          \
  inline V load_##name(const void* p, int n) {                                                         \
    Lane lanes[16] = {};                                                                               \
    for (int i = 0; i < n; ++i) lanes[i] = load_##name##_s(static_cast<const char*>(p) + i * (bytes)); \
    return VectorOf<Lane>::of(lanes);                                                                  \
  }                                                                                                    \
  template <class V = VectorOf<Lane>::Vector>                                                          \
  inline V load_##name(const void* p) {                                                                \
    return load_##name<V>(p, 16);                                                                      \
  }                                                                                                    \
  template <class V>                                                                                   \
  inline void store_##name(void* p, V x, int n) {                                                      \
    Lane lanes[16];                                                                                    \
    VectorOf<Lane>::put(lanes, x);                                                                     \
    for (int i = 0; i < n; ++i) store_##name##_s(static_cast<char*>(p) + i * (bytes), lanes[i]);       \
  }                                                                                                    \
  template <class V>                                                                                   \
  inline void store_##name(void* p, V x) {                                                             \
    store_##name<V>(p, x, 16);                                                                         \
  }
IMBREX_STORAGE(bf16, float, 2)
IMBREX_STORAGE(f16, float, 2)
IMBREX_STORAGE(e8m0, float, 1)
IMBREX_STORAGE(i64, int32_t, 8)
IMBREX_STORAGE(i8, int32_t, 1)
IMBREX_STORAGE(u8, int32_t, 1)
IMBREX_STORAGE(mask, bool, 1)
#undef IMBREX_STORAGE

// Functions of one f32.
#define IMBREX_FUNCTION(name)                               \
  template <class V>                                        \
  inline V name(V x) {                                      \
    float lanes[16];                                        \
    VectorOf<float>::put(lanes, x);                         \
    for (int i = 0; i < 16; ++i) lanes[i] = name(lanes[i]); \
    return VectorOf<float>::of(lanes);                      \
  }
IMBREX_FUNCTION(sqrt_)
IMBREX_FUNCTION(integral_rint)
IMBREX_FUNCTION(integral_trunc)
IMBREX_FUNCTION(integral_floor)
IMBREX_FUNCTION(integral_ceil)
#undef IMBREX_FUNCTION

}  // namespace
}  // namespace imbrex::isa
