#include "imbrex/base/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <limits>

namespace imbrex {

AlignedBytes allocate_aligned(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLineBytes;
  if (bytes > std::numeric_limits<size_t>::max() - alignment) throw std::bad_alloc();
  const size_t capacity = bytes == 0 ? alignment : (bytes + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, capacity);
  if (data == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(data, capacity, MADV_HUGEPAGE);  // advice: where it is refused, pages are small
  return {data, capacity};
}

void free_aligned(void* data) { std::free(data); }

}  // namespace imbrex
