// C = A . B, or C += A . B, where B is packed (isa/packing.h): register-blocked microkernels and the loops that choose them.
//
// A microkernel keeps a tile of C, R rows by V vectors of 16 columns, in registers. k goes in steps: of bytes and f32, as many
// elements as four bytes hold, and each element of C is one chain of additions over the whole of k. Of bf16 a step is a block of
// 32 elements: a tile of the sums of its first chain, one of its second, and what both add up to is added to C in memory.
//
// Each accumulator is a member of a recursive struct, never an element of an array: g++ keeps arrays of vectors on the stack and
// loses half the speed. For the same reason microkernels are neither inlined nor cloned. tests/correct/target checks the machine
// code.
//
// The ISA's header gives for each kind of product one or several structs Dot, on the bases below: Element (of A), Result (of C),
// Accumulator (vf or vi), Columns (16 columns' group of B in registers), load, step (one group of k for one row),
// kRowsOfOne and kRowsOfTwo (the most rows of a tile of one and of two vectors; 0: there are none), kRowsOfSeveral (where a call
// takes several tiles; 0: as many), Mode (set around the products). Where `prepares_rows`, `prepare` makes what step reads of the rows first, once for all columns
// of a call, kPreparedSteps of kPreparedRows at a time. From kRowsOfWidened rows on, Widened reads columns as `widen` left them.
#pragma once

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/packing.h"
#include "imbrex/target/isa/steps.h"

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
  const char* b;            // its panel, or the right half of it, from its first step on
  int64_t steps;            // whole ones
  const char* tails;        // null, or the incomplete last step of each row, filled up with zeros
  const char* corrections;  // null, or what the sums of the panel's columns start at
  char* c;
  int64_t c_stride;
  bool accumulate;
  const char* ahead;  // fetched meanwhile: `ahead_step` bytes for each group of a step
  int64_t ahead_step;
};

// What is prefetched into the L2 cache while some rows are multiplied by all panels.
struct Ahead {
  bool next_panel;           // these are the first rows: each panel's microkernels prefetch the panel that follows
  const char* after_panels;  // what the last panel's microkernels prefetch in place of a next panel
  int64_t later;             // for other rows: they prefetch what lies so many bytes behind the groups they read; 0: nothing
  const char* row;           // the rows of A that are prepared next: `rows` of them, a share with each panel
  int64_t row_stride, row_bytes, rows;

  void prefetch_rows(int64_t panels) {
    constexpr int write = 0, l2 = 2;
    for (int64_t count = (rows + panels - 1) / panels; count > 0; --count, --rows, row += row_stride)
      for (int64_t byte = 0; byte < row_bytes; byte += 64) __builtin_prefetch(row + byte, write, l2);
  }
};

// The 16 V columns of one group of B.
template <class Dot, int V>
struct GroupOf {
  typename Dot::Columns first;
  GroupOf<Dot, V - 1> others;
  IMBREX_OP void load(const char* b) {
    first = Dot::load(b);
    others.load(b + 64);
  }
};
template <class Dot>
struct GroupOf<Dot, 0> {
  IMBREX_OP void load(const char*) {}
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
  IMBREX_OP void add_all(const char* c) {
    first = add(first, load_i32(c));
    others.add_all(c + 64);
  }
  IMBREX_OP static void store_zeros(char* c) {
    store_f32(c, broadcast(0.0f));
    RowOf<Dot, V - 1>::store_zeros(c + 64);
  }
  IMBREX_OP void add_with(const char* first_chain, char* c) const {
    store_f32(c, Dot::sum(load_f32(c), load_f32(first_chain), first));
    others.add_with(first_chain + 64, c + 64);
  }
  IMBREX_OP void add_with(const RowOf& first_chain, char* c) const {
    store_f32(c, Dot::sum(load_f32(c), first_chain.first, first));
    others.add_with(first_chain.others, c + 64);
  }
};
template <class Dot>
struct RowOf<Dot, 0> {
  IMBREX_OP void step(const GroupOf<Dot, 0>&, const char*) {}
  IMBREX_OP void clear() {}
  IMBREX_OP void load(const char*) {}
  IMBREX_OP void store(char*) const {}
  IMBREX_OP void add_all(const char*) {}
  IMBREX_OP static void store_zeros(char*) {}
  IMBREX_OP void add_with(const char*, char*) const {}
  IMBREX_OP void add_with(const RowOf&, char*) const {}
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
  // The same starting values, or addends, in all rows.
  IMBREX_OP void fill(const char* row) {
    first.load(row);
    others.fill(row);
  }
  IMBREX_OP void add_all(const char* row) {
    first.add_all(row);
    others.add_all(row);
  }
  IMBREX_OP static void store_zeros(char* c, int64_t stride) {
    RowOf<Dot, V>::store_zeros(c);
    TileOf<Dot, R - 1, V>::store_zeros(c + stride, stride);
  }
  IMBREX_OP void add_with(const char* first_chain, char* c, int64_t stride) const {
    first.add_with(first_chain, c);
    others.add_with(first_chain + 64 * V, c + stride, stride);
  }
  IMBREX_OP void add_with(const TileOf& first_chain, char* c, int64_t stride) const {
    first.add_with(first_chain.first, c);
    others.add_with(first_chain.others, c + stride, stride);
  }
};
template <class Dot, int V>
struct TileOf<Dot, 0, V> {
  template <int>
  IMBREX_OP void step(const GroupOf<Dot, V>&, const char*, int64_t) {}
  IMBREX_OP void clear() {}
  IMBREX_OP void load(const char*, int64_t) {}
  IMBREX_OP void store(char*, int64_t) const {}
  IMBREX_OP void fill(const char*) {}
  IMBREX_OP void add_all(const char*) {}
  IMBREX_OP static void store_zeros(char*, int64_t) {}
  IMBREX_OP void add_with(const char*, char*, int64_t) const {}
  IMBREX_OP void add_with(const TileOf&, char*, int64_t) const {}
};

