// The table, and nothing that it does not need: CMake compiles this file by itself when it configures, for names and flags.
#include <elf.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <mutex>
#include <utility>

#include "imbrex/target/target.h"

namespace imbrex::target {
namespace {

using Features = std::initializer_list<imbrex_cpu_feature>;

// What `base` needs and more, of x86-64.
imbrex_needs and_more(imbrex_needs base, uint32_t saved_states, Features features, uint32_t requested_state = 0) {
  base.architecture = IMBREX_X86_64;
  base.saved_states |= saved_states;
  if (requested_state != 0) base.requested_state = requested_state;
  for (const imbrex_cpu_feature& feature : features) base.features[base.feature_count++] = feature;
  return base;
}

std::vector<std::string> and_more(std::vector<std::string> base, std::initializer_list<const char*> flags) {
  base.insert(base.end(), flags.begin(), flags.end());
  return base;
}

void add_kernels_of(const Target& other, std::initializer_list<Product> products, Target& to) {
  for (const ProductKernel& kernel : other.products)
    if (std::find(products.begin(), products.end(), kernel.product) != products.end()) to.products.push_back(kernel);
}

// Bits of XCR0.
constexpr uint32_t kXmmAndYmm = 0x6, kMasksAndZmm = 0xe0, kTileStates = 0x60000;

constexpr int64_t kKiB = 1024;

Target scalar() {
  Target t;
  t.name = "scalar";
  t.description = "scalar";
  t.header = "imbrex/target/isa/scalar.h";
  t.products = {
      {Product::i8, "i8", 1, 16}, {Product::u8i8, "u8i8", 1, 16}, {Product::bf16, "bf16", 1, 16}, {Product::f32, "f32", 1, 16}};
  for (const Product product : kProducts) t.units.push_back({product, "mulss"});
  return t;
}

// Every aarch64 has it. What more some have (dot products of bytes or bf16) is not used.
Target neon() {
  Target t;
  t.name = "neon";
  t.description = "neon, fma";
  t.header = "imbrex/target/isa/neon.h";
  t.needs.architecture = IMBREX_AARCH64;
  t.vector_bits = 128;
  t.vector_registers = 32;
  t.products = {
      {Product::i8, "i8", 3, 16}, {Product::u8i8, "u8i8", 3, 16}, {Product::bf16, "bf16", 3, 16}, {Product::f32, "f32", 3, 16}};
  t.units = {{Product::i8, "sadalp"}, {Product::u8i8, "sadalp"}, {Product::bf16, "fmla"}, {Product::f32, "fmla"}};
  return t;
}

Target avx2() {
  Target t;
  t.name = "avx2";
  t.description = "avx2-fma-f16c";
  t.header = "imbrex/target/isa/avx2.h";
  t.flags = {"-mavx2", "-mfma", "-mf16c"};
  const imbrex_cpu_feature fma = {1, 0, 'c', 12}, avx = {1, 0, 'c', 28}, f16c = {1, 0, 'c', 29}, avx2 = {7, 0, 'b', 5};
  // Compilers take it that where AVX is, these are.
  const imbrex_cpu_feature sse3 = {1, 0, 'c', 0}, ssse3 = {1, 0, 'c', 9}, sse4_1 = {1, 0, 'c', 19}, sse4_2 = {1, 0, 'c', 20},
                           popcnt = {1, 0, 'c', 23}, xsave = {1, 0, 'c', 26};
  t.needs = and_more({}, kXmmAndYmm, {fma, avx, f16c, avx2, sse3, ssse3, sse4_1, sse4_2, popcnt, xsave});
  t.vector_bits = 256;
  t.vector_registers = 16;
  t.products = {
      {Product::i8, "i8", 3, 16}, {Product::u8i8, "u8i8", 3, 16}, {Product::bf16, "bf16", 3, 16}, {Product::f32, "f32", 6, 16}};
  t.units = {
      {Product::i8, "vpmaddwd"}, {Product::u8i8, "vpmaddwd"}, {Product::bf16, "vfmadd231ps"}, {Product::f32, "vfmadd231ps"}};
  return t;
}

// The products of bytes that AVX-512 has, on 256 bits.
Target avx2_vnni(const Target& avx2) {
  Target t = avx2;
  t.name = "avx2_vnni";
  t.description = "avx2-fma-f16c, avx-vnni";
  t.header = "imbrex/target/isa/avx2_vnni.h";
  t.flags = and_more(avx2.flags, {"-mavxvnni"});
  const imbrex_cpu_feature avx_vnni = {7, 1, 'a', 4};
  t.needs = and_more(avx2.needs, 0, {avx_vnni});
  t.products = {{Product::i8, "i8", 6, 16}, {Product::u8i8, "u8i8", 6, 16}};
  add_kernels_of(avx2, {Product::bf16, Product::f32}, t);
  t.units = {
      {Product::i8, "vpdpbusd"}, {Product::u8i8, "vpdpbusd"}, {Product::bf16, "vfmadd231ps"}, {Product::f32, "vfmadd231ps"}};
  return t;
}

// What AVX-512 adds to AVX2 in every server core and in most others, then VNNI, then BF16. Each is an entry. BF16 without VNNI is
// in no processor. Kernels that the last has, too, are known by its figures.
Target avx512_base(const Target& avx2) {
  Target t;
  t.name = "avx512_base";
  t.description = "avx512-f-bw-dq-vl";
  t.header = "imbrex/target/isa/avx512_base.h";
  t.flags = and_more(avx2.flags, {"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"});
  const imbrex_cpu_feature f = {7, 0, 'b', 16}, dq = {7, 0, 'b', 17}, bw = {7, 0, 'b', 30}, vl = {7, 0, 'b', 31};
  t.needs = and_more(avx2.needs, kMasksAndZmm, {f, dq, bw, vl});
  t.vector_bits = 512;
  t.vector_registers = 32;
  t.products = {{Product::i8, "i8", 12, 32},
                {Product::u8i8, "u8i8", 12, 32},
                {Product::bf16, "bf16_fma", 12, 32, "avx512.bf16_fma", false, "", 256},
                {Product::f32, "f32", 12, 32, "avx512.f32"}};
  t.units = {
      {Product::i8, "vpmaddwd"}, {Product::u8i8, "vpmaddwd"}, {Product::bf16, "vfmadd231ps"}, {Product::f32, "vfmadd231ps"}};
  return t;
}

Target avx512_vnni(const Target& base) {
  Target t = base;
  t.name = "avx512_vnni";
  t.description = "avx512-vnni";
  t.header = "imbrex/target/isa/avx512_vnni.h";
  t.flags = and_more(base.flags, {"-mavx512vnni"});
  const imbrex_cpu_feature vnni = {7, 0, 'c', 11};
  t.needs = and_more(base.needs, 0, {vnni});
  t.products = {{Product::i8, "i8", 12, 32, "avx512.i8"},
                {Product::i8, "i8_flipped", 12, 32, "avx512.i8_flipped"},
                {Product::u8i8, "u8i8", 12, 32, "avx512.u8i8"}};
  add_kernels_of(base, {Product::bf16, Product::f32}, t);
  t.units = {
      {Product::i8, "vpdpbusd"}, {Product::u8i8, "vpdpbusd"}, {Product::bf16, "vfmadd231ps"}, {Product::f32, "vfmadd231ps"}};
  return t;
}

Target avx512(const Target& vnni) {
  Target t = vnni;
  t.name = "avx512";
  t.description = "avx512-vnni-bf16";
  t.header = "imbrex/target/isa/avx512.h";
  t.flags = and_more(vnni.flags, {"-mavx512bf16"});
  const imbrex_cpu_feature bf16 = {7, 1, 'a', 5};
  t.needs = and_more(vnni.needs, 0, {bf16});
  const auto of_bf16 = [](const auto& each) { return each.product == Product::bf16; };
  t.products.insert(std::find_if(t.products.begin(), t.products.end(), of_bf16), {Product::bf16, "bf16", 12, 32});
  t.units.insert(std::find_if(t.units.begin(), t.units.end(), of_bf16), {Product::bf16, "vdpbf16ps"});
  return t;
}

// Bytes and bf16 on tile registers, from one row on: up to 8 rows bytes took as long as with vpdpbusd, where weights come from
// memory, and half the time at 16. Everything else as avx512.
Target amx(const Target& avx512) {
  Target t = avx512;
  t.name = "amx";
  t.description = "amx-int8-bf16, avx512-vnni-bf16";
  t.header = "imbrex/target/isa/amx.h";
  const imbrex_cpu_feature tile = {7, 0, 'd', 24}, int8 = {7, 0, 'd', 25}, bf16 = {7, 0, 'd', 22};
  constexpr uint32_t tile_data = 18;  // the state that Linux must be asked for
  t.needs = and_more(avx512.needs, kTileStates, {tile, int8, bf16}, tile_data);
  t.products = {{Product::i8, "i8_amx", 32, 32, "", true},
                {Product::u8i8, "u8i8_amx", 32, 32, "", true},
                {Product::bf16, "bf16_amx", 32, 32, "", true, "bf16_chains", 512}};
  add_kernels_of(avx512, {Product::f32}, t);
  t.units = {{Product::i8, "tdpbssd"}, {Product::u8i8, "tdpbusd"}, {Product::bf16, "tdpbf16ps"}, {Product::f32, "vfmadd231ps"}};
  return t;
}

// The NPUs' Vec is what is usable of it: the instruction library keeps the last 8 KiB to itself.
Target a2a3() {
  Target t;
  t.name = "a2a3";
  t.description = "Ascend 910B and 910C";
  t.memories = {{MemoryKind::vec, "Vec", 184 * kKiB},
                {MemoryKind::mat, "Mat", 512 * kKiB},
                {MemoryKind::left, "Left", 64 * kKiB},
                {MemoryKind::right, "Right", 64 * kKiB},
                {MemoryKind::acc, "Acc", 128 * kKiB}};
  t.cube_units = 24;
  t.vector_units = 48;
  t.exchanges_through_gm = true;
  return t;
}

Target a5() {
  Target t;
  t.name = "a5";
  t.description = "Ascend 950";
  t.memories = {{MemoryKind::vec, "Vec", 240 * kKiB},
                {MemoryKind::mat, "Mat", 512 * kKiB},
                {MemoryKind::left, "Left", 64 * kKiB},
                {MemoryKind::right, "Right", 64 * kKiB},
                {MemoryKind::acc, "Acc", 256 * kKiB}};
  t.cube_units = 36;
  t.vector_units = 72;
  return t;
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> table = [] {
    std::vector<Target> all;
    const auto add = [&](Target target) -> const Target& {
      for (ProductKernel& kernel : target.products) {
        if (kernel.rate.empty()) kernel.rate = target.name + "." + kernel.name;
        if (kernel.packing.empty()) kernel.packing = kernel.product == Product::u8i8 ? "i8" : name_of(kernel.product);
      }
      return all.emplace_back(std::move(target));
    };
    add(scalar());
    add(neon());
    const Target on_256_bits = add(avx2());
    add(avx2_vnni(on_256_bits));
    add(amx(add(avx512(add(avx512_vnni(add(avx512_base(on_256_bits))))))));
    add(a2a3());
    add(a5());
    return all;
  }();
  return table;
}

const char* name_of(Product product) {
  switch (product) {
    case Product::i8: return "i8";
    case Product::u8i8: return "u8i8";
    case Product::bf16: return "bf16";
    case Product::f32: return "f32";
  }
  return "?";
}

const Target* target_named(const std::string& name) {
  const auto& all = targets();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Target& target) { return name == target.name; });
  return found == all.end() ? nullptr : &*found;
}

