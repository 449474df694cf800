#include "imbrex/runtime/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <limits>
#include <new>

namespace imbrex::runtime {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

Buffer::~Buffer() { std::free(data_); }

void Buffer::grow_to(size_t bytes) {
  if (bytes > capacity_ || data_ == nullptr) {
    const size_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
    if (bytes > std::numeric_limits<size_t>::max() - alignment) throw std::bad_alloc();
    const size_t capacity = bytes == 0 ? alignment : (bytes + alignment - 1) / alignment * alignment;
    void* data = std::aligned_alloc(alignment, capacity);
    if (data == nullptr) throw std::bad_alloc();
    if (alignment == kHugePage) madvise(data, capacity, MADV_HUGEPAGE);  // advice: where it is refused, pages are small
    std::free(data_);
    data_ = data;
    capacity_ = capacity;
  }
  size_ = bytes;
}

}  // namespace imbrex::runtime