template <int level>
IMBREX_OP void fetch(const char* ahead) {
  constexpr int write = 0, locality = 4 - level;
  __builtin_prefetch(ahead, write, locality);
  __builtin_prefetch(ahead + 64, write, locality);
}

template <class Dot, int R, int V, int fetched_level>
IMBREX_MICROKERNEL void microkernel(const Operands& o) {
  TileOf<Dot, R, V> tile;
  GroupOf<Dot, V> group;
  if (o.accumulate) {
    tile.load(o.c, o.c_stride);
    if constexpr (Dot::needs_corrections) {
      if (o.corrections) tile.add_all(o.corrections);
    }
  } else {
    if constexpr (Dot::needs_corrections) tile.fill(o.corrections);
    if constexpr (!Dot::needs_corrections) tile.clear();
  }
  const char* a = o.a;
  const char* b = o.b;
  const char* ahead = o.ahead;
  const int64_t a_stride = o.a_stride, ahead_step = o.ahead_step;
  const char* const b_end = b + o.steps * kGroupBytes;
  for (; b != b_end; a += Dot::kBytesOfGroup, b += kGroupBytes) {
    fetch<fetched_level>(ahead);
    ahead += ahead_step;
    group.load(b);
    tile.step(group, a, a_stride);
  }
  if (o.tails) {
    group.load(b);
    tile.step(group, o.tails, Dot::kBytesOfGroup);
  }
  tile.store(o.c, o.c_stride);
}

// The tile of one chain of a block. The first is left in `sums`; the second joins it on the way to C.
template <class Dot, int R, int V, int fetched_level, int chain>
IMBREX_MICROKERNEL void microkernel_of_chain(const Operands& o, char* sums) {
  TileOf<Dot, R, V> tile;
  GroupOf<Dot, V> group;
  tile.clear();
  const char* a = o.a;
  const char* b = o.b;
  const char* ahead = o.ahead;
  const int64_t a_stride = o.a_stride, ahead_step = o.ahead_step;
  const char* const b_end = b + Dot::kGroups * Dot::kBytesOfColumns;
#pragma GCC unroll 1  // g++ would unroll all of it, which takes long and gains nothing
  for (; b != b_end; a += Dot::kBytesOfGroup, b += Dot::kBytesOfColumns) {
    fetch<fetched_level>(ahead);
    ahead += ahead_step;
    group.load(b);
    tile.step(group, a, a_stride);
  }
  if constexpr (chain == 0) tile.store(sums, 64 * V);
  if constexpr (chain == 1) tile.add_with(sums, o.c, o.c_stride);
}

