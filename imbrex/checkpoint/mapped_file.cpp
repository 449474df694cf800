#include "imbrex/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "imbrex/base/error.h"

namespace imbrex::checkpoint {
namespace {

FileStamp stamp_of(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return {status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? stamp_of(status) : FileStamp{};
}

MappedFile::MappedFile(const std::string& path) {
  const auto fail = [&](const char* action) {
    const int error = errno;
    throw UserError("file-unreadable", fmt::format("cannot read '{}': {}: {}", path, action, std::strerror(error)),
                    "the path of an existing, readable file");
  };
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0) close(number);
    }
  } const file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) fail("opening it");
  struct stat status {};
  if (fstat(file.number, &status) != 0) fail("its size");
  stamp_ = stamp_of(status);
  if (bytes() == 0) return;
  void* memory = mmap(nullptr, static_cast<size_t>(bytes()), PROT_READ, MAP_PRIVATE, file.number, 0);
  if (memory == MAP_FAILED) fail("mapping it into memory");
  data_ = memory;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes()));
}

void read_mapped(const std::byte* data, int64_t bytes) {
  if (bytes <= 0) return;
  const int64_t page = sysconf(_SC_PAGESIZE),
                into_page = static_cast<int64_t>(reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(page));
  const std::byte* begin = data - into_page;
  bytes += into_page;
  const auto advise = [&](int advice) { return madvise(const_cast<std::byte*>(begin), static_cast<size_t>(bytes), advice) == 0; };
#ifdef MADV_POPULATE_READ
  if (advise(MADV_POPULATE_READ)) return;
#endif
  // Of older systems.
  advise(MADV_WILLNEED);
  unsigned char touched = 0;
  for (int64_t i = 0; i < bytes; i += page) touched ^= *reinterpret_cast<const volatile unsigned char*>(begin + i);
  static_cast<void>(touched);
}

}  // namespace imbrex::checkpoint
