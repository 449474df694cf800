#include <gtest/gtest.h>

#include <cmath>

#include "imbrex/checkpoint/rope.h"
#include "support/model_configs.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

ModelConfig flash() {
  const tests::TemporaryFolder folder;
  tests::write_text(folder.file("config.json"), tests::flash_config());
  return read_config(folder.file("config.json"));
}

// Given with eight digits, and computed in f32: within two units in the last place of f32, and half a unit of the eighth digit.
void expect_near(float found, double given) { EXPECT_NEAR(found, given, given * (2 * 0x1p-23 + 5e-8)); }

// 65536 positions make 32 turns at pair 15.45 and one at 24.71: pairs to 15 keep their frequency, those from 25 on have a 16th of
// it.
TEST(Rope, frequencies_of_compressed_layers) {
  const std::vector<float> f = rope_frequencies(flash().rope_of(2), 64);
  ASSERT_EQ(f.size(), 32u);
  EXPECT_EQ(f[0], 1.0f);
  expect_near(f[15], .0036355386);
  expect_near(f[16], .0022656250);
  expect_near(f[20], 2.9697778e-4);
  expect_near(f[24], 1.9531250e-5);
  expect_near(f[25], 5.3723127e-6);
  expect_near(f[31], 5.6805290e-7);
  const std::vector<float> plain = rope_frequencies({160000, std::nullopt}, 64);
  for (size_t pair = 0; pair <= 15; ++pair) EXPECT_EQ(f[pair], plain[pair]) << pair;
  for (size_t pair = 25; pair < 32; ++pair) EXPECT_EQ(f[pair], plain[pair] / 16) << pair;
}

TEST(Rope, frequencies_of_other_layers_have_no_yarn) {
  const std::vector<float> f = rope_frequencies(flash().rope_of(0), 64);
  for (size_t pair = 0; pair < 32; ++pair) expect_near(f[pair], std::pow(10000.0, -static_cast<double>(pair) / 32));
  EXPECT_EQ(rope_frequencies(flash().rope_of(43), 64), f);
}

// The ramp between the kept and the divided would have no width.
TEST(Rope, a_ramp_has_a_width) {
  const RopeRegime regime{10000, Yarn{4, 2, 2, 4}};  // two turns at pair -0.5: from 0 to 0
  for (const float frequency : rope_frequencies(regime, 8)) EXPECT_TRUE(std::isfinite(frequency));
}

TEST(Rope, rotations_are_of_the_f32_product) {
  const RopeRegime regime = flash().compressed.value();
  const std::vector<float> f = rope_frequencies(regime, 64);
  const int64_t positions[] = {0, 1, 127, 65536, 1000003};
  const Rotations rotations = rotations_at(positions, regime, 64);
  EXPECT_EQ(rotations.cosines.shape, (std::vector<int64_t>{5, 32}));
  double furthest = 0;
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t pair = 0; pair < 32; ++pair) {
      const float angle = static_cast<float>(positions[row]) * f[static_cast<size_t>(pair)];
      const float cosine = rotations.cosines.as<float>()[row * 32 + pair], sine = rotations.sines.as<float>()[row * 32 + pair];
      EXPECT_NEAR(cosine, std::cos(double{angle}), 0x1p-24);
      EXPECT_NEAR(sine, std::sin(double{angle}), 0x1p-24);
      EXPECT_NEAR(cosine * cosine + sine * sine, 1, 1e-6);
      const double exact = static_cast<double>(positions[row]) * double{f[static_cast<size_t>(pair)]};
      furthest = std::max(furthest, std::fabs(exact - double{angle}));
    }
  EXPECT_GT(furthest, 0.005);  // in a product without the rounding to f32, results are others
}

TEST(Rope, no_positions) { EXPECT_EQ(rotations_at({}, {10000, std::nullopt}, 64).cosines.size(), 0); }

}  // namespace
}  // namespace imbrex::checkpoint