// All blocks by few rows. Both chains go side by side, in registers: one alone would wait for its sums. What is fetched is fetched in
// the order in which it lies: the processor's own prefetchers, too, see it from front to back.
template <class Dot, int R, int V, int fetched_level>
IMBREX_MICROKERNEL void microkernel_of_both_chains(const Operands& o) {
  const char *a = o.a, *b = o.b, *ahead = o.ahead;
  const int64_t a_stride = o.a_stride, ahead_step = o.ahead_step;
  for (int64_t steps = o.steps; steps > 0; --steps) {
    TileOf<Dot, R, V> first, second;
    GroupOf<Dot, V> group;
    first.clear();
    second.clear();
    const char* a_of_group = a;
    const char* const b_end = b + Dot::kPanelBytesOfChain;
#pragma GCC unroll 2
    for (; b != b_end; a_of_group += Dot::kBytesOfGroup, b += kGroupBytes) {
      fetch<fetched_level>(ahead);
      fetch<fetched_level>(ahead + ahead_step);
      ahead += 2 * ahead_step;
      group.load(b);
      first.step(group, a_of_group, a_stride);
      group.load(b + Dot::kPanelBytesOfChain);
      second.step(group, a_of_group + Dot::kBytesOfChain, a_stride);
    }
    second.add_with(first, o.c, o.c_stride);
    a += Dot::kBytesOfStep;
    b += Dot::kPackedBytes - Dot::kPanelBytesOfChain;
  }
}

template <class Dot, int R, int V, int fetched_level>
inline void both_chains_at_once(Operands o) {
  if (!o.accumulate) TileOf<Dot, R, V>::store_zeros(o.c, o.c_stride);
  microkernel_of_both_chains<Dot, R, V, fetched_level>(o);
  if (o.tails == nullptr) return;
  o.a = o.tails;
  o.a_stride = Dot::kBytesOfStep;
  o.b += o.steps * Dot::kPackedBytes;
  o.ahead += 2 * Dot::kGroups * o.ahead_step * o.steps;
  o.steps = 1;
  microkernel_of_both_chains<Dot, R, V, fetched_level>(o);
}

template <class Dot, int R, int V, int fetched_level>
inline void chain_by_chain(Operands o) {
  alignas(64) char sums[64 * R * V];
  if (!o.accumulate) TileOf<Dot, R, V>::store_zeros(o.c, o.c_stride);
  for (int64_t steps = o.steps + (o.tails != nullptr ? 1 : 0); steps > 0; --steps) {
    if (steps == 1 && o.tails != nullptr) {
      o.a = o.tails;
      o.a_stride = Dot::kBytesOfStep;
    }
    microkernel_of_chain<Dot, R, V, fetched_level, 0>(o, sums);
    o.a += Dot::kBytesOfChain;
    o.b += Dot::kPanelBytesOfChain;
    o.ahead += Dot::kGroups * o.ahead_step;
    microkernel_of_chain<Dot, R, V, fetched_level, 1>(o, sums);
    o.a += Dot::kBytesOfStep - Dot::kBytesOfChain;
    o.b += Dot::kPackedBytes - Dot::kPanelBytesOfChain;
    o.ahead += Dot::kGroups * o.ahead_step;
  }
}

// Fetching from memory what comes next. A panel that several tiles of rows use gives time to fetch all of the next one: each tile
// a part of it. One that is used once is itself what must be fetched, a little ahead: the more rows, the fewer of its groups the
// processor sees at once. How far ahead, and into which cache, is the Fetching that the caller names (isa/products.h).
constexpr int64_t kFetchingTiles = 4;

constexpr int64_t at_most(int64_t most, int64_t count) { return count < most ? count : most; }
template <class Dot, int V>
constexpr int most_rows() {
  return V == 2 ? Dot::kRowsOfTwo : Dot::kRowsOfOne;
}
template <class Dot, int V>
constexpr int most_rows_of_several() {
  return Dot::kRowsOfSeveral > 0 ? Dot::kRowsOfSeveral : most_rows<Dot, V>();
}
template <class Dot, int V>
constexpr int64_t tiles_of_rows(int64_t rows) {
  if constexpr (most_rows<Dot, V>() > 0) {
    constexpr int64_t most = most_rows_of_several<Dot, V>();
    if (rows > most_rows<Dot, V>()) return (rows + most - 1) / most;
  }
  return 1;
}

