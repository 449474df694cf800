// A number that stands for bytes: where others are compared with them, and where they may have been damaged. Any change inside of
// 8 bytes in a row is seen; of others one in 2^64 is not. No defence against who makes another text of the same digest on purpose.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imbrex {

// Reads about as fast as memory is.
uint64_t digest_of(const void* bytes, size_t size);

}  // namespace imbrex
