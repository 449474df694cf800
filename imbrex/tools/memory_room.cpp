#include "imbrex/tools/memory_room.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"
#include "imbrex/tools/memory_limit.h"

namespace imbrex::tools {
namespace {

std::string text_of(int64_t bytes) {
  if (bytes < 10 << 10) return fmt::format("{} bytes", bytes);
  if (bytes < 10 << 20) return fmt::format("{} KiB", (bytes + 1023) >> 10);
  return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20);
}

}  // namespace

MemoryRoom memory_room(const std::filesystem::path& root) {
  int64_t addresses = 0, resident = 0;  // in pages
  if (std::ifstream in(root / "proc/self/statm"); !(in >> addresses >> resident)) addresses = resident = 0;
  const int64_t page = sysconf(_SC_PAGE_SIZE);
  MemoryRoom room{memory_limit(root), resident * page};
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return room;
  const MemoryRoom of_addresses{static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, INT64_MAX)), addresses * page};
  return of_addresses.left() < room.left() ? of_addresses : room;
}

void require_room(const std::vector<MemoryNeed>& needs, const MemoryRoom& room) {
  int64_t sum = 0;
  std::string list;
  for (const MemoryNeed& need : needs) {
    sum = checked_add(sum, need.bytes).value_or(INT64_MAX);
    if (need.bytes > 0) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", need.what, text_of(need.bytes));
  }
  if (sum <= room.left()) return;
  throw UserError("out-of-memory",
                  fmt::format("{} are needed: {}; of the {} that this process may use it has {} already", text_of(sum), list,
                              text_of(room.limit), text_of(room.used)),
                  "smaller dimensions; a workspace is smaller with fewer --threads");
}

int64_t bytes_in(const std::map<std::string, Array>& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, array] : tensors) bytes += static_cast<int64_t>(array.bytes.size());
  return bytes;
}

}  // namespace imbrex::tools
