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
