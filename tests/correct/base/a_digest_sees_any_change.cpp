#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "imbrex/base/digest.h"

namespace imbrex::tests {
namespace {

TEST(Digest, SeesEachByteAndTheLength) {
  std::mt19937 random(3);
  for (const size_t size : {0, 1, 7, 8, 9, 63, 64, 65, 200}) {
    std::vector<unsigned char> bytes(size);
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
    std::set<uint64_t> digests = {digest_of(bytes.data(), size)};
    EXPECT_EQ(digests.count(digest_of(bytes.data(), size)), 1u);
    for (size_t i = 0; i < size; ++i)
      for (int bit = 0; bit < 8; ++bit) {
        bytes[i] = static_cast<unsigned char>(bytes[i] ^ 1 << bit);
        digests.insert(digest_of(bytes.data(), size));
        bytes[i] = static_cast<unsigned char>(bytes[i] ^ 1 << bit);
      }
    if (size > 0) digests.insert(digest_of(bytes.data(), size - 1));
    EXPECT_EQ(digests.size(), 1 + 8 * size + (size > 0)) << size;
  }
  std::set<uint64_t> of_zeros;
  const std::vector<unsigned char> zeros(300);
  for (size_t size = 0; size <= zeros.size(); ++size) of_zeros.insert(digest_of(zeros.data(), size));
  EXPECT_EQ(of_zeros.size(), 301u);
}

// The highest bits of words that one lane reads: a product alone would keep them apart from all others.
TEST(Digest, SeesChangesThatLieAlike) {
  std::vector<unsigned char> bytes(256);
  const uint64_t whole = digest_of(bytes.data(), bytes.size());
  for (const size_t i : {7, 71, 135}) {
    bytes[i] = 128;
    bytes[i + 64] = 128;
    EXPECT_NE(digest_of(bytes.data(), bytes.size()), whole) << i;
    bytes[i] = bytes[i + 64] = 0;
  }
}

}  // namespace
}  // namespace imbrex::tests
