#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/inspect.h"
#include "imbrex/checkpoint/make_checkpoint.h"
#include "support/model_configs.h"
#include "support/stored_matrices.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using tests::TemporaryFolder;

void make(const TemporaryFolder& folder, const std::string& preset, int64_t first, int64_t last, uint64_t seed = 1) {
  make_checkpoint(folder.path(), {preset, first, last, seed}, [](int64_t) {});
}

TEST(MadeCheckpoint, has_the_published_config) {
  const TemporaryFolder folder, published;
  make(folder, "flash", 43, 43);
  tests::write_text(published.file("config.json"), tests::flash_config());
  const ModelConfig made = read_config(folder.file("config.json")), config = read_config(published.file("config.json"));
  EXPECT_EQ(text_of(made), text_of(config));
  EXPECT_EQ(made.compress_ratios, config.compress_ratios);
  for (const int64_t layer : {0, 2, 43}) EXPECT_EQ(text_of(made.rope_of(layer)), text_of(config.rope_of(layer)));
}

TEST(MadeCheckpoint, of_each_preset_is_read) {
  for (const auto& [preset, text] :
       {std::pair("pro",
                  "deepseek_v4: D 7168, 128 heads of 512 (64 rotated), latent 1536, eps 1e-06, 61 layers, blocks of 128 x 128"),
        {"v4.1-flash",
         "deepseek_v41: D 5120, 64 heads of 512 (64 rotated), latent 1280, eps 1e-20, 40 layers, blocks of 32 x 32"},
        {"tiny", "deepseek_v4: D 512, 4 heads of 512 (64 rotated), latent 256, eps 1e-06, 4 layers, blocks of 128 x 128"}}) {
    const TemporaryFolder folder;
    make(folder, preset, 2, 2);
    Checkpoint checkpoint(folder.path());
    EXPECT_EQ(text_of(checkpoint.config()), text);
    EXPECT_EQ(inspect_layer(checkpoint, 2).problem, "");
    EXPECT_FALSE(inspect_layer(checkpoint, 1).is_there);
  }
}

// Such layers lack wkv and kv_norm, as the config says, and are refused by a name that says whose they use.
TEST(MadeCheckpoint, of_layers_that_share_keys_and_values_says_whose) {
  const TemporaryFolder folder;
  make(folder, "v4.1-flash", 8, 9);
  Checkpoint checkpoint(folder.path());
  const ModelConfig& config = checkpoint.config();
  EXPECT_EQ(config.kv_sources, (std::vector<int64_t>{2, 8, 14, 20}));
  for (const auto& [layer, source] : {std::pair(0, 0), {1, 1}, {2, 2}, {7, 2}, {8, 8}, {13, 8}, {14, 14}, {39, 20}, {40, 40}})
    EXPECT_EQ(config.kv_layer_of(layer), source) << layer;
  EXPECT_EQ(inspect_layer(checkpoint, 8).kv_layer, 8);
  EXPECT_EQ(inspect_layer(checkpoint, 8).tensors.size(), 9u);
  const InspectedLayer sharing = inspect_layer(checkpoint, 9);
  EXPECT_EQ(sharing.problem, "");
  EXPECT_TRUE(sharing.is_there);
  EXPECT_EQ(sharing.kv_layer, 8);
  EXPECT_EQ(sharing.tensors.size(), 6u);
  EXPECT_NO_THROW(front_layer(checkpoint, 8));
  EXPECT_EQ(front_layer_with_or_without_kv(checkpoint, 9).wkv.rows, 0);
  try {
    front_layer(checkpoint, 9);
    ADD_FAILURE() << "it has no keys and values";
  } catch (const UserError& error) {
    const Diagnostic& diagnostic = error.diagnostics().front();
    EXPECT_EQ(diagnostic.id, "tensor-missing");
    EXPECT_NE(
        diagnostic.message.find("layer 9 of '" + folder.path() + "' has no keys and values of its own: it uses those of layer 8"),
        std::string::npos)
        << diagnostic.message;
    EXPECT_EQ(diagnostic.hint, "--layer 8, which has them");
  }
}

// What the config says is shared and is there all the same is the layer's own; what is missing otherwise is missing.
TEST(MadeCheckpoint, with_keys_and_values_in_spite_of_its_config_has_them) {
  const TemporaryFolder folder;
  make(folder, "tiny", 1, 2);
  nlohmann::json config = nlohmann::json::parse(tests::read_text(folder.file("config.json")));
  config["kv_source_layer_ids"] = {1};
  tests::write_text(folder.file("config.json"), config.dump());
  Checkpoint checkpoint(folder.path());
  EXPECT_EQ(checkpoint.config().kv_layer_of(2), 1);
  EXPECT_EQ(inspect_layer(checkpoint, 2).kv_layer, 2);
  EXPECT_NO_THROW(front_layer(checkpoint, 2));
  for (const nlohmann::json& wrong :
       {nlohmann::json{2, 1}, nlohmann::json{1, 1}, nlohmann::json{4}, nlohmann::json{-1}, nlohmann::json(3)}) {
    config["kv_source_layer_ids"] = wrong;
    tests::write_text(folder.file("config.json"), config.dump());
    EXPECT_THROW(Checkpoint(folder.path()), UserError) << wrong;
  }
}

TEST(MadeCheckpoint, has_weights_of_the_seed_and_the_layer_alone) {
  const TemporaryFolder one, all, other;
  make(one, "tiny", 1, 1);
  make(all, "tiny", 0, 4);
  make(other, "tiny", 1, 1, 2);
  const auto bytes = [](const TemporaryFolder& folder, int64_t layer) {
    Checkpoint checkpoint(folder.path());
    const FrontLayer front = front_layer(checkpoint, layer);
    std::string text;
    for (const MappedTensor* tensor :
         {&front.attn_norm, &front.wq_a.weight, &*front.wq_a.scale, &front.wq_b.weight, &*front.wq_b.scale})
      text.append(reinterpret_cast<const char*>(tensor->data), static_cast<size_t>(tensor->bytes));
    return text;
  };
  EXPECT_EQ(bytes(one, 1), bytes(all, 1));
  EXPECT_NE(bytes(one, 1), bytes(other, 1));
  EXPECT_NE(bytes(all, 1), bytes(all, 2));
}

// A row of weights has a norm near one, and a block reaches e4m3's largest numbers.
TEST(MadeCheckpoint, has_projections_of_gain_one) {
  const TemporaryFolder folder;
  make(folder, "tiny", 0, 0);
  Checkpoint checkpoint(folder.path());
  const FrontLayer front = front_layer(checkpoint, 0);
  std::vector<uint16_t> out(static_cast<size_t>(front.wq_b.rows * front.wq_b.columns));
  to_bf16(front.wq_b, out.data(), tests::workers_of(1));
  double squares = 0;
  for (const uint16_t bits : out) squares += std::pow(float_of_bf16(bits), 2);
  const double norm = std::sqrt(squares / static_cast<double>(front.wq_b.rows));
  EXPECT_GT(norm, 0.5);
  EXPECT_LT(norm, 2);
  const auto* codes = reinterpret_cast<const uint8_t*>(front.wq_b.weight.data);
  EXPECT_GE(
      *std::max_element(codes, codes + front.wq_b.weight.bytes, [](uint8_t a, uint8_t b) { return (a & 0x7f) < (b & 0x7f); }) &
          0x7f,
      0x7c);
}

}  // namespace
}  // namespace imbrex::checkpoint
