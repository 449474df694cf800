// What the products of an ISA are made with, beside its vectors: the floating-point mode that is set around them (AsItIs, or what
// its architecture's header has), and how far ahead of a microkernel memory is fetched.
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct AsItIs {};  // no floating-point mode to set

// How many bytes ahead of the group of weights that is read the caches are told what is needed, where a panel is used once, and which
// cache: its level. The machine decides (target/rates.h): both were found by trial.
// Zen 4: the more rows, the fewer of its groups the processor sees at once. With three or four it sees enough, and fetching only
// disturbs what the caches fetch by themselves.
struct FetchingByRows {
  static constexpr int64_t bytes_ahead(int64_t rows) { return rows <= 2 ? 1024 : rows <= 4 ? 0 : 8192; }
  static constexpr int level = 2;
  // Whether one tile of bf16 reads both chains of a block at once: what is not fetched ahead is better read from front to back.
  static constexpr bool reads_both_chains = false;
};
// Others: always.
template <int64_t bytes>
struct FetchingAhead {
  static constexpr int64_t bytes_ahead(int64_t) { return bytes; }
  static constexpr int level = 1;
  static constexpr bool reads_both_chains = true;
};
using FetchingFarAhead = FetchingAhead<8192>;

// A Dot with one of them.
template <class Dot, class F>
struct FetchedBy : Dot {
  using Fetching = F;
};

}  // namespace
}  // namespace imbrex::isa