const Target* target_with_code_named(const std::string& name) {
  const Target* target = target_named(name);
  return target && target->has_code() ? target : nullptr;
}

const Target* judged_target_named(const std::string& name) {
  if (name == "host") return &targets().front();
  const Target* target = target_named(name);
  return target && !target->has_code() ? target : nullptr;
}

std::vector<std::string> judged_target_names() {
  std::vector<std::string> names = {"host"};
  for (const Target& target : targets())
    if (!target.has_code()) names.push_back(target.name);
  return names;
}

std::vector<const Target*> targets_with_code() {
  std::vector<const Target*> result;
  for (const Target& target : targets())
    if (target.has_code()) result.push_back(&target);
  return result;
}

std::vector<const Target*> targets_of(imbrex_architecture architecture) {
  std::vector<const Target*> result = targets_with_code();
  std::erase_if(result, [&](const Target* target) {
    return target->needs.architecture != IMBREX_ANY_ARCHITECTURE && target->needs.architecture != architecture;
  });
  return result;
}

bool is_of_this_architecture(const Target& target) { return imbrex_is_of_this_architecture(&target.needs) != 0; }

const char* name_of(imbrex_architecture architecture) {
  switch (architecture) {
    case IMBREX_ANY_ARCHITECTURE: return "any";
    case IMBREX_X86_64: return "x86-64";
    case IMBREX_AARCH64: return "aarch64";
  }
  return "?";
}