// R: from the most rows of a tile down to the fewest.
template <class Dot, int V, int fetched_level, bool both_chains, int fewest, int R>
IMBREX_OP void microkernel_of(int64_t rows, const Operands& o) {
  if constexpr (!Dot::is_blocked) {
    if (rows == R) return microkernel<Dot, R, V, fetched_level>(o);
  } else if constexpr (both_chains && R * V <= Dot::kVectorsOfBothChains) {
    if (rows == R) return both_chains_at_once<Dot, R, V, fetched_level>(o);
  } else {
    if (rows == R) return chain_by_chain<Dot, R, V, fetched_level>(o);
  }
  if constexpr (R > fewest) microkernel_of<Dot, V, fetched_level, both_chains, fewest, R - 1>(rows, o);
}

// All rows of V column blocks: in one tile, or in tiles of at most kRowsOfSeveral rows, of equal heights.
template <class Dot, int V>
inline void all_rows(Operands o, int64_t rows) {
  constexpr int most = most_rows<Dot, V>(), of_several = most_rows_of_several<Dot, V>(), l2 = 2;
  using Fetching = typename Dot::Fetching;
  if (rows <= most) return microkernel_of<Dot, V, Fetching::level, Fetching::reads_both_chains, 1, most>(rows, o);
  int64_t tiles = tiles_of_rows<Dot, V>(rows), fetching = tiles < kFetchingTiles ? 2 : kFetchingTiles;
  for (; tiles > 0; --tiles) {
    const int64_t count = (rows + tiles - 1) / tiles;
    microkernel_of<Dot, V, l2, true, (of_several + 1) / 2, of_several>(count, o);  // each has at least half of the most rows
    rows -= count;
    o.a += count * o.a_stride;
    o.c += count * o.c_stride;
    if (o.tails) o.tails += count * Dot::kBytesOfStep;
    o.ahead += o.steps * (Dot::kPackedBytes / Dot::kBytesOfColumns) * o.ahead_step;
    if (--fetching == 0) o.ahead_step = 0;
  }
}

// 16 columns. Where many rows read them, they are widened once for all: Dot::Widened reads what Dot::widen wrote, as many bytes of 16
// columns as the panel has of 32.
template <class Dot>
inline void column_block(Operands o, int64_t rows) {
  if constexpr (Dot::kRowsOfWidened > 0) {
    if (rows >= Dot::kRowsOfWidened && o.steps <= Dot::kPreparedSteps) {
      using Widened = FetchedBy<typename Dot::Widened, typename Dot::Fetching>;
      alignas(64) char widened[(Dot::kPreparedSteps + 1) * Dot::kPackedBytes];
      Dot::widen(o.b, o.steps + (o.tails != nullptr ? 1 : 0), widened);
      o.b = widened;
      o.ahead_step = o.ahead_step * Dot::kGroups / Widened::kGroups;
      return all_rows<Widened, 1>(o, rows);
    }
  }
  all_rows<Dot, 1>(o, rows);
}

// Fewer than 16 columns: microkernels write whole blocks, so that they work on a copy.
template <class Dot>
inline void last_columns(Operands o, int64_t rows, int64_t columns) {
  alignas(64) char block[Dot::kMostRows * 64];
  char* const c = o.c;
  const int64_t c_stride = o.c_stride;
  const size_t bytes = static_cast<size_t>(columns * 4);
  memset(block, 0, sizeof block);
  if (o.accumulate) {
    for (int64_t r = 0; r < rows; ++r) memcpy(block + r * 64, c + r * c_stride, bytes);
  }
  o.c = block;
  o.c_stride = 64;
  column_block<Dot>(o, rows);
  for (int64_t r = 0; r < rows; ++r) memcpy(c + r * c_stride, block + r * 64, bytes);
}

