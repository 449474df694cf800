#include "imbrex/base/digest.h"

#include <bit>
#include <cstring>

namespace imbrex {
namespace {

constexpr size_t kLanes = 8;  // independent, as one step waits for the one before

// Other states give other states, and other words, too. The word's product keeps apart what differs in its highest bits from what
// differs in bits of the next word, where the state's rotation would bring them.
uint64_t step(uint64_t state, uint64_t word) {
  return std::rotl(state + word * UINT64_C(0xc2b2ae3d27d4eb4f), 29) * UINT64_C(0x9fb21c651e98df25);
}

}  // namespace

uint64_t digest_of(const void* bytes, size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  const auto word_at = [&](size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, at, count);
    at += count;
    return word;
  };
  uint64_t lanes[kLanes];
  for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = step(size, lane + 1);
  size_t left = size;
  for (; left >= sizeof lanes; left -= sizeof lanes)
    for (uint64_t& lane : lanes) lane = step(lane, word_at(8));
  for (size_t lane = 0; left > 0; ++lane) {
    const size_t count = left < 8 ? left : 8;
    lanes[lane] = step(lanes[lane], word_at(count));
    left -= count;
  }
  uint64_t digest = 0;
  for (const uint64_t lane : lanes) digest = step(digest, lane);
  return digest ^ digest >> 32;
}

}  // namespace imbrex
