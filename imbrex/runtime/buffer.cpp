#include "imbrex/runtime/buffer.h"

#include "imbrex/base/memory.h"

namespace imbrex::runtime {

Buffer::~Buffer() { free_aligned(data_); }

void Buffer::grow_to(size_t bytes) {
  if (bytes > capacity_ || data_ == nullptr) {
    const AlignedBytes memory = allocate_aligned(bytes);
    free_aligned(data_);
    data_ = memory.data;
    capacity_ = memory.bytes;
  }
  size_ = bytes;
}

}  // namespace imbrex::runtime
