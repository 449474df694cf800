// Whatever the files of a checkpoint hold, reading a layer succeeds or throws UserError.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/front_layer.h"
#include "support/small_checkpoint.h"

namespace imbrex::checkpoint {
namespace {

// Touches every byte of the layer.
bool is_read(const tests::TemporaryFolder& folder) {
  try {
    Checkpoint checkpoint(folder.path());
    const FrontLayer layer = front_layer(checkpoint, 0);
    unsigned sum = 0;
    for (const MappedTensor* tensor :
         {&layer.attn_norm, &layer.q_norm, &layer.kv_norm, &layer.wq_a.weight, &layer.wq_b.weight, &layer.wkv.weight})
      for (int64_t i = 0; i < tensor->bytes; ++i) sum += static_cast<unsigned>(tensor->data[i]);
    EXPECT_GT(sum, 0u);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

TEST(CheckpointFuzz, random_edits_of_each_file) {
  const tests::TemporaryFolder folder;
  tests::SmallCheckpoint files;
  files.write(folder);
  ASSERT_TRUE(is_read(folder));
  for (const char* name :
       {"config.json", "model.safetensors.index.json", tests::SmallCheckpoint::weights, tests::SmallCheckpoint::scales}) {
    const std::string good = tests::read_text(folder.file(name));
    int read = 0;
    for (uint32_t seed = 0; seed < 400; ++seed) {
      std::mt19937 random(seed);
      std::string bytes = good;
      // What comes first says what the rest is.
      const size_t reach = random() % 4 == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 1500);
      for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
        const size_t at = random() % std::min(reach, bytes.size());
        if (random() % 4 == 0)
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 30));
        else if (random() % 3 == 0)
          bytes.erase(at, random() % 30);
        else
          bytes[at] = random() % 2 == 0 ? static_cast<char>(random()) : "0123456789[]{}\",:"[random() % 17];
        if (bytes.empty()) bytes = " ";
      }
      tests::write_text(folder.file(name), bytes);
      read += is_read(folder);
    }
    EXPECT_LT(read, 300) << name;  // most edits break the file, and are seen to
    tests::write_text(folder.file(name), good);
  }
  EXPECT_TRUE(is_read(folder));
}

}  // namespace
}  // namespace imbrex::checkpoint
