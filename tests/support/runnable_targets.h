// The targets whose generated code tests can run on this machine: those that it runs, and those that lack nothing but tile
// registers, whose instructions are then plain C++ (target/isa/tiles.h).
#pragma once

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "imbrex/target/rates.h"

namespace imbrex::test {

inline bool has_tiles(const target::Target& target) {
  return std::any_of(target.products.begin(), target.products.end(), [](const auto& kernel) { return kernel.takes_tiles; });
}

// Also where the instructions are there, if IMBREX_TILES_IN_SOFTWARE is in the environment, or a sanitizer is to see what they
// load and store.
inline bool takes_tiles_in_software(const target::Target& target) {
  const auto& supported = target::supported_targets();
  const bool is_supported = std::find(supported.begin(), supported.end(), &target) != supported.end();
  const bool is_watched = *IMBREX_SANITIZE != 0 || std::getenv("IMBREX_TILES_IN_SOFTWARE") != nullptr;
  return has_tiles(target) && (!is_supported || is_watched);
}

inline std::vector<const target::Target*> runnable_targets() {
  const auto& supported = target::supported_targets();
  std::vector<const target::Target*> result;
  for (const target::Target* target : target::targets_with_code()) {
    const bool lacks_tiles_alone = has_tiles(*target) && std::any_of(supported.begin(), supported.end(), [&](const auto* other) {
                                     return target::compiler_flags(*other) == target::compiler_flags(*target);
                                   });
    if (lacks_tiles_alone || std::find(supported.begin(), supported.end(), target) != supported.end()) result.push_back(target);
  }
  return result;
}

// Two of so many targets, all of them by turns: for tests that see many programs, of which each need not run on every target. All
// of them if IMBREX_ALL_TARGETS is in the environment.
inline std::vector<const target::Target*> by_turns(const std::vector<const target::Target*>& all, uint64_t turn) {
  if (all.size() <= 2 || std::getenv("IMBREX_ALL_TARGETS")) return all;
  return {all[turn % all.size()], all[(turn + 1) % all.size()]};
}

inline bool is_turn_of(const target::Target* target, const std::vector<const target::Target*>& all, uint64_t turn) {
  const std::vector<const target::Target*> those = by_turns(all, turn);
  return std::find(those.begin(), those.end(), target) != those.end();
}

// On one of the classes of machines, which differ in the product kernels that they choose.
inline target::Machine machine_by(uint64_t seed, const target::Target& target) {
  const auto& classes = target::machine_classes();
  return {target, classes[seed % classes.size()].rates};
}

}  // namespace imbrex::test
