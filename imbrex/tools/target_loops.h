// The loops of one target that a machine is measured by, behind function pointers. Each target's are made in a source file
// compiled for it, which CMake writes from the table of targets; what calls them is not, so that it runs on any CPU.
#pragma once

#include <stdint.h>

namespace imbrex::tools {

// An instruction from registers (target/isa/peak.h): returns the multiply-adds done.
struct UnitLoop {
  const char* name;
  double (*run)(int64_t steps);
};
// A product kernel on operands that it keeps in the L2 cache: returns the multiply-adds done.
struct KernelLoop {
  const char* name;
  void (*prepare)(char* memory);  // kKernelLoopBytes, aligned to 64
  double (*run)(char* memory);    // after prepare()
};
constexpr int64_t kKernelLoopBytes = 1 << 20;

struct TargetLoops {
  const char* target;
  const UnitLoop* units;  // lists end with a null name
  const KernelLoop* kernels;
  double (*vector)(int64_t steps);                    // f32 operations, element by element, from registers
  void (*read)(const char* memory, int64_t bytes);    // from a near cache
  void (*stream)(const char* memory, int64_t bytes);  // from further away
};

// Of every target that code is generated for; ends with null.
extern const TargetLoops* const kTargetLoops[];

}  // namespace imbrex::tools
