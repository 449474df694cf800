// Memory for tensors: it begins at a cache line, and large pieces ask for huge pages, so that rows far apart need few entries of
// the processor's address tables.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace imbrex {

constexpr size_t kCacheLineBytes = 64;

struct AlignedBytes {
  void* data;
  size_t bytes;  // at least what was asked for
};
// To be given back with free_aligned(). Throws std::bad_alloc.
AlignedBytes allocate_aligned(size_t bytes);
void free_aligned(void* data);

template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT(google-explicit-constructor): the standard asks for it
  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(allocate_aligned(count * sizeof(T)).data);
  }
  void deallocate(T* data, size_t) { free_aligned(data); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace imbrex
