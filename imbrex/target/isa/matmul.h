// C = A . B, or C += A . B, where B is packed (isa/packing.h): register-blocked microkernels and the loops that choose them.
//
// A microkernel keeps a tile of C, R rows by V vectors of 16 columns, in registers over the whole of k, so that each element of C
// is one chain of additions in ascending k: sums are never split. What fills the latency of those chains is the other elements.
//
// Each accumulator is a member of a recursive struct, never an element of an array: g++ keeps arrays of vectors on the stack and
// loses half the speed. For the same reason microkernels are neither inlined nor cloned. tests/correct/target checks the machine
// code.
//
// The ISA's header gives the shapes (largest_rows, kFewRows, kFewVectors, kManyVectors), sum_of_bytes, and for each kind of
// product a struct Dot: Element (of A), Result (of C), Accumulator (vf or vi), Columns (16 columns' group of B in registers),
// load, step (one group of k for one row), weights_are_offset (the packed bytes are 128 too large), and Mode (set around the
// products).
#pragma once

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/packing.h"

#if defined(__clang__)
#define IMBREX_MICROKERNEL __attribute__((noinline))
#else
#define IMBREX_MICROKERNEL __attribute__((noinline, noclone))
#endif

namespace imbrex::isa {
namespace {

IMBREX_OP void load(vf& x, const char* p) { x = load_f32(p); }
IMBREX_OP void load(vi& x, const char* p) { x = load_i32(p); }
IMBREX_OP void store(char* p, vf x) { store_f32(p, x); }
IMBREX_OP void store(char* p, vi x) { store_i32(p, x); }
IMBREX_OP void clear(vf& x) { x = broadcast(0.0f); }
IMBREX_OP void clear(vi& x) { x = broadcast_i(0); }

// What one microkernel works on. Strides are in bytes.
struct Operands {
  const char* a;  // the tile's first row
  int64_t a_stride;
  const char* b;  // its first column block
  int64_t block_bytes;
  int64_t groups;          // whole groups of k: 4 bytes of a row of A
  const char* tails;       // null, or the incomplete last group of each row, 4 bytes with zeros
  const int32_t* offsets;  // null, or what each row's sums are too large by
  char* c;
  int64_t c_stride;
  bool accumulate;
};

// The 16 V columns of one group of B.
template <class Dot, int V>
struct GroupOf {
  typename Dot::Columns first;
  GroupOf<Dot, V - 1> others;
  IMBREX_OP void load(const char* b, int64_t block_bytes) {
    first = Dot::load(b);
    others.load(b + block_bytes, block_bytes);
  }
};
template <class Dot>
struct GroupOf<Dot, 0> {
  IMBREX_OP void load(const char*, int64_t) {}
};

// One row of the tile of C.
template <class Dot, int V>
struct RowOf {
  typename Dot::Accumulator first;
  RowOf<Dot, V - 1> others;

  IMBREX_OP void step(const GroupOf<Dot, V>& b, const char* a) {
    first = Dot::step(first, b.first, a);
    others.step(b.others, a);
  }
  IMBREX_OP void clear() {
    isa::clear(first);
    others.clear();
  }
  IMBREX_OP void load(const char* c) {
    isa::load(first, c);
    others.load(c + 64);
  }
  IMBREX_OP void store(char* c) const {
    isa::store(c, first);
    others.store(c + 64);
  }
  IMBREX_OP void subtract(vi offset) {
    first = sub(first, offset);
    others.subtract(offset);
  }
};
template <class Dot>
struct RowOf<Dot, 0> {
  IMBREX_OP void step(const GroupOf<Dot, 0>&, const char*) {}
  IMBREX_OP void clear() {}
  IMBREX_OP void load(const char*) {}
  IMBREX_OP void store(char*) const {}
  IMBREX_OP void subtract(vi) {}
};

// R rows of it.
template <class Dot, int R, int V>
struct TileOf {
  RowOf<Dot, V> first;
  TileOf<Dot, R - 1, V> others;

