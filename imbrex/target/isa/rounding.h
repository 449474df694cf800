// Rounding to bf16 on the way to memory where no instruction does it. Included behind common.h.
#pragma once

#include "imbrex/target/isa/common.h"

namespace imbrex::isa {
namespace {

IMBREX_OP void store_bf16_rint(void* p, vf x) { store_bf16(p, round_bf16_rint(x)); }
IMBREX_OP void store_bf16_rint(void* p, vf x, int n) { store_bf16(p, round_bf16_rint(x), n); }
IMBREX_OP void stream_bf16_rint(void* p, vf x, bool streams) { stream_bf16(p, round_bf16_rint(x), streams); }
IMBREX_OP void stream_bf16_rint(void* p, vf_pair x, bool streams) {
  stream_bf16_rint(p, x.low, streams);
  stream_bf16_rint(static_cast<char*>(p) + 32, x.high, streams);
}
IMBREX_OP void store_bf16_rint(void* p, vf_pair x) { stream_bf16_rint(p, x, false); }

}  // namespace
}  // namespace imbrex::isa
