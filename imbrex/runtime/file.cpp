#include "imbrex/runtime/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace imbrex::runtime {

namespace fs = std::filesystem;

std::optional<std::string> read_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(bytes << file.rdbuf()))) return {};
  return std::move(bytes).str();
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return;
  const std::error_code reason(errno != 0 ? errno : EIO, std::generic_category());
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) fs::remove(path, ignored);
  throw fs::filesystem_error("cannot write", path, reason);
}

namespace {

// An empty file beside `path` under a name that nobody else uses; "" where there can be none.
std::string make_file_beside(const fs::path& path, Permission permission) {
  static std::atomic<unsigned> number = 0;
  for (int tries = 0; tries < 100; ++tries) {
    std::string name = fmt::format("{}.partial-{}-{}", path.string(), getpid(), number++);
    const int descriptor =
        open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permission == Permission::user ? 0600 : 0666);
    if (descriptor >= 0) {
      close(descriptor);
      return name;
    }
    if (errno != EEXIST) break;
  }
  return "";
}

}  // namespace

bool replace_file(const fs::path& path, const std::string& bytes, Permission permission) {
  const std::string beside = make_file_beside(path, permission);
  if (beside.empty()) return false;
  std::error_code error;
  try {
    write_file(beside, bytes);
    fs::rename(beside, path, error);
  } catch (const fs::filesystem_error& e) {
    error = e.code();
  }
  if (!error) return true;
  std::error_code ignored;
  fs::remove(beside, ignored);
  return false;
}

void flush_to_disk(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

fs::path make_unique_directory(const fs::path& parent, const std::string& prefix) {
  std::string path = (parent / (prefix + "XXXXXX")).string();
  if (mkdtemp(path.data()) == nullptr)
    throw fs::filesystem_error("cannot make a directory in", parent, std::error_code(errno, std::generic_category()));
  return path;
}

}  // namespace imbrex::runtime
