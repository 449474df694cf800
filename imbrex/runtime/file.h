// Whole files, read, written, and flushed to disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace imbrex::runtime {

// The bytes of a file; empty if it cannot be read.
std::optional<std::string> read_file(const std::filesystem::path& path);
// Throws std::filesystem::filesystem_error where not every byte could be written, and leaves no part of a file.
void write_file(const std::filesystem::path& path, const std::string& bytes);
// Who may use a new file: this user alone, or whoever the process's umask lets.
enum class Permission { user, umask };
// Writes beside the file, then renames: readers see the old or the new bytes. False where that is not possible.
bool replace_file(const std::filesystem::path& path, const std::string& bytes, Permission permission = Permission::user);
// Flushes a file or a directory to disk, as far as the file system does that.
void flush_to_disk(const std::filesystem::path& path);
// A new empty directory <parent>/<prefix>XXXXXX that only this user can enter. Throws std::filesystem::filesystem_error.
std::filesystem::path make_unique_directory(const std::filesystem::path& parent, const std::string& prefix);

}  // namespace imbrex::runtime
