// The table of targets: what code is generated for and what kernels are judged against. Everything that differs between them is
// here as data, and everyone else iterates the table: detection, in this library and in libraries made ahead of time, compiler
// flags, the choice of product kernels, the command's options, CMake, probes and tests. A new instruction set is an entry here
// and a header in isa/ (docs/targets.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/target/detect.h"

namespace imbrex::target {

// Kinds of products of matrices, by the types of their operands: int8 or uint8 by int8, bf16 by bf16, f32 by f32.
enum class Product { i8, u8i8, bf16, f32 };
constexpr Product kProducts[] = {Product::i8, Product::u8i8, Product::bf16, Product::f32};
constexpr int kProductCount = 4;
const char* name_of(Product product);  // "i8", "u8i8", "bf16", "f32"

// One way to compute a kind of product. Those of one product differ in speed, never in bits.
struct ProductKernel {
  Product product;
  std::string name;          // its function in the target's header: matmul_<name>
  int rows, columns;         // of C, in registers at a time
  std::string rate = "";     // the figure of a machine's Rates that tells its speed: "<a target that has it>.<name>"
  bool takes_tiles = false;  // matmul_<name>_tiled takes A as tile registers load it (isa/matmul_tiles.h)
  std::string packing = "";  // pack_<packing> packs its right operand; else that of the product: pack_i8, pack_bf16, pack_f32
  int64_t k_at_once = 0;     // all rows of a call are multiplied by so much of k before the next part; 0: not used for tile sizes
  std::string function() const { return "matmul_" + name; }
};

// An instruction that multiplies and adds, for what a machine can do at most: whether or not a product kernel uses it.
struct Unit {
  Product product;
  std::string name;  // its function in the target's header: peak_<name> (isa/peak.h)
};

// Where tiles live. Vector operands and results in `vec`; matrix operands in `mat`, from where pieces stream through `left` and
// `right`; matrix results in `acc`.
enum class MemoryKind { vec, mat, left, right, acc };
constexpr int kMemoryKinds = 5;

struct OnChipMemory {
  MemoryKind kind;
  const char* name;
  int64_t bytes;
};

struct Target {
  std::string name;         // what --isa and --target take, and generated C headers have
  std::string description;  // what screens print

  // Code: generated only where there is a header.
  std::string header;              // "imbrex/target/isa/avx512.h"
  std::vector<std::string> flags;  // of the compiler, beyond those common to all
  imbrex_needs needs = {};
  int vector_bits = 0, vector_registers = 0;
  std::vector<ProductKernel> products;  // of each product at least one; the first where speeds do not decide
  std::vector<Unit> units;              // likewise, those that are the fastest somewhere

  // Memories that the tiles of a kernel must fit into; none for processors whose caches are advice alone (rates.h).
  std::vector<OnChipMemory> memories;
  int cube_units = 0, vector_units = 0;
  bool exchanges_through_gm = false;  // tiles between cube and vector units take the way through global memory

  bool has_code() const { return !header.empty(); }
  bool capacity_is_binding() const { return !memories.empty(); }
};

// Those with code first, from the one that runs everywhere to the best; of an architecture beside each other.
const std::vector<Target>& targets();
const Target* target_named(const std::string& name);            // null if there is none
const Target* target_with_code_named(const std::string& name);  // likewise
// Those without code, for judging kernels alone, and "host" for every target with code, as their caches are advice. Null if there
// is none.
const Target* judged_target_named(const std::string& name);
std::vector<std::string> judged_target_names();

std::vector<const Target*> targets_with_code();
// Of those, what one library can hold: code for this architecture, and what is for any.
std::vector<const Target*> targets_of(imbrex_architecture architecture);
bool is_of_this_architecture(const Target& target);     // or for any: the compiler of this machine compiles its code
const char* name_of(imbrex_architecture architecture);  // "x86-64"
// What compilers call it, as the first part of what they say for -dumpmachine; and its number in the header of an ELF file.
const char* compiler_name_of(imbrex_architecture architecture);
uint16_t elf_machine_of(imbrex_architecture architecture);
constexpr imbrex_architecture kArchitectures[] = {IMBREX_X86_64, IMBREX_AARCH64};
std::optional<imbrex_architecture> architecture_named(const std::string& name);  // none if there is none
// Whether this processor and operating system run its code. Asked once a process: the first time, Linux is asked to save the
// registers that the target needs and that it does not save for everybody (detect.h).
bool runs_here(const Target& target);
// All that run here, best last, and the best of them.
const std::vector<const Target*>& supported_targets();
const Target& best_target();

// What generated code means depends on these: "-ffp-contract=off", "-fwrapv" (index arithmetic that overflows wraps, as in the
// interpreter), ..., "-mavx512f", ... The optimization level is left to whoever compiles.
std::vector<std::string> compiler_flags(const Target& target);

}  // namespace imbrex::target
