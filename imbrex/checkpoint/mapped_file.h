// A file as memory that is read from the disk where it is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace imbrex::checkpoint {

class MappedFile {
 public:
  // UserError "file-unreadable".
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  MappedFile& operator=(MappedFile&&) = delete;

  const std::byte* data() const { return static_cast<const std::byte*>(data_); }
  int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Reads these bytes of a mapped file, where they are not in memory yet, in as few steps as the system has.
void read_mapped(const std::byte* data, int64_t bytes);

}  // namespace imbrex::checkpoint
