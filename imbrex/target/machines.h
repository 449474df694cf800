// Machine classes as tables: memories and units. Kernels are judged against them by `check`; the host's are advice to the
// scheduler.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace imbrex::target {

// Where tiles live. Vector operands and results in `vec`; matrix operands in `mat`, from where pieces stream through `left` and
// `right`; matrix results in `acc`.
enum class MemoryKind { vec, mat, left, right, acc };
constexpr int kMemoryKinds = 5;

struct OnChipMemory {
  MemoryKind kind;
  const char* name;
  int64_t bytes;
};

// How fast a class of CPUs is: what the optimizer's estimates are made of. Rates are of one core, per second, unless they say
// otherwise.
struct Rates {
  std::string name;                          // of the class, or of the file that `imbrex calibrate` wrote
  int cores = 2;                             // that estimates are made for
  double bf16 = 0, int8 = 0, f32 = 0;        // multiply-adds of products of matrices
  double vector = 0;                         // f32 operations, element by element
  double second_cache = 0, third_cache = 0;  // bytes read
  double memory = 0, memory_of_all = 0;      // bytes read, by one core and by all together
  int64_t second_cache_bytes = 0;            // of a core
  int64_t third_cache_bytes = 0;             // of all
  double barrier = 0, task = 0;              // seconds that a barrier, and handing out a task, take
};
// The class that programs are made for unless another is given, so that a program is the same on every host.
const Rates& default_rates();
// One `name value` on each line; `#` starts a comment. UserError "machine-file" where a rate is missing, unknown or not positive.
Rates read_rates(const std::string& path);
std::string text_of(const Rates& rates);

struct Machine {
  const char* name;
  const char* description;
  std::vector<OnChipMemory> memories;
  int cube_units = 0, vector_units = 0;
  bool exchanges_through_gm = false;  // tiles between cube and vector units take the way through global memory
  bool capacity_is_binding = false;   // false: caches, whose size is advice
};

// "host", "a2a3", "a5"
const std::vector<Machine>& machines();
const Machine* machine_named(const std::string& name);  // null if there is none

}  // namespace imbrex::target
