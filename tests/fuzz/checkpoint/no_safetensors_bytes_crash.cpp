// Whatever a file holds, reading it succeeds or throws UserError; nothing else escapes, and memory stays in proportion to the
// file.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using tests::read_text;
using tests::TemporaryFolder;
using tests::write_text;

std::string good_file(const TemporaryFolder& folder) {
  write_safetensors(folder.file("good"),
                    {{"x", Array::zeros(DType::bf16, {3, 4})},
                     {"norm_w", Array::zeros(DType::f32, {4})},
                     {"q", Array::zeros(DType::int8, {2})}},
                    {{"made by", "a test"}});
  return read_text(folder.file("good"));
}

bool is_read(const TemporaryFolder& folder, const std::string& bytes) {
  write_text(folder.file("fuzzed"), bytes);
  try {
    read_safetensors(folder.file("fuzzed"));
    return true;
  } catch (const UserError&) {
    return false;
  }
}

TEST(SafetensorsFuzz, cut_at_every_byte) {
  const TemporaryFolder folder;
  const std::string good = good_file(folder);
  ASSERT_TRUE(is_read(folder, good));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(is_read(folder, good.substr(0, size))) << size;
}

TEST(SafetensorsFuzz, every_byte_replaced) {
  const TemporaryFolder folder;
  const std::string good = good_file(folder);
  uint64_t header_bytes;
  std::memcpy(&header_bytes, good.data(), 8);
  for (size_t at = 0; at < 8 + header_bytes; ++at)
    for (int value : {0, 1, int('"'), int('-'), int('0'), int('9'), int('['), int('}'), 0x7f, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      is_read(folder, bytes);
    }
}

TEST(SafetensorsFuzz, random_edits_by_seed) {
  const TemporaryFolder folder;
  const std::string good = good_file(folder);
  int read = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = good;
    for (uint32_t edits = 1 + random() % 4; edits > 0; --edits) {
      const size_t at = random() % bytes.size();
      const std::string piece = bytes.substr(random() % bytes.size(), random() % 30);
      if (random() % 3 == 0)
        bytes.insert(at, piece);
      else if (random() % 2 == 0)
        bytes.erase(at, random() % 30);
      else
        bytes[at] = static_cast<char>(random());
      if (bytes.empty()) bytes = " ";
    }
    read += is_read(folder, bytes);
  }
  EXPECT_LT(read, 1000);  // most edits break the file, and are seen to
}

}  // namespace
}  // namespace imbrex::checkpoint
