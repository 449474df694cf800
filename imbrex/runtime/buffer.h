// Memory for tensors, packed weights and workspaces: owned, 64-byte aligned.
#pragma once

#include <cstddef>
#include <utility>

namespace imbrex::runtime {

constexpr size_t kAlignment = 64;

class Buffer {
 public:
  Buffer() = default;
  // Not initialised. 2 MiB and more is aligned to, and advised as, huge pages: weights are read by rows far apart.
  explicit Buffer(size_t bytes) { grow_to(bytes); }
  ~Buffer();
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  void* data() const { return data_; }
  size_t size() const { return size_; }  // as asked for
  // Makes room for `bytes`. Keeps the memory if it is large enough; otherwise contents are lost. Throws std::bad_alloc.
  void grow_to(size_t bytes);

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace imbrex::runtime
