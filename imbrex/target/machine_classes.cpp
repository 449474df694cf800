// The table of machine classes, and which of them this machine is one of.
#include <algorithm>
#include <cstring>
#include <functional>

#include "imbrex/target/rates.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace imbrex::target {
namespace {

constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;

// A 2-core virtual machine, measured with all its threads: products by hand-written loops, from registers. i8_flipped and
// bf16_fma were not measured there: their figures follow from the instructions that they take, a copy of the rows or twice the
// FMAs.
MachineClass zen4() {
  MachineClass c{"AMD Zen 4", "AuthenticAMD", {{7, 1, 'a', 5}}, "avx512", {}, {}};
  Rates& r = c.rates;
  r.name = "zen4";
  r.cores = 2;
  r.products = {{"avx512.i8", 230e9},   {"avx512.i8_flipped", 225e9}, {"avx512.u8i8", 230e9},
                {"avx512.bf16", 117e9}, {"avx512.bf16_fma", 55e9},    {"avx512.f32", 58e9}};
  r.vector = 58e9;
  r.l2 = 115e9;
  r.l3 = 97e9;
  r.memory = 30e9;
  r.memory_of_all = 45e9;
  r.l2_bytes = 1 * kMiB;
  r.l3_bytes = 32 * kMiB;
  r.barrier = 2e-6;
  r.task = 3e-8;
  r.fetched_ahead = 0;
  return c;
}

// A 2-core virtual machine, measured by `imbrex calibrate`: the best of several runs. It is known by AVX-VNNI and VP2INTERSECT, which
// Zen 4 has not. The L3 cache is that of the eight cores that share one: what the virtual machine names, 384 MiB, is the whole socket's.
MachineClass zen5() {
  MachineClass c{"AMD Zen 5", "AuthenticAMD", {{7, 1, 'a', 5}, {7, 1, 'a', 4}, {7, 0, 'd', 8}}, "avx512", {}, {}};
  Rates& r = c.rates;
  r.name = "zen5";
  r.cores = 2;
  r.products = {{"scalar.i8", 8.4e9},       {"scalar.u8i8", 8.9e9},    {"scalar.bf16", 0.63e9},      {"scalar.f32", 0.63e9},
                {"avx2.i8", 109e9},         {"avx2.u8i8", 108e9},      {"avx2.bf16", 62e9},          {"avx2.f32", 67e9},
                {"avx2_vnni.i8", 269e9},    {"avx2_vnni.u8i8", 269e9}, {"avx512_base.i8", 210e9},    {"avx512_base.u8i8", 210e9},
                {"avx512.i8", 546e9},       {"avx512.u8i8", 538e9},    {"avx512.i8_flipped", 533e9}, {"avx512.bf16", 237e9},
                {"avx512.bf16_fma", 125e9}, {"avx512.f32", 136e9}};
  r.vector = 275e9;
  r.l2 = 270e9;
  r.l3 = 59e9;
  r.memory = 41e9;
  r.memory_of_all = 51e9;
  r.l2_bytes = 1 * kMiB;
  r.l3_bytes = 32 * kMiB;
  r.barrier = 5e-8;
  r.task = 3e-8;
  r.fetched_ahead = 16384;
  return c;
}

// A 2-core virtual machine, its processor's name masked, measured by `imbrex calibrate` beside other work: the best of several
// runs. It is known by AMX_TILE, AMX_INT8 and AMX_BF16. The L3 cache is that of one such processor: what the virtual machine
// names, 480 MiB, it shares with others.
// It stands for Intel's processors without AMX, none of which was measured: their kernels' figures are of this one running them.
MachineClass sapphire_rapids() {
  MachineClass c{"Intel server cores with AMX",
                 "GenuineIntel",
                 {{7, 0, 'd', 24}, {7, 0, 'd', 25}, {7, 0, 'd', 22}},
                 "amx",
                 {"avx2_vnni", "avx512_base", "avx512_vnni"},
                 {}};
  Rates& r = c.rates;
  r.name = "sapphire_rapids";
  r.cores = 2;
  r.products = {{"scalar.i8", 6.0e9},      {"scalar.u8i8", 6.9e9},    {"scalar.bf16", 0.48e9},      {"scalar.f32", 0.43e9},
                {"avx2.i8", 66e9},         {"avx2.u8i8", 66e9},       {"avx2.bf16", 38e9},          {"avx2.f32", 41e9},
                {"avx2_vnni.i8", 232e9},   {"avx2_vnni.u8i8", 238e9}, {"avx512_base.i8", 109e9},    {"avx512_base.u8i8", 109e9},
                {"avx512.i8", 290e9},      {"avx512.u8i8", 389e9},    {"avx512.i8_flipped", 378e9}, {"avx512.bf16", 56e9},
                {"avx512.bf16_fma", 85e9}, {"avx512.f32", 97e9},      {"amx.i8_amx", 1.8e12},       {"amx.u8i8_amx", 1.8e12},
                {"amx.bf16_amx", 0.9e12}};
  r.vector = 99e9;
  r.l2 = 160e9;
  r.l3 = 28e9;
  r.memory = 15e9;
  r.memory_of_all = 28e9;
  r.l2_bytes = 2 * kMiB;
  r.l3_bytes = 105 * kMiB;
  r.barrier = 2e-7;
  r.task = 3e-8;
  return c;
}

std::string vendor_of_this_machine() {
#if defined(__x86_64__)
  unsigned most = 0, words[3] = {};
  if (__get_cpuid(0, &most, &words[0], &words[2], &words[1])) {
    char text[13] = {};
    std::memcpy(text, words, 12);
    return text;
  }
#endif
  return "";
}

}  // namespace

const std::vector<MachineClass>& machine_classes() {
  static const std::vector<MachineClass> table = {zen4(), zen5(), sapphire_rapids()};
  return table;
}

const MachineClass& class_of(const Target& target) {
  const std::vector<MachineClass>& all = machine_classes();
  for (const MachineClass& each : all)
    if (std::find(each.stands_for.begin(), each.stands_for.end(), target.name) != each.stands_for.end()) return each;
  for (const Target* better = &target; better <= &targets().back(); ++better)
    for (const MachineClass& each : all)
      if (better->name == each.target) return each;
  return all.front();
}

const MachineClass* class_of_processor(const std::string& vendor, const std::function<bool(const imbrex_cpu_feature&)>& has) {
  const MachineClass *nearest = nullptr, *known = nullptr;
  for (const MachineClass& each : machine_classes()) {
    if (vendor != each.vendor) continue;
    if (nearest == nullptr) nearest = &each;
    // A processor has what those before it had: of classes that it could be of, the one that asks for most.
    const bool is_one = std::all_of(each.features.begin(), each.features.end(), has);
    if (is_one && (known == nullptr || each.features.size() > known->features.size())) known = &each;
  }
  return known != nullptr ? known : nearest;
}

const MachineClass& class_of_this_machine() {
  const MachineClass* known = class_of_processor(
      vendor_of_this_machine(), [](const imbrex_cpu_feature& feature) { return imbrex_has_feature(&feature) != 0; });
  return known != nullptr ? *known : class_of(best_target());
}

std::string class_name(const MachineClass& machine_class, const Target& best) {
  return best.name == machine_class.target ? machine_class.rates.name : machine_class.rates.name + "-" + best.name;
}

std::string class_name_of_this_machine(const Rates& rates) {
  const MachineClass& own = class_of_this_machine();
  return rates.name == own.rates.name ? class_name(own, best_target()) : rates.name;
}

}  // namespace imbrex::target
