// How fast a class of machines is: what the optimizer's estimates are made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imbrex/target/target.h"

namespace imbrex::target {

// Rates are of one core, per second, unless they say otherwise.
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

// The target's memories, or a core's second-level cache where only caches are there.
std::vector<OnChipMemory> memories_of(const Target& target);

}  // namespace imbrex::target
