// How much memory this process may use.
#pragma once

#include <cstdint>
#include <filesystem>

namespace imbrex::tools {

// The machine's memory, or less where a control group that this process is in, of version 1 or 2, or one around that, has a
// limit. `root` has the folders proc and sys.
int64_t memory_limit(const std::filesystem::path& root = "/");

}  // namespace imbrex::tools
