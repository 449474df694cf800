// AVX-512 with VNNI, without BF16. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/floats_avx512.h"
#include "imbrex/target/isa/vnni_avx512.h"

namespace imbrex::isa {
namespace {

// No instruction multiplies pairs of bf16.
using DotBf16 = DotBf16Fma;

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor_avx512.h"
#include "imbrex/target/isa/rounding.h"
