// Products of bytes where an instruction multiplies four unsigned bytes by four signed ones and adds all of them to 32 bits. The
// including header has it as dot_of_four(vi sum, vi unsigned_bytes, vi signed_bytes).
#pragma once

#include "imbrex/target/isa/matmul.h"

namespace imbrex::isa {
namespace {

template <class T>
struct DotInFours : StepsOfAGroup<T> {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = vi;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return load_i32(packed); }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) { return dot_of_four(sum, broadcast_i(load_i32_s(a)), b); }
};

// Signed bytes plus 128, unsigned, by the instruction's rule: (a + 128) . b, less 128 times the sum of b where the sums start.
constexpr int32_t kFlip = static_cast<int32_t>(0x80808080);
IMBREX_OP vi plus_128(vi bytes) { return bit_xor(bytes, broadcast_i(kFlip)); }

// Two ways to the product of int8 matrices. Here each group is flipped in a register: on Zen 4 that takes no time from the
// products.
struct DotI8InFours : DotInFours<int8_t> {
  static constexpr bool needs_corrections = true;
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) { return dot_of_four(sum, plus_128(broadcast_i(load_i32_s(a))), b); }
};

// Here the rows are flipped once, into a copy: on Intel's cores the flip would take a port from the products.
struct DotI8InFoursFlipped : DotInFours<int8_t> {
  static constexpr bool needs_corrections = true, prepares_rows = true;
  static void prepare(const char* from, int64_t groups, char* to) {
    // Counted down, as in bytes_in_pairs.h.
    for (; groups >= 16; groups -= 16, from += 64, to += 64) store_i32(to, plus_128(load_i32(from)));
    for (; groups > 0; --groups, from += 4, to += 4) store_i32_s(to, load_i32_s(from) ^ kFlip);
  }
};

}  // namespace
}  // namespace imbrex::isa
