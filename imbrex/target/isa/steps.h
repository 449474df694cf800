// How microkernels go along k: what the structs Dot of an ISA (isa/matmul.h) have in common. Included behind its vectors.
#pragma once

#include "imbrex/target/isa/packing.h"
#include "imbrex/target/isa/products.h"

namespace imbrex::isa {
namespace {

// Each element of C is one chain of additions over the whole of k. A step is a group: the elements that four bytes hold.
template <class T>
struct StepsOfAGroup {
  using Element = T;
  static constexpr bool is_blocked = false, needs_corrections = false, prepares_rows = false;
  static constexpr int kRowsOfSeveral = 0;
  static constexpr int64_t kRowsOfWidened = 0;     // from so many rows of a call on, columns are widened before; 0: never
  static constexpr int64_t kStep = 4 / sizeof(T);  // elements of k
  static constexpr int64_t kBytesOfGroup = 4, kBytesOfStep = 4;      // of a row of A, where step reads it
  static constexpr int64_t kPackedBytes = kGroupBytes, kGroups = 1;  // of a step of a panel
  static constexpr int64_t kBytesOfColumns = kGroupBytes;            // from a group of columns to the next
  static constexpr int64_t kMostRows = 144, kPreparedSteps = 512;
};

// Products of bf16. A step is a block of 32 elements. Its two chains of additions, of 16 elements each, start at +0; then
// `sum(c, first, second)` adds their results to C.
struct StepsOfABlock {
  using Element = uint16_t;
  using Result = float;
  using Accumulator = vf;
  static constexpr bool is_blocked = true, needs_corrections = false, prepares_rows = false;
  static constexpr int kRowsOfSeveral = 0;
  static constexpr int64_t kRowsOfWidened = 0;    // from so many rows of a call on, columns are widened before; 0: never
  static constexpr int kVectorsOfBothChains = 0;  // the most of a tile of C whose two chains stay in registers; 0: one at a time
  static constexpr int kRowsOfExpanded = 0;       // the most whose sums stay in registers while e4m3 is widened there; 0: none
  static constexpr int64_t kStep = kBlock;
  static constexpr int64_t kBytesOfGroup = 4, kBytesOfChain = 32, kBytesOfStep = 64;
  static constexpr int64_t kPackedBytes = kBlock / 2 * kGroupBytes, kBytesOfColumns = kGroupBytes;
  static constexpr int64_t kMostRows = 144, kPreparedSteps = 32;
  // Packed in order, a chain's elements lie in eight groups, as pairs.
  static constexpr int64_t kGroups = 8, kPanelBytesOfChain = kGroups * kGroupBytes;
};

}  // namespace
}  // namespace imbrex::isa