const char* compiler_name_of(imbrex_architecture architecture) {
  switch (architecture) {
    case IMBREX_ANY_ARCHITECTURE: return "";
    case IMBREX_X86_64: return "x86_64";
    case IMBREX_AARCH64: return "aarch64";
  }
  return "";
}

uint16_t elf_machine_of(imbrex_architecture architecture) {
  switch (architecture) {
    case IMBREX_ANY_ARCHITECTURE: return EM_NONE;
    case IMBREX_X86_64: return EM_X86_64;
    case IMBREX_AARCH64: return EM_AARCH64;
  }
  return EM_NONE;
}

std::optional<imbrex_architecture> architecture_named(const std::string& name) {
  for (const imbrex_architecture each : kArchitectures)
    if (name == name_of(each)) return each;
  return std::nullopt;
}

bool runs_here(const Target& target) {
  static std::mutex mutex;
  static std::map<const Target*, bool> answers;
  const std::lock_guard lock(mutex);
  const auto [answer, is_new] = answers.try_emplace(&target, false);
  if (is_new) answer->second = target.has_code() && imbrex_runs_here(&target.needs) != 0;
  return answer->second;
}

const std::vector<const Target*>& supported_targets() {
  static const std::vector<const Target*> supported = [] {
    std::vector<const Target*> result = targets_with_code();
    std::erase_if(result, [](const Target* target) { return !runs_here(*target); });
    return result;
  }();
  return supported;
}

// From the best on: what a worse one needs is not asked for.
const Target& best_target() {
  const std::vector<const Target*> all = targets_with_code();
  return **std::find_if(all.rbegin(), all.rend(), [](const Target* target) { return runs_here(*target); });
}

std::vector<std::string> compiler_flags(const Target& target) {
  // First, because it undoes whatever flags before it relax, -ffast-math and its parts. The last two change no result: a square
  // root need not set errno, and no one reads the floating-point exception flags.
  std::vector<std::string> flags = {"-fno-fast-math", "-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"};
  flags.insert(flags.end(), target.flags.begin(), target.flags.end());
  return flags;
}

}  // namespace imbrex::target
