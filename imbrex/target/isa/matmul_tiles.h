// C = A . B, or C += A . B, on the tile registers of AMX. B is packed (isa/packing.h): bytes as for every other ISA, bf16 with
// the chains of a block beside each other. A panel's sixteen groups of four bytes of k are two tiles beside each other. A is
// either in tiles (below), or is brought into them, once for all columns of a call.
//
// A in tiles: sixteen rows together, of which 64 bytes beside 64 bytes along k make a tile of 1 KiB; then the next 64 bytes of k.
// The 32 elements of bf16 in them are a block, in the order of a panel.
// Rows and elements of k that do not exist fill the last tiles up; such elements are zero, such rows anything. A tile that lies
// together is loaded in half the time of one whose rows are far apart.
//
// Two tiles of A and two of B make four of C. Of k, so much goes at once that what is read of B stays in the L1 cache while
// all rows are multiplied by it; A, which is read once for each panel, takes no place there. Where A does not stay in the second
// cache, all panels are multiplied by one part of k before the next part.
#pragma once

#include "imbrex/target/isa/packing.h"
#include "imbrex/target/isa/tiles.h"

namespace imbrex::isa {
namespace {

// Steps are 64 bytes of k. With many rows, more of a panel is worth its place: sums are loaded and stored less often.
constexpr int64_t kStepsAtOnce = 8, kStepsAtOnceOfManyRows = 16, kManyRows = 160;
constexpr int64_t kStepsOfPart = 16;
constexpr int64_t kNearBytes = 1 << 20;                  // of A in the L2 cache: half of it on Intel's server cores
constexpr int64_t kStepBytes = kTileRows * kGroupBytes;  // of a panel
constexpr int kLinesOfStep = kStepBytes / 64;
constexpr int64_t kBytesAhead = 8192;  // of a panel that is used once

constexpr int64_t tile_steps(int64_t k) { return (k + kTileRowBytes - 1) / kTileRowBytes; }
// Of a matrix of bytes in tiles.
constexpr int64_t tiled_bytes(int64_t rows, int64_t k) { return (rows + kTileRows - 1) / kTileRows * tile_steps(k) * kTileBytes; }
// Where a row of k elements begins, and how far from there byte c of a row of bytes, or the block of bf16 with column c: in
// elements.
template <class T>
constexpr int64_t tiled_row(int64_t row, int64_t k) {
  constexpr int64_t bytes = sizeof(T);
  return (row / kTileRows * tile_steps(k * bytes) * kTileBytes + row % kTileRows * kTileRowBytes) / bytes;
}
constexpr int64_t tiled_column(int64_t c) { return c / kTileRowBytes * kTileBytes + c % kTileRowBytes; }
constexpr int64_t tiled_block(int64_t c) { return c / kBlock * (kTileBytes / 2); }

// At most 64 bytes of a row, with zeros behind them.
inline void put_bytes(const char* from, int64_t bytes, char* to) {
  if (bytes < kTileRowBytes) memset(to, 0, kTileRowBytes);
  memcpy(to, from, static_cast<size_t>(bytes));
}

struct TimesI8 {
  using Element = int8_t;
  using Result = int32_t;
  static void put(const char* from, int64_t bytes, char* to) { put_bytes(from, bytes, to); }
  template <int c, int a, int b>
  IMBREX_OP static void multiply_add() {
    tile_multiply_add_i8<c, a, b>();
  }
};
struct TimesU8I8 {
  using Element = uint8_t;
  using Result = int32_t;
  static void put(const char* from, int64_t bytes, char* to) { put_bytes(from, bytes, to); }
  template <int c, int a, int b>
  IMBREX_OP static void multiply_add() {
    tile_multiply_add_u8i8<c, a, b>();
  }
};

// Which element of a block, or of two vectors one behind the other, stands at which place of a tile's row.
IMBREX_OP __m512i places_of_block() {
  const __m512i in_order = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i first = _mm512_xor_si512(in_order, _mm512_set1_epi32(1));  // neighbours exchanged
  return _mm512_or_si512(first, _mm512_slli_epi32(_mm512_add_epi32(first, _mm512_set1_epi32(16)), 16));
}
struct TimesBf16 {
  using Element = uint16_t;
  using Result = float;
  static void put(const char* from, int64_t bytes, char* to) {
    const __mmask32 elements = bytes < kTileRowBytes ? (__mmask32{1} << (bytes / 2)) - 1 : ~__mmask32{0};
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(places_of_block(), _mm512_maskz_loadu_epi16(elements, from)));
  }
  template <int c, int a, int b>
  IMBREX_OP static void multiply_add() {
    tile_multiply_add_bf16<c, a, b>();
  }
};

// One or two tiles of rows by one or two of columns.
struct TileBlock {
  const char* a;       // the first step's tile of the first sixteen rows
  int64_t a_block;     // from there to that of the next sixteen
  const char* b;       // the first step of the panel, or of its right half
  int64_t steps;       // whole ones
  const char* b_tail;  // null, or a last step of B, whose groups behind the end of k are zero
  char* c;
  int64_t c_stride;
  bool accumulate;
  const char* ahead;  // fetched meanwhile: `ahead_lines` lines for each step
};

template <class Times, int A, int B>
IMBREX_OP void tile_step(const char* a, int64_t a_block, const char* b) {
  tile_load<6>(b, kGroupBytes);
  tile_load_once<4>(a, kTileRowBytes);
  if constexpr (B == 2) tile_load<7>(b + 64, kGroupBytes);
  if constexpr (A == 2) tile_load_once<5>(a + a_block, kTileRowBytes);
  Times::template multiply_add<0, 4, 6>();
  if constexpr (B == 2) Times::template multiply_add<1, 4, 7>();
  if constexpr (A == 2) Times::template multiply_add<2, 5, 6>();
  if constexpr (A == 2 && B == 2) Times::template multiply_add<3, 5, 7>();
}

template <class Times, int A, int B, int ahead_lines>
IMBREX_OP void tile_block(TileBlock o) {
  constexpr int write = 0, l2 = 2;
  // A whole step of lines is more than can be under way beside the loads: of these, one in eight brings the caches' own
  // prefetchers to the rest.
  constexpr int lines_apart = ahead_lines == kLinesOfStep ? 8 : 1;
  char* const right = o.c + 64;
  char* const below = o.c + kTileRows * o.c_stride;
  char* const below_right = below + 64;
  if (o.accumulate) {
    tile_load<0>(o.c, o.c_stride);
    if constexpr (B == 2) tile_load<1>(right, o.c_stride);
    if constexpr (A == 2) tile_load<2>(below, o.c_stride);
    if constexpr (A == 2 && B == 2) tile_load<3>(below_right, o.c_stride);
  } else {
    tile_zero<0>();
    if constexpr (B == 2) tile_zero<1>();
    if constexpr (A == 2) tile_zero<2>();
    if constexpr (A == 2 && B == 2) tile_zero<3>();
  }
  for (int64_t step = 0; step < o.steps; ++step) {
    tile_step<Times, A, B>(o.a, o.a_block, o.b);
    for (int line = 0; line < ahead_lines; line += lines_apart) __builtin_prefetch(o.ahead + 64 * line, write, l2);
    o.ahead += 64 * ahead_lines;
    o.a += kTileBytes;
    o.b += kStepBytes;
  }
  if (o.b_tail) tile_step<Times, A, B>(o.a, o.a_block, o.b_tail);
  tile_store<0>(o.c, o.c_stride);
  if constexpr (B == 2) tile_store<1>(right, o.c_stride);
  if constexpr (A == 2) tile_store<2>(below, o.c_stride);
  if constexpr (A == 2 && B == 2) tile_store<3>(below_right, o.c_stride);
}

template <class Times, int A, int B>
IMBREX_OP void tile_block_of(const TileBlock& o, int ahead_lines) {
  if (ahead_lines == kLinesOfStep) return tile_block<Times, A, B, kLinesOfStep>(o);
  if (ahead_lines == 16) return tile_block<Times, A, B, 16>(o);
  if (ahead_lines == 4) return tile_block<Times, A, B, 4>(o);
  if (ahead_lines == 8) return tile_block<Times, A, B, 8>(o);
  tile_block<Times, A, B, 0>(o);
}

// A tile stores all of its rows and columns: where C has fewer, it stores to a copy.
template <class Times, int B>
inline void partial_tile_block(TileBlock o, int64_t rows, int64_t columns, int ahead_lines) {
  constexpr int64_t stride = 64 * B;
  alignas(64) char copy[kTileRows * stride];
  char* const c = o.c;
  const int64_t c_stride = o.c_stride;
  const size_t bytes = static_cast<size_t>(4 * columns);
  if (o.accumulate) {
    memset(copy, 0, sizeof copy);
    for (int64_t r = 0; r < rows; ++r) memcpy(copy + r * stride, c + r * c_stride, bytes);
  }
  o.c = copy;
  o.c_stride = stride;
  tile_block_of<Times, 1, B>(o, ahead_lines);
  for (int64_t r = 0; r < rows; ++r) memcpy(c + r * c_stride, copy + r * stride, bytes);
}

// All rows by one panel, or by one of its halves: 1 to 32 columns of C. `next` is what is needed after this part of the panel,
// and is fetched meanwhile, a share of it while each of the first pairs of tiles of rows passes. A panel that only one pair uses
// is itself what must be fetched, a little ahead.
template <class Times>
inline void tile_rows(TileBlock o, int64_t rows, int64_t columns, const char* next) {
  const int64_t pairs = (rows + 2 * kTileRows - 1) / (2 * kTileRows);
  int ahead_lines = pairs == 1 ? kLinesOfStep : pairs < 4 ? 16 : pairs < 8 ? 8 : 4;
  o.ahead = pairs == 1 ? o.b + kBytesAhead : next;
  int64_t lines_left = o.steps * kStepBytes / 64;
  while (rows > 0) {
    int64_t blocks = 1;
    if (columns < kPanelColumns) {
      partial_tile_block<Times, 1>(o, rows < kTileRows ? rows : kTileRows, columns, ahead_lines);
    } else if (rows >= 2 * kTileRows) {
      blocks = 2;
      tile_block_of<Times, 2, 2>(o, ahead_lines);
    } else if (rows >= kTileRows) {
      tile_block_of<Times, 1, 2>(o, ahead_lines);
    } else {
      partial_tile_block<Times, 2>(o, rows, columns, ahead_lines);
    }
    o.ahead += 64 * ahead_lines * o.steps;
    lines_left -= ahead_lines * o.steps;
    if (lines_left <= 0) ahead_lines = 0;
    o.a += blocks * o.a_block;
    o.c += blocks * kTileRows * o.c_stride;
    rows -= blocks * kTileRows;
  }
}

// How many bytes of k a panel has: whole blocks of bf16.
template <class Times>
constexpr int64_t bytes_along_k(int64_t k) {
  constexpr int64_t bytes = sizeof(typename Times::Element);
  return bytes == 1 ? k : tile_steps(k * bytes) * kTileRowBytes;
}

// The groups of a panel's last step, which is not full, and zeros behind them: of bytes alone.
inline void tail_of_panel(const char* panel, int64_t k, char* tail) {
  const int64_t begin = k / kTileRowBytes * kStepBytes, bytes = groups_of(k, 1) * kGroupBytes - begin;
  memset(tail + bytes, 0, static_cast<size_t>(kStepBytes - bytes));
  memcpy(tail, panel + begin, static_cast<size_t>(bytes));
}

// A part of the rows and of k, in tiles.
struct TiledRows {
  const char* a;    // the part's first step, of its first sixteen rows
  int64_t a_block;  // bytes from there to that of the next sixteen
  int64_t rows;
  int64_t first_step;  // of k
  int64_t steps;       // whole ones
  bool has_tail;       // and one more, which is not full
};

// Panel by panel. `panel` is the first column's, `k` the whole of it.
template <class Times>
inline void multiply_tiles(const TiledRows& part, const char* panel, int64_t k, int64_t first_block, typename Times::Result* c,
                           int64_t c_row_stride, int64_t columns, bool accumulate) {
  const int64_t panel_stride = panel_bytes(k, sizeof(typename Times::Element));
  const bool stays = part.rows * part.steps * kTileRowBytes <= kNearBytes;
  const bool is_used_once = part.rows <= 2 * kTileRows;  // each step of a panel
  const int64_t all_steps = part.steps > 0 ? part.steps : 1;
  const int64_t of_part = stays ? all_steps : kStepsOfPart;
  const int64_t at_once = is_used_once ? of_part : part.rows < kManyRows ? kStepsAtOnce : kStepsAtOnceOfManyRows;
  alignas(64) char tail[kStepBytes];
  TileBlock o = {};
  o.a_block = part.a_block;
  o.c_stride = 4 * c_row_stride;
  for (int64_t begin = 0; begin == 0 || begin < part.steps; begin += of_part) {
    const int64_t end = part.steps - begin < of_part ? part.steps : begin + of_part;
    const char* of_column = panel;
    int64_t half = first_block % 2;
    for (int64_t column = 0; column < columns;) {
      const int64_t left = columns - column, width = half == 0 && left >= kPanelColumns ? kPanelColumns : left < 16 ? left : 16;
      if (part.has_tail && end == part.steps) tail_of_panel(of_column, k, tail);
      for (int64_t step = begin; step == begin || step < end; step += at_once) {
        const bool is_last = end - step <= at_once;
        o.steps = is_last ? end - step : at_once;
        o.a = part.a + step * kTileBytes;
        o.b = of_column + (part.first_step + step) * kStepBytes + 64 * half;
        o.b_tail = part.has_tail && is_last && end == part.steps ? tail + 64 * half : nullptr;
        o.c = reinterpret_cast<char*>(c + column);
        o.accumulate = accumulate || step > 0;
        const bool begins_next_part = column + width == columns && is_last && end < part.steps;
        tile_rows<Times>(o, part.rows, width,
                         begins_next_part ? panel + (part.first_step + end) * kStepBytes : o.b + panel_stride);
      }
      column += width;
      half = width == kPanelColumns ? 0 : 1 - half;
      if (half == 0) of_column += panel_stride;
    }
  }
}

template <class Times>
inline const char* panel_of_block(const char* packed, int64_t first_block, int64_t k) {
  return packed + first_block / 2 * panel_bytes(k, sizeof(typename Times::Element));
}

// C tile [rows, columns] = or += A [rows, k] . the columns of B from column 16 * first_block on, A in tiles from a multiple of
// sixteen rows on.
// `k_of_a`: how many elements the rows have, where these are some of them.
template <class Times>
inline void matmul_tiles(const typename Times::Element* a, int64_t k_of_a, const char* packed, int64_t first_block,
                         typename Times::Result* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k,
                         bool accumulate) {
  const Tiles tiles;
  const int64_t bytes = bytes_along_k<Times>(k);
  const TiledRows all = {
      reinterpret_cast<const char*>(a), tile_steps(bytes_along_k<Times>(k_of_a)) * kTileBytes, rows, 0, bytes / kTileRowBytes,
      bytes % kTileRowBytes != 0};
  multiply_tiles<Times>(all, panel_of_block<Times>(packed, first_block, k), k, first_block, c, c_row_stride, columns, accumulate);
}

// Rows of `bytes` bytes into tiles, with zeros behind them.
template <class Times>
inline void put_into_tiles(const char* a, int64_t a_stride, int64_t rows, int64_t bytes, char* tiled) {
  const int64_t a_block = tile_steps(bytes) * kTileBytes;
  for (int64_t row = 0; row < rows; ++row) {
    const char* from = a + row * a_stride;
    char* to = tiled + row / kTileRows * a_block + row % kTileRows * kTileRowBytes;
    for (int64_t left = bytes; left > 0; left -= kTileRowBytes, from += kTileRowBytes, to += kTileBytes)
      Times::put(from, left < kTileRowBytes ? left : kTileRowBytes, to);
  }
}

// The same for A as rows, so many of them and so much of k at a time that they stay in the L2 cache as tiles.
template <class Times>
inline void matmul_into_tiles(const typename Times::Element* a, int64_t a_row_stride, const char* packed, int64_t first_block,
                              typename Times::Result* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k,
                              bool accumulate) {
  constexpr int64_t element = sizeof(typename Times::Element), rows_at_once = 128, bytes_at_once = kStepsAtOnce * kTileRowBytes;
  const Tiles tiles;
  const char* const panel = panel_of_block<Times>(packed, first_block, k);
  const int64_t panel_bytes_of_k = bytes_along_k<Times>(k);
  alignas(64) char tiled[rows_at_once * bytes_at_once];
  for (int64_t row = 0; row < rows; row += rows_at_once) {
    const int64_t count = rows - row < rows_at_once ? rows - row : rows_at_once;
    const char* const from = reinterpret_cast<const char*>(a + row * a_row_stride);
    for (int64_t first = 0; first == 0 || first < k * element; first += bytes_at_once) {
      const int64_t of_a = k * element - first < bytes_at_once ? k * element - first : bytes_at_once;
      const int64_t of_b = panel_bytes_of_k - first < bytes_at_once ? panel_bytes_of_k - first : bytes_at_once;
      put_into_tiles<Times>(from + first, a_row_stride * element, count, of_a, tiled);
      const TiledRows part = {
          tiled, tile_steps(of_a) * kTileBytes, count, first / kTileRowBytes, of_b / kTileRowBytes, of_b % kTileRowBytes != 0};
      multiply_tiles<Times>(part, panel, k, first_block, c + row * c_row_stride, c_row_stride, columns, accumulate || first > 0);
    }
  }
}

}  // namespace
}  // namespace imbrex::isa
