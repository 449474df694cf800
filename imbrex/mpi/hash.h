// A number that stands for bytes, which ranks compare in their place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imbrex::mpi {

// FNV-1a.
inline uint64_t hash_of(const void* bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3u;
  return hash;
}

}  // namespace imbrex::mpi
