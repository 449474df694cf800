// A file as memory that is read from the disk where it is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace imbrex::checkpoint {

// By what it is seen that a file is not the one that it was.
struct FileStamp {
  int64_t bytes = 0, modified_ns = 0, changed_ns = 0;  // times since 1970; of its bytes, and of it or what the system says of it
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
// Of a file that stands there; zeros where there is none.
FileStamp stamp_of(const std::string& path);

class MappedFile {
 public:
  // UserError "file-unreadable".
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept : data_(other.data_), stamp_(other.stamp_) { other.data_ = nullptr; }
  MappedFile& operator=(MappedFile&&) = delete;

  const std::byte* data() const { return static_cast<const std::byte*>(data_); }
  int64_t bytes() const { return stamp_.bytes; }
  const FileStamp& stamp() const { return stamp_; }  // when it was mapped

 private:
  void* data_ = nullptr;
  FileStamp stamp_;
};

// Reads these bytes of a mapped file, where they are not in memory yet, in as few steps as the system has.
void read_mapped(const std::byte* data, int64_t bytes);

}  // namespace imbrex::checkpoint
