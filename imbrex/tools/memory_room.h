// Whether memory that is about to be taken is there, so that a command ends with an error and not with a signal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::tools {

struct MemoryRoom {
  int64_t limit = 0, used = 0;  // bytes that this process may use, and those that it has
  int64_t left() const { return limit > used ? limit - used : 0; }
};

// Of memory_limit() and the process's resident memory; or of its addresses, where `ulimit -v` leaves less of these. `root` has
// the folders proc and sys.
MemoryRoom memory_room(const std::filesystem::path& root = "/");

struct MemoryNeed {
  std::string what;
  int64_t bytes = 0;
};

// UserError "out-of-memory", which lists the needs, if the room that is left has not so many bytes.
void require_room(const std::vector<MemoryNeed>& needs, const MemoryRoom& room = memory_room());

int64_t bytes_in(const std::map<std::string, Array>& tensors);

}  // namespace imbrex::tools