// All columns of the steps [first, first + o.steps) of k. `panels` is where the panel of the first column block begins.
template <class Dot>
inline void all_columns(Operands o, const char* panels, int64_t panel_stride, int64_t first, int64_t corrections_at,
                        int64_t block, int64_t rows, int64_t columns, Ahead ahead) {
  const bool in_twos = rows <= Dot::kRowsOfTwo || Dot::kRowsOfTwo >= Dot::kRowsOfOne;
  const int64_t tiles = in_twos ? tiles_of_rows<Dot, 2>(rows) : tiles_of_rows<Dot, 1>(rows);
  while (columns > 0) {
    const int64_t half = block % 2;
    const bool both = in_twos && half == 0 && columns >= kPanelColumns;
    const int64_t width = both ? kPanelColumns : columns < 16 ? columns : 16;
    o.b = panels + first * Dot::kPackedBytes + half * 64;
    if (o.corrections) o.corrections = panels + corrections_at + half * 64;
    const char* const next_panel = columns > (2 - half) * 16 ? o.b + panel_stride : ahead.after_panels;
    o.ahead = tiles == 1 ? o.b + Dot::Fetching::bytes_ahead(rows) : next_panel;
    o.ahead_step = tiles == 1 ? kGroupBytes : tiles < kFetchingTiles ? kGroupBytes / 2 : kGroupBytes / kFetchingTiles;
    if constexpr (Dot::prepares_rows) {
      if (!ahead.next_panel) o.ahead = o.b + ahead.later;
      if (!ahead.next_panel && ahead.later == 0) o.ahead_step = 0;
      if (half == 0) ahead.prefetch_rows((columns + kPanelColumns - 1) / kPanelColumns);
    }
    if (both) {
      if constexpr (Dot::kRowsOfTwo > 0) all_rows<Dot, 2>(o, rows);
    } else if (width == 16) {
      column_block<Dot>(o, rows);
    } else {
      last_columns<Dot>(o, rows, width);
    }
    o.c += width * 4;
    columns -= width;
    block += both ? 2 : 1;
    if (block % 2 == 0) panels += panel_stride;
  }
}

// A's rows [row, row + rows), steps [first, first + steps), as step reads them: in place, or prepared. What is prepared is on the
// stack: so many rows and steps go at once.
template <class Dot, bool prepares_rows = Dot::prepares_rows>
struct RowsOfA {
  static constexpr int64_t kRows = Dot::kMostRows;
  const char* a;
  int64_t stride;
  RowsOfA(const typename Dot::Element* rows, int64_t row_stride, int64_t)
      : a(reinterpret_cast<const char*>(rows)), stride(row_stride * static_cast<int64_t>(sizeof(typename Dot::Element))) {}
  static constexpr int64_t steps_at_once(int64_t) { return Dot::kPreparedSteps; }
  const char* part(int64_t row, int64_t, int64_t first, int64_t) { return a + row * stride + first * Dot::kBytesOfStep; }
};
template <class Dot>
struct RowsOfA<Dot, true> {
  static constexpr int64_t kRows = Dot::kPreparedRows;
  static constexpr int64_t kBytes = Dot::kStep * static_cast<int64_t>(sizeof(typename Dot::Element));  // of a step, in place
  static constexpr int64_t kMostBytes = kRows * Dot::kPreparedSteps * Dot::kBytesOfStep;
  const char* a;
  int64_t stride, stride_of_a;
  alignas(64) char prepared[kMostBytes];
  RowsOfA(const typename Dot::Element* rows, int64_t row_stride, int64_t steps_at_once)
      : a(reinterpret_cast<const char*>(rows)),
        stride(steps_at_once * Dot::kBytesOfStep),
        stride_of_a(row_stride * static_cast<int64_t>(sizeof(typename Dot::Element))) {}
  // The fewer rows, the more steps: those of one row pass through a panel from its begin to its end, as it lies in memory.
  static constexpr int64_t steps_at_once(int64_t rows) {
    constexpr int64_t kFewBytes = at_most(16384, kMostBytes);
    const int64_t of_few_rows = kFewBytes / (rows * Dot::kBytesOfStep);
    return of_few_rows > Dot::kPreparedSteps ? of_few_rows : Dot::kPreparedSteps;
  }
  const char* in_place(int64_t row, int64_t first) const { return a + row * stride_of_a + first * kBytes; }
  const char* part(int64_t row, int64_t rows, int64_t first, int64_t steps) {
    for (int64_t r = 0; r < rows; ++r) Dot::prepare(in_place(row + r, first), steps, prepared + r * stride);
    return prepared;
  }
};

