#include "imbrex/checkpoint/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "imbrex/base/error.h"

namespace imbrex::checkpoint {
namespace {

[[noreturn]] void fail(const std::string& path, const char* action, int error) {
  throw UserError("file-unwritable", fmt::format("cannot write '{}': {}: {}", path, action, std::strerror(error)),
                  "a path in an existing folder that you may write to, with room on its disk");
}

// A file under a name that nobody else uses; removed again unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : target_(target) {
    static std::atomic<int> counter = 0;
    name_ = fmt::format("{}.partial-{}-{}", target, getpid(), counter++);
    descriptor_ = open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail(target_, "creating a file beside it", errno);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(name_.c_str());
  }

  void append(std::string_view part) {
    while (!part.empty()) {
      const ssize_t written = write(descriptor_, part.data(), part.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(target_, "writing", errno);
      part.remove_prefix(static_cast<size_t>(written));
    }
  }

  void become_target() {
    if (fsync(descriptor_) != 0) fail(target_, "flushing", errno);
    const int closed = close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail(target_, "closing", errno);
    if (rename(name_.c_str(), target_.c_str()) != 0) fail(target_, "renaming", errno);
    renamed_ = true;
  }

 private:
  std::string target_, name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

}  // namespace

void write_file_atomically(const std::string& path, const std::vector<std::string_view>& parts) {
  TemporaryFile file(path);
  for (std::string_view part : parts) file.append(part);
  file.become_target();
}

}  // namespace imbrex::checkpoint