  // Rows in threes share a pointer: an address may add the stride once or twice, and twelve rows need four pointers.
  template <int row = 0>
  IMBREX_OP void step(const GroupOf<Dot, V>& b, const char* a, int64_t stride) {
    first.step(b, a + row * stride);
    if constexpr (row == 2) others.template step<0>(b, a + 3 * stride, stride);
    if constexpr (row != 2) others.template step<row + 1>(b, a, stride);
  }
  IMBREX_OP void clear() {
    first.clear();
    others.clear();
  }
  IMBREX_OP void load(const char* c, int64_t stride) {
    first.load(c);
    others.load(c + stride, stride);
  }
  IMBREX_OP void store(char* c, int64_t stride) const {
    first.store(c);
    others.store(c + stride, stride);
  }
  IMBREX_OP void subtract(const int32_t* offsets) {
    first.subtract(broadcast_i(offsets[0]));
    others.subtract(offsets + 1);
  }
};
template <class Dot, int V>
struct TileOf<Dot, 0, V> {
  template <int>
  IMBREX_OP void step(const GroupOf<Dot, V>&, const char*, int64_t) {}
  IMBREX_OP void clear() {}
  IMBREX_OP void load(const char*, int64_t) {}
  IMBREX_OP void store(char*, int64_t) const {}
  IMBREX_OP void subtract(const int32_t*) {}
};

// With few rows each group of B is used few times, and memory is what limits: it is fetched this far ahead.
constexpr int kPrefetchRows = 8;
constexpr int64_t kPrefetchGroups = 24;

template <class Dot, int R, int V>
IMBREX_MICROKERNEL void microkernel(const Operands& o) {
  TileOf<Dot, R, V> tile;
  GroupOf<Dot, V> group;
  tile.clear();
  if (o.accumulate) tile.load(o.c, o.c_stride);
  const char* a = o.a;
  const char* b = o.b;
  const int64_t a_stride = o.a_stride, block_bytes = o.block_bytes;
  const char* const b_end = b + o.groups * kGroupBytes;
  const char* ahead = b + kPrefetchGroups * kGroupBytes;
  for (; b != b_end; a += 4, b += kGroupBytes) {
    if constexpr (R <= kPrefetchRows && V > 1) {
      // At the end of these column blocks the next ones follow.
      ahead = ahead == b_end ? ahead + (V - 1) * block_bytes : ahead;
      for (int v = 0; v < V; ++v) __builtin_prefetch(ahead + v * block_bytes);
      ahead += kGroupBytes;
    }
    group.load(b, block_bytes);
    tile.step(group, a, a_stride);
  }
  if (o.tails) {
    group.load(b, block_bytes);
    tile.step(group, o.tails, 4);
  }
  if constexpr (Dot::weights_are_offset) tile.subtract(o.offsets);
  tile.store(o.c, o.c_stride);
}

// All rows of V column blocks, the largest tiles first.
template <class Dot, int V, int R>
IMBREX_OP void in_tiles_of(Operands& o, int64_t& rows) {
  if constexpr (R <= largest_rows(V)) {
    for (; rows >= R; rows -= R) {
      microkernel<Dot, R, V>(o);
      o.a += R * o.a_stride;
      o.c += R * o.c_stride;
      if (o.tails) o.tails += R * 4;
      if (o.offsets) o.offsets += R;
    }
  }
}
template <class Dot, int V>
IMBREX_OP void all_rows(Operands o, int64_t rows) {
  in_tiles_of<Dot, V, 12>(o, rows);
  in_tiles_of<Dot, V, 8>(o, rows);
  in_tiles_of<Dot, V, 6>(o, rows);
  in_tiles_of<Dot, V, 4>(o, rows);
  in_tiles_of<Dot, V, 3>(o, rows);
  in_tiles_of<Dot, V, 2>(o, rows);
  in_tiles_of<Dot, V, 1>(o, rows);
}

// As many times V column blocks as there are; moves on to what is left.
template <class Dot, int V>
IMBREX_OP void all_columns(Operands& o, int64_t rows, int64_t& columns) {
  for (; columns >= 16 * V; columns -= 16 * V) {
    all_rows<Dot, V>(o, rows);
    o.b += V * o.block_bytes;
    o.c += V * 64;
  }
}

constexpr int64_t kRowsAtOnce = 96;  // of which the tails, the offsets and an incomplete column block are kept

// Fewer than 16 columns: microkernels write whole blocks, so that they work on a copy.
template <class Dot>
inline void last_columns(Operands o, int64_t rows, int64_t columns) {
  alignas(64) char block[kRowsAtOnce * 64];
  char* const c = o.c;
  const int64_t c_stride = o.c_stride;
  const size_t bytes = static_cast<size_t>(columns * 4);
  memset(block, 0, sizeof block);
  if (o.accumulate) {
    for (int64_t r = 0; r < rows; ++r) memcpy(block + r * 64, c + r * c_stride, bytes);
  }
  o.c = block;
  o.c_stride = 64;
  all_rows<Dot, 1>(o, rows);
  for (int64_t r = 0; r < rows; ++r) memcpy(c + r * c_stride, block + r * 64, bytes);
}

// At most kRowsAtOnce rows.
template <class Dot>
inline void matmul_rows(const typename Dot::Element* a, int64_t a_row_stride, const char* b, typename Dot::Result* c,
                        int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  constexpr int64_t bytes = sizeof(typename Dot::Element), per_group = 4 / bytes;
  const int64_t tail = k % per_group;
  int32_t offsets[kRowsAtOnce];
  char tails[kRowsAtOnce * 4];
  if constexpr (Dot::weights_are_offset) {
    for (int64_t r = 0; r < rows; ++r) offsets[r] = mul(128, sum_of_bytes(a + r * a_row_stride, k));
  }
  if (tail != 0) {
    memset(tails, 0, sizeof tails);
    for (int64_t r = 0; r < rows; ++r) memcpy(tails + r * 4, a + r * a_row_stride + k - tail, static_cast<size_t>(tail * bytes));
  }
  Operands o = {};
  o.a = reinterpret_cast<const char*>(a);
  o.a_stride = a_row_stride * bytes;
  o.b = b;
  o.block_bytes = groups_of(k, bytes) * kGroupBytes;
  o.groups = k / per_group;
  o.tails = tail != 0 ? tails : nullptr;
  o.offsets = Dot::weights_are_offset ? offsets : nullptr;
  o.c = reinterpret_cast<char*>(c);
  o.c_stride = c_row_stride * 4;
  o.accumulate = accumulate;
  if (rows <= kFewRows) {
    all_columns<Dot, kFewVectors>(o, rows, columns);
  } else {
    all_columns<Dot, kManyVectors>(o, rows, columns);
  }
  all_columns<Dot, 1>(o, rows, columns);
  if (columns > 0) last_columns<Dot>(o, rows, columns);
}

template <class Dot>
inline void matmul(const typename Dot::Element* a, int64_t a_row_stride, const void* packed_b, int64_t first_block,
                   typename Dot::Result* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  const int64_t block_bytes = groups_of(k, sizeof(typename Dot::Element)) * kGroupBytes;
  const char* const b = static_cast<const char*>(packed_b) + first_block * block_bytes;
  [[maybe_unused]] const typename Dot::Mode mode = {};
  for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
    const int64_t count = rows - row < kRowsAtOnce ? rows - row : kRowsAtOnce;
    matmul_rows<Dot>(a + row * a_row_stride, a_row_stride, b, c + row * c_row_stride, c_row_stride, count, columns, k,
                     accumulate);
  }
}

// C tile [rows, columns] = or += A [rows, k] . the columns of B from column 16 * first_block on. Templates, so that a file pays
// only for the products that it calls.
#define IMBREX_MATMUL(name, Dot, A, C)                                                                                      \
  template <int = 0>                                                                                                        \
  inline void name(const A* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, C* c, int64_t c_row_stride, \
                   int64_t rows, int64_t columns, int64_t k, bool accumulate) {                                             \
    matmul<Dot>(a, a_row_stride, packed_b, first_block, c, c_row_stride, rows, columns, k, accumulate);                     \
  }
IMBREX_MATMUL(matmul_i8, DotI8, int8_t, int32_t)
IMBREX_MATMUL(matmul_u8i8, DotU8I8, uint8_t, int32_t)
IMBREX_MATMUL(matmul_bf16, DotBf16, uint16_t, float)
IMBREX_MATMUL(matmul_f32, DotF32, float, float)
#undef IMBREX_MATMUL

}  // namespace
}  // namespace imbrex::isa