// At most kMostRows rows. All of them are multiplied by one part of k before the next part.
template <class Dot>
inline void matmul_rows(const typename Dot::Element* a, int64_t a_row_stride, const char* packed, int64_t first_block,
                        typename Dot::Result* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k,
                        bool accumulate) {
  constexpr int64_t bytes = sizeof(typename Dot::Element);
  const int64_t tail = k % Dot::kStep, whole_steps = k / Dot::kStep, panel_stride = panel_bytes(k, bytes);
  alignas(64) char tails[Dot::kMostRows * Dot::kBytesOfStep];
  for (int64_t r = 0; r < rows && tail != 0; ++r) {
    char step[Dot::kStep * bytes] = {};
    memcpy(step, a + r * a_row_stride + k - tail, static_cast<size_t>(tail * bytes));
    if constexpr (Dot::prepares_rows) Dot::prepare(step, 1, tails + r * Dot::kBytesOfStep);
    if constexpr (!Dot::prepares_rows) memcpy(tails + r * Dot::kBytesOfStep, step, sizeof step);
  }
  const char* const panels = packed + first_block / 2 * panel_stride;
  const bool one_tile = !Dot::prepares_rows && rows <= Dot::kRowsOfOne;
  const int64_t at_once = one_tile ? whole_steps : RowsOfA<Dot>::steps_at_once(rows);
  RowsOfA<Dot> rows_of_a(a, a_row_stride, at_once);
  Operands o = {};
  o.a_stride = rows_of_a.stride;
  o.c_stride = c_row_stride * 4;
  o.accumulate = accumulate;
  o.corrections = Dot::needs_corrections ? panels : nullptr;
  const int64_t panels_of_all = (first_block % 2 * 16 + columns + kPanelColumns - 1) / kPanelColumns;
  int64_t first = 0;
  do {
    const int64_t left = whole_steps - first;
    const bool is_last = left <= at_once;
    o.steps = is_last ? left : at_once;
    for (int64_t row = 0; row < rows; row += rows_of_a.kRows) {
      const int64_t count = at_most(rows_of_a.kRows, rows - row);
      Ahead ahead = {};
      ahead.next_panel = row == 0;
      ahead.after_panels = is_last ? panels + panels_of_all * panel_stride : panels + (first + at_once) * Dot::kPackedBytes;
      if (!is_last) ahead.later = at_once * Dot::kPackedBytes;
      if constexpr (Dot::prepares_rows) {
        const bool are_last_rows = count == rows - row;
        ahead.rows = are_last_rows ? is_last ? 0 : at_most(rows_of_a.kRows, rows) : at_most(rows_of_a.kRows, rows - row - count);
        ahead.row = rows_of_a.in_place(are_last_rows ? 0 : row + count, are_last_rows ? first + at_once : first);
        ahead.row_stride = rows_of_a.stride_of_a;
        ahead.row_bytes = o.steps * rows_of_a.kBytes;
      }
      o.a = rows_of_a.part(row, count, first, o.steps);
      o.c = reinterpret_cast<char*>(c + row * c_row_stride);
      o.tails = is_last && tail != 0 ? tails + row * Dot::kBytesOfStep : nullptr;
      all_columns<Dot>(o, panels, panel_stride, first, panel_stride - kGroupBytes, first_block, count, columns, ahead);
    }
    o.accumulate = true;
    o.corrections = nullptr;
    first += o.steps;
  } while (first < whole_steps);
}

template <class Dot>
inline void matmul(const typename Dot::Element* a, int64_t a_row_stride, const char* packed, int64_t first_block,
                   typename Dot::Result* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k, bool accumulate) {
  if (Dot::is_blocked && k == 0 && accumulate) return;
  [[maybe_unused]] const typename Dot::Mode mode = {};
  for (int64_t row = 0; row < rows; row += Dot::kMostRows) {
    const int64_t count = at_most(Dot::kMostRows, rows - row);
    matmul_rows<Dot>(a + row * a_row_stride, a_row_stride, packed, first_block, c + row * c_row_stride, c_row_stride, count,
                     columns, k, accumulate);
  }
}

// The left side of a product that widens its right side (isa/expanded.h): `product`, and the Dot that it is made of.
template <auto product, class Dot>
struct LeftInRows;

// C tile [rows, columns] = or += A [rows, k] . the columns of B from column 16 * first_block on. Templates, so that a file pays
// only for the products that it calls. An ISA with several ways to the same product names the others beside these.
#define IMBREX_MATMUL(name, Dot, A, Packed, C)                                                                                \
  template <class Fetching = FetchingFarAhead>                                                                                \
  inline void name(const A* a, int64_t a_row_stride, Packed b, int64_t first_block, C* c, int64_t c_row_stride, int64_t rows, \
                   int64_t columns, int64_t k, bool accumulate) {                                                             \
    matmul<FetchedBy<Dot, Fetching>>(a, a_row_stride, b.panels, first_block, c, c_row_stride, rows, columns, k, accumulate);  \
  }                                                                                                                           \
  template <class Fetching = FetchingFarAhead>                                                                                \
  using name##_rows = LeftInRows<name<Fetching>, Dot>;

}  // namespace
}  // namespace imbrex::isa
