// What generated kernels need besides vectors: division of work, scratch memory, floating-point mode, checks of data-dependent
// accesses, traces. Included after the header of the instruction set, into one translation unit; everything has internal linkage.
#pragma once

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "imbrex/runtime/abi.h"

// The flags of a kernel undo these where they come last. clang has a macro for the first two alone.
#if defined(__FAST_MATH__) || __FINITE_MATH_ONLY__ || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__)
#error "-ffast-math or a part of it would change this kernel's results: put @<kernel>_<target>.flags behind all other flags"
#endif

// 0: operations on f32 are rounded to f32 (16 says the same, and more of f16). -mfpmath=387 rounds later.
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "-mfpmath=387 or the like would change this kernel's results: compile it without"
#endif

namespace imbrex::isa {
namespace {

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}
inline int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }
inline int64_t tiles_of(int64_t extent, int64_t tile) { return extent <= 0 ? 0 : (extent - 1) / tile + 1; }

// A number of elements or bytes that is computed from a call's dimensions: what leaves 64 bits stays known as too large.
struct Size {
  int64_t value = 0;
  bool fits = true;
  constexpr Size() = default;
  constexpr Size(int64_t number) : value(number) {}
  constexpr Size(int64_t number, bool number_fits) : value(number), fits(number_fits) {}
};
inline Size operator+(Size a, Size b) {
  int64_t sum = 0;
  const bool wraps = __builtin_add_overflow(a.value, b.value, &sum);
  return {sum, a.fits && b.fits && !wraps};
}
inline Size operator-(Size a, Size b) {
  int64_t difference = 0;
  const bool wraps = __builtin_sub_overflow(a.value, b.value, &difference);
  return {difference, a.fits && b.fits && !wraps};
}
inline Size operator*(Size a, Size b) {
  int64_t product = 0;
  const bool wraps = __builtin_mul_overflow(a.value, b.value, &product);
  return {product, a.fits && b.fits && !wraps};
}
inline Size smaller(Size a, Size b) { return {smaller(a.value, b.value), a.fits && b.fits}; }
inline Size larger(Size a, Size b) { return {larger(a.value, b.value), a.fits && b.fits}; }
inline Size floor_div(Size a, Size b) {
  const bool fits = a.fits && b.fits && b.value != 0 && !(a.value == INT64_MIN && b.value == -1);
  return {fits ? floor_div(a.value, b.value) : 0, fits};
}
inline Size floor_mod(Size a, Size b) { return a - floor_div(a, b) * b; }
inline bool is_possible(Size size) { return size.fits && size.value < IMBREX_TOO_MANY_BYTES; }
inline int64_t elements_of(Size size) { return is_possible(size) ? larger(size.value, 0) : -1; }
inline size_t workspace_of(Size bytes) { return is_possible(bytes) ? static_cast<size_t>(bytes.value) : IMBREX_TOO_LARGE; }

// Whether a dimension is 0: such a call has nothing to write.
inline bool is_empty(const int64_t* dims, int32_t count) {
  for (int32_t i = 0; i < count; ++i)
    if (dims[i] < 1) return true;
  return false;
}

// The contiguous block of `tasks` that worker `ith` of `nth` does; blocks differ by at most one task.
struct Part {
  int64_t begin, end;
};
inline Part part_of(int64_t tasks, int64_t ith, int64_t nth) {
  tasks = larger(tasks, 0);
  const int64_t each = tasks / nth, more = tasks % nth;
  const int64_t begin = ith * each + smaller(ith, more);
  return {begin, begin + each + (ith < more ? 1 : 0)};
}

// A task is a tile of rows with a panel of weights. Tiles vary fastest, then panels, in sweeps: all panels are used by the tiles of a
// sweep before the next sweep begins, so that its rows stay in the L3 cache and their pages in the TLB.
struct TaskOfTiles {
  int64_t tile, panel;
};
inline TaskOfTiles task_of_tiles(int64_t task, int64_t tiles, int64_t panels, int64_t tiles_per_sweep) {
  const int64_t first = task / (tiles_per_sweep * panels) * tiles_per_sweep, size = smaller(tiles_per_sweep, tiles - first),
                rest = task - first * panels;
  return {first + rest % size, rest / size};
}
// As part_of(), but blocks have equally many rows, to the nearest tile: the last tile of all may have few.
inline Part part_of_tiles(int64_t rows, int64_t tile, int64_t panels, int64_t tiles_per_sweep, int64_t ith, int64_t nth) {
  if (rows <= 0 || panels <= 0) return {0, 0};
  const int64_t rows_per_sweep = smaller(tiles_per_sweep * tile, rows);
  const auto tasks_with = [&](int64_t rows_of_panels) {
    const int64_t sweep = rows_of_panels / (rows_per_sweep * panels), left = rows - sweep * rows_per_sweep;
    if (left <= 0) return tiles_of(rows, tile) * panels;
    const int64_t size = smaller(rows_per_sweep, left), tiles = tiles_of(size, tile),
                  rest = rows_of_panels - sweep * rows_per_sweep * panels;
    return (sweep * tiles_per_sweep) * panels + rest / size * tiles + smaller((rest % size + tile / 2) / tile, tiles);
  };
  const Part share = part_of(rows * panels, ith, nth);
  return {tasks_with(share.begin), tasks_with(share.end)};
}

