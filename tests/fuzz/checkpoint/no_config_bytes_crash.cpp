// Whatever a config holds, reading it succeeds or throws UserError.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/model_config.h"
#include "support/model_configs.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

bool is_read(const tests::TemporaryFolder& folder, const std::string& text) {
  tests::write_text(folder.file("config.json"), text);
  try {
    const ModelConfig config = read_config(folder.file("config.json"));
    for (size_t layer = 0; layer < config.compress_ratios.size(); ++layer) config.rope_of(static_cast<int64_t>(layer));
    return true;
  } catch (const UserError&) {
    return false;
  }
}

TEST(ConfigFuzz, cut_short) {
  const tests::TemporaryFolder folder;
  const std::string good = tests::flash_config();
  ASSERT_TRUE(is_read(folder, good));
  for (size_t size = 0; size < good.size(); size += 3) EXPECT_FALSE(is_read(folder, good.substr(0, size))) << size;
}

// Tokens of JSON in place of others, which mostly leaves JSON.
TEST(ConfigFuzz, tokens_are_exchanged) {
  const tests::TemporaryFolder folder;
  const std::string good = tests::flash_config();
  const std::string tokens[] = {
      "0", "-1", "1e999", "1e-999", "null", "true", "[]", "{}", "\"\"", "99999999999999999999", "-9223372036854775808"};
  int read = 0, tried = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    std::mt19937 random(seed);
    std::string text = good;
    for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t colon = text.find(':', random() % text.size());
      if (colon == std::string::npos) continue;
      const size_t end = text.find_first_of(",}]", colon);
      text.replace(colon + 1, end - colon - 1, tokens[random() % std::size(tokens)]);
    }
    ++tried;
    read += is_read(folder, text);
  }
  EXPECT_GT(read, tried / 100);
  EXPECT_LT(read, tried / 2);
}

}  // namespace
}  // namespace imbrex::checkpoint
