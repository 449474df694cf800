#include "imbrex/target/machines.h"

#include <algorithm>

namespace imbrex::target {

constexpr int64_t kKiB = 1024;

const std::vector<Machine>& machines() {
  // The NPUs' Vec is what is usable of it: the instruction library keeps the last 8 KiB to itself.
  static const std::vector<Machine> table = {
      {"host",
       "any CPU: a core's second-level cache stands for every memory",
       {{MemoryKind::vec, "cache", 1024 * kKiB}},
       0,
       0,
       false,
       false},
      {"a2a3",
       "Ascend 910B and 910C",
       {{MemoryKind::vec, "Vec", 184 * kKiB},
        {MemoryKind::mat, "Mat", 512 * kKiB},
        {MemoryKind::left, "Left", 64 * kKiB},
        {MemoryKind::right, "Right", 64 * kKiB},
        {MemoryKind::acc, "Acc", 128 * kKiB}},
       24,
       48,
       true,
       true},
      {"a5",
       "Ascend 950",
       {{MemoryKind::vec, "Vec", 240 * kKiB},
        {MemoryKind::mat, "Mat", 512 * kKiB},
        {MemoryKind::left, "Left", 64 * kKiB},
        {MemoryKind::right, "Right", 64 * kKiB},
        {MemoryKind::acc, "Acc", 256 * kKiB}},
       36,
       72,
       false,
       true},
  };
  return table;
}

const Machine* machine_named(const std::string& name) {
  const auto& all = machines();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Machine& machine) { return name == machine.name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace imbrex::target
