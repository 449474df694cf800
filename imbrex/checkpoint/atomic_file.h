// Writes a file completely or not at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace imbrex::checkpoint {

// Writes the parts one after the other under a temporary name beside `path`, flushes them to the disk, and renames. A reader sees
// the old file or the whole new one. Throws UserError "file-unwritable", and leaves nothing behind then.
void write_file_atomically(const std::string& path, const std::vector<std::string_view>& parts);

}  // namespace imbrex::checkpoint