// One worker's block of a phase's tasks, from which idle workers take too. Filled before a barrier, emptied after it.
struct alignas(kLineBytes) Queue {
  uint64_t range;  // the end in the upper half, the begin in the lower
  Part alone;      // tasks whose numbers have more than 32 bits: they are never stolen

  void fill(Part part) {
    const bool fits = part.end <= UINT32_MAX;
    alone = fits ? Part{0, 0} : part;
    const uint64_t shared = static_cast<uint64_t>(part.end) << 32 | static_cast<uint64_t>(part.begin);
    __atomic_store_n(&range, fits ? shared : 0, __ATOMIC_RELAXED);
  }
  // The first or the last task that is left, or -1.
  int64_t take(bool first) {
    uint64_t now = __atomic_load_n(&range, __ATOMIC_RELAXED);
    for (;;) {
      const uint64_t begin = now & UINT32_MAX, end = now >> 32;
      if (begin >= end) return -1;
      const uint64_t rest = first ? now + 1 : now - (uint64_t{1} << 32);
      if (__atomic_compare_exchange_n(&range, &now, rest, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return static_cast<int64_t>(first ? begin : end - 1);
    }
  }
};

// The tasks that a worker does: its own block from the front, so that what it reads follows on what it read before; then, while
// others are behind, from the back of theirs. Which worker does a task changes no bit of its result.
class Tasks {
 public:
  Tasks(Queue* own, int64_t bytes_between_workers, const imbrex_call* call)
      : own_(own), bytes_(bytes_between_workers), ith_(call->ith), nth_(call->nth) {}
  int64_t next() {
    if (own_->alone.begin < own_->alone.end) return own_->alone.begin++;
    for (; tried_ < nth_; ++tried_) {
      const int32_t worker = (ith_ + tried_) % nth_;
      char* const queue = reinterpret_cast<char*>(own_) + (worker - ith_) * bytes_;
      const int64_t task = reinterpret_cast<Queue*>(queue)->take(tried_ == 0);
      if (task >= 0) return task;
    }
    return -1;
  }

 private:
  Queue* own_;
  int64_t bytes_;
  int32_t ith_, nth_, tried_ = 0;
};

// A bump pointer over the caller's workspace. Copying one at the begin of a block gives the block's buffers back at its end.
struct Scratch {
  char* next;
  template <class T>
  T* take(int64_t count) {
    T* const begin = reinterpret_cast<T*>(next);
    next += (larger(count, 0) * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return begin;
  }
};

// Behind what all workers share, each has as much.
inline Scratch memory_of_worker(const imbrex_call* call, Size shared, Size each) {
  return {static_cast<char*>(call->workspace) + shared.value + call->ith * each.value};
}

// Round to nearest even with subnormals kept, whatever the calling thread runs with; restored at the end.
class FloatMode {
 public:
  FloatMode() : caller_(float_state()) { set_float_state(kPlainFloatState); }
  ~FloatMode() { set_float_state(caller_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  FloatState caller_;
};

inline void wait_for_all(const imbrex_call* call) {
  if (call->nth > 1) call->barrier(call->barrier_user);
}

// Whether stores to a tensor of so many bytes go past the caches: it is more than a worker's L2 cache would keep for whoever reads
// it next, and its rows (`strides`: all of them in bytes, or-ed) allow it.
inline bool streams_to(const void* data, int64_t bytes, int64_t strides, int64_t l2) {
  return bytes >= l2 && (reinterpret_cast<intptr_t>(data) | strides) % kLineBytes == 0;
}

// Prefetches one line.
IMBREX_OP void prefetch_line(const void* p) { __builtin_prefetch(p, 0, 2); }
IMBREX_OP void prefetch_line_for_write(const void* p) { __builtin_prefetch(p, 1, 3); }

// Prefetches so many bytes of each row.
inline void prefetch_rows(const void* first, int64_t stride_in_bytes, int64_t rows, int64_t bytes) {
  constexpr int read = 0, l2 = 2;
  const char* row = static_cast<const char*>(first);
  for (int64_t r = 0; r < rows; ++r, row += stride_in_bytes)
    for (int64_t at = 0; at < bytes; at += kLineBytes) __builtin_prefetch(row + at, read, l2);
}
inline void prefetch_rows_for_write(const void* first, int64_t stride_in_bytes, int64_t rows, int64_t bytes) {
  constexpr int write = 1, l2 = 2;
  const char* row = static_cast<const char*>(first);
  for (int64_t r = 0; r < rows; ++r, row += stride_in_bytes)
    for (int64_t at = 0; at < bytes; at += kLineBytes) __builtin_prefetch(row + at, write, l2);
}

inline uint64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}
inline uint64_t trace_begin(const imbrex_call* call) { return call->trace ? nanoseconds() : 0; }
inline void trace_end(const imbrex_call* call, const char* name, uint64_t begin) {
  if (call->trace) call->trace(call->trace_user, call->ith, name, begin, nanoseconds());
}

// Whether no element is less than the one before.
inline bool is_sorted(const int32_t* elements, int64_t count) {
  for (int64_t k = 1; k < count; ++k)
    if (elements[k] < elements[k - 1]) return false;
  return true;
}

// Several workers may find broken assumptions at once. The smallest number stays, whoever is faster: an author's `assume` comes
// before what is checked of every access.
inline void fail_assumption(const imbrex_call* call, int32_t number) {
  if (!call->failed_assumption) return;
  int32_t known = __atomic_load_n(call->failed_assumption, __ATOMIC_RELAXED);
  while ((known == 0 || known > number) &&
         !__atomic_compare_exchange_n(call->failed_assumption, &known, number, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}
// An index from data, kept inside [0, extent).
inline int64_t checked_index(const imbrex_call* call, int32_t number, int64_t index, int64_t extent) {
  if (index >= 0 && index < extent) return index;
  fail_assumption(call, number);
  return 0;
}
// An index read from data, which is an int32.
inline int64_t read_index(const imbrex_call* call, int32_t number, int64_t element) {
  if (element >= INT32_MIN && element <= INT32_MAX) return element;
  fail_assumption(call, number);
  return 0;
}
inline bool row_exists(const imbrex_call* call, int32_t number, int64_t row, int64_t rows) {
  if (row >= 0 && row < rows) return true;
  fail_assumption(call, number);
  return false;
}
// A table of four slots for each element; a slot holds an element's number, from 1 on. Nothing is compared twice but what
// collides. Any number of elements may be the excepted one, which no int32 is if nothing is excepted.
constexpr int64_t kNothingExcepted = INT64_MIN;
inline bool all_distinct(const int32_t* elements, int64_t count, int32_t* table, int64_t except = kNothingExcepted) {
  int bits = 1;
  while ((int64_t{1} << bits) < 2 * count) ++bits;  // at most 4 * count
  const int64_t last = (int64_t{1} << bits) - 1;
  memset(table, 0, static_cast<size_t>(last + 1) * sizeof(int32_t));
  for (int64_t i = 0; i < count; ++i) {
    if (elements[i] == except) continue;
    int64_t slot = static_cast<int64_t>((static_cast<uint32_t>(elements[i]) * 0x9e3779b97f4a7c15u) >> (64 - bits));
    for (; table[slot] != 0; slot = (slot + 1) & last)
      if (elements[table[slot] - 1] == elements[i]) return false;
    table[slot] = static_cast<int32_t>(i + 1);
  }
  return true;
}

inline int smaller_int(int a, int b) { return a < b ? a : b; }
inline vm broadcast_m(bool value) { return ne(broadcast_i(value ? 1 : 0), broadcast_i(0)); }

// An element of memory as a tile has it.
inline int64_t loaded(int64_t element) { return load_i64_s(&element); }

// The first n lanes of v, `rest` in the others.
inline vf keep(vf v, int n, float rest = 0.0f) { return select(lt(iota_i(0), broadcast_i(n)), v, broadcast(rest)); }
inline vi keep(vi v, int n, int32_t rest = 0) { return select(lt(iota_i(0), broadcast_i(n)), v, broadcast_i(rest)); }

// Adds 16 columns of a row, which begin at `position` of the summed axis, to the 64 lanes of a sum kept in memory.
inline void add_to_lanes(float* lanes, int64_t position, vf v, int n = 16) {
  const int64_t first = floor_mod(position, 64);
  if (first % 16 == 0) {
    store_f32(lanes + first, add(load_f32(lanes + first), keep(v, n)));
    return;
  }
  float values[16];
  store_f32(values, v);
  for (int64_t i = 0; i < n; ++i) lanes[(first + i) % 64] += values[i];
}
inline float fold_lanes(const float* from) {
  float lanes[64];
  memcpy(lanes, from, sizeof lanes);
  for (int width = 32; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

// Columns by index: element i is row[columns[i]], each index checked.
template <class T>
struct Gathered {
  T elements[16];
};
template <class T>
inline Gathered<T> gather_columns(const imbrex_call* call, int32_t number, const T* row, int64_t extent, vi columns, int n = 16) {
  int32_t index[16];
  store_i32(index, columns);
  Gathered<T> result = {};
  for (int i = 0; i < n && extent > 0; ++i) result.elements[i] = row[checked_index(call, number, index[i], extent)];
  return result;
}

// Copies a tile element by element: for layouts without a vector form.
template <class T>
inline void copy_tile(const T* from, int64_t from_row, int64_t from_column, T* to, int64_t to_row, int64_t to_column,
                      int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[r * to_row + c * to_column] = from[r * from_row + c * from_column];
}

}  // namespace
}  // namespace imbrex::isa
