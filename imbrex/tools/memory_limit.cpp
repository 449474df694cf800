#include "imbrex/tools/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace imbrex::tools {
namespace {

// The least number in files of this name in `group`, a path below `mount`, and in each folder around it up to `mount`. Groups of
// a container may be mounted without the path that the kernel names: what is not there limits nothing.
int64_t least_limit(const std::filesystem::path& mount, std::filesystem::path group, const char* file, int64_t least) {
  for (group = group.relative_path();; group = group.parent_path()) {
    int64_t limit = 0;
    if (std::ifstream in(mount / group / file); in >> limit) least = std::min(least, limit);  // not a number: "max"
    if (group.empty()) return least;
  }
}

}  // namespace

int64_t memory_limit(const std::filesystem::path& root) {
  int64_t least = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  const std::filesystem::path groups = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "4:memory:/path", or "0::/path" of version 2
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",", group = line.substr(second + 1);
    if (controllers == ",,")
      for (const auto& mount : {groups, groups / "unified"}) least = least_limit(mount, group, "memory.max", least);
    if (controllers.find(",memory,") != std::string::npos)
      least = least_limit(groups / "memory", group, "memory.limit_in_bytes", least);
  }
  return least;
}

}  // namespace imbrex::tools
