#include "imbrex/target/isa.h"

#include <cpuid.h>

#include <cstdint>

namespace imbrex::target {

namespace {

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

bool bit(uint32_t value, int index) { return ((value >> index) & 1) != 0; }

// Which register state the operating system saves: a feature whose registers it does not save must not be used.
uint64_t saved_state() {
  if (!bit(cpuid(1, 0).c, 27)) return 0;  // OSXSAVE
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool has_avx2() {
  constexpr uint64_t xmm_and_ymm = 0x6;
  if ((saved_state() & xmm_and_ymm) != xmm_and_ymm) return false;
  const Registers basic = cpuid(1, 0), extended = cpuid(7, 0);
  const bool fma = bit(basic.c, 12), avx = bit(basic.c, 28), f16c = bit(basic.c, 29), avx2 = bit(extended.b, 5);
  return fma && avx && f16c && avx2;
}

bool has_avx512() {
  constexpr uint64_t xmm_ymm_masks_and_zmm = 0xe6;
  if (!has_avx2() || (saved_state() & xmm_ymm_masks_and_zmm) != xmm_ymm_masks_and_zmm) return false;
  const Registers extended = cpuid(7, 0), more = cpuid(7, 1);
  const bool f = bit(extended.b, 16), dq = bit(extended.b, 17), bw = bit(extended.b, 30), vl = bit(extended.b, 31);
  const bool vnni = bit(extended.c, 11), bf16 = bit(more.a, 5);
  return f && dq && bw && vl && vnni && bf16;
}

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

const char* description_of(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2-fma-f16c";
    case Isa::avx512: return "avx512-vnni-bf16";
  }
  return "?";
}

std::optional<Isa> isa_named(const std::string& name) {
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (name == name_of(isa)) return isa;
  return std::nullopt;
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas = {Isa::scalar};
  if (has_avx2()) isas.push_back(Isa::avx2);
  if (has_avx512()) isas.push_back(Isa::avx512);
  return isas;
}

Isa best_isa() { return supported_isas().back(); }

std::vector<std::string> compiler_flags(Isa isa) {
  // Nothing here changes a result: a square root need not set errno, and no one reads the floating-point exception flags.
  std::vector<std::string> flags = {"-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"};
  if (isa == Isa::avx2) flags.insert(flags.end(), {"-mavx2", "-mfma", "-mf16c"});
  if (isa == Isa::avx512) {
    flags.insert(flags.end(), {"-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni",
                               "-mavx512bf16", "-mprefer-vector-width=512"});
  }
  return flags;
}

}  // namespace imbrex::target
