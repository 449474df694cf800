#include <gtest/gtest.h>

#include "imbrex/checkpoint/model_config.h"
#include "support/model_configs.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using tests::TemporaryFolder;
using tests::write_text;

ModelConfig read(const std::string& text) {
  const TemporaryFolder folder;
  write_text(folder.file("config.json"), text);
  return read_config(folder.file("config.json"));
}

TEST(ModelConfig, flash) {
  const ModelConfig config = read(tests::flash_config());
  EXPECT_EQ(config.model_type, "deepseek_v4");
  EXPECT_EQ(config.hidden, 4096);
  EXPECT_EQ(config.layers, 43);
  EXPECT_EQ(config.heads, 64);
  EXPECT_EQ(config.q_lora, 1024);
  EXPECT_EQ(config.head_dim, 512);
  EXPECT_EQ(config.rope_dim, 64);
  EXPECT_EQ(config.eps, 1e-6);
  EXPECT_EQ(config.most_positions, 1048576);
  EXPECT_EQ(config.weight_block, (BlockShape{128, 128}));
  ASSERT_EQ(config.compress_ratios.size(), 44u);
  EXPECT_EQ(config.compress_ratios[1], 0);
  EXPECT_EQ(config.compress_ratios[42], 4);
  // Two layers and the one behind the last have the plain angles.
  for (int64_t layer = 0; layer < 44; ++layer) {
    const RopeRegime& regime = config.rope_of(layer);
    const bool is_plain = layer < 2 || layer == 43;
    EXPECT_EQ(regime.theta, is_plain ? 10000 : 160000) << layer;
    EXPECT_EQ(regime.yarn.has_value(), !is_plain) << layer;
  }
  const Yarn& yarn = *config.rope_of(2).yarn;
  EXPECT_EQ(yarn.factor, 16);
  EXPECT_EQ(yarn.beta_fast, 32);
  EXPECT_EQ(yarn.beta_slow, 1);
  EXPECT_EQ(yarn.original_positions, 65536);
}

// The inference code has other names, all at the top, and no block size.
TEST(ModelConfig, names_of_the_inference_code) {
  const ModelConfig config = read(R"({"dim": 7168, "n_layers": 3, "n_mtp_layers": 1, "n_heads": 128, "q_lora_rank": 1536,
      "head_dim": 512, "rope_head_dim": 64, "norm_eps": 1e-6, "compress_ratios": [128, 128, 4, 0], "rope_theta": 10000.0,
      "compress_rope_theta": 160000.0, "rope_factor": 16, "beta_fast": 32, "beta_slow": 1, "original_seq_len": 65536,
      "dtype": "fp8", "scale_fmt": "ue8m0"})");
  EXPECT_EQ(config.hidden, 7168);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 128);
  EXPECT_EQ(config.rope_dim, 64);
  EXPECT_EQ(config.eps, 1e-6);
  EXPECT_FALSE(config.weight_block);
  EXPECT_EQ(config.rope_of(0).yarn->original_positions, 65536);
  EXPECT_FALSE(config.rope_of(3).yarn);
}

TEST(ModelConfig, an_original_length_of_0_is_no_yarn) {
  const ModelConfig config = read(R"({"dim": 512, "n_layers": 1, "n_heads": 2, "q_lora_rank": 64, "head_dim": 512,
      "rope_head_dim": 64, "norm_eps": 1e-6, "compress_ratios": [4], "rope_theta": 10000, "compress_rope_theta": 160000,
      "rope_factor": 16, "beta_fast": 32, "beta_slow": 1, "original_seq_len": 0})");
  EXPECT_EQ(config.rope_of(0).theta, 160000);
  EXPECT_FALSE(config.rope_of(0).yarn);
}

// A member with an object for its text model, smaller blocks, and an eps of its own. Ratio 1 compresses, too.
TEST(ModelConfig, text_config) {
  const ModelConfig config = read(R"({"model_type": "deepseek_v41", "quantization_config": {"weight_block_size": [32, 32]},
      "text_config": {"hidden_size": 5120, "num_hidden_layers": 4, "num_attention_heads": 64, "head_dim": 512,
        "qk_rope_head_dim": 64, "q_lora_rank": 1280, "rms_norm_eps": 1e-20, "compress_ratios": [0, 1, 2, 0], )" +
                                  tests::kReleasedRope + R"(}, "vision_config": {"hidden_size": 17}})");
  EXPECT_EQ(config.hidden, 5120);
  EXPECT_EQ(config.q_lora, 1280);
  EXPECT_EQ(config.eps, 1e-20);
  EXPECT_EQ(config.weight_block, (BlockShape{32, 32}));
  EXPECT_EQ(config.rope_of(1).theta, 160000);
  EXPECT_EQ(config.rope_of(3).theta, 10000);
}

TEST(ModelConfig, rope_parameters_and_layer_types) {
  const ModelConfig config = read(R"({"hidden_size": 512, "num_hidden_layers": 3, "num_attention_heads": 2, "head_dim": 512,
      "qk_rope_head_dim": 64, "q_lora_rank": 64, "rms_norm_eps": 1e-6, "rope_scaling": null,
      "layer_types": ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"],
      "rope_parameters": {"main": {"rope_type": "default", "rope_theta": 10000}, "compress": {"rope_type": "yarn",
        "rope_theta": 160000, "factor": 8, "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 4096,
        "attention_factor": 1.0}}})");
  EXPECT_EQ(config.compress_ratios, (std::vector<int64_t>{0, 4, 128}));
  EXPECT_EQ(config.rope_of(0).theta, 10000);
  EXPECT_EQ(config.rope_of(1).yarn->factor, 8);
}

TEST(ModelConfig, a_model_without_compressed_layers_needs_one_regime) {
  const ModelConfig config = read(R"({"hidden_size": 512, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 512,
      "qk_rope_head_dim": 64, "q_lora_rank": 64, "rms_norm_eps": 1e-6, "compress_ratios": [0], "rope_theta": 10000})");
  EXPECT_FALSE(config.compressed);
  EXPECT_EQ(config.rope_of(0).theta, 10000);
}

}  // namespace
}  // namespace imbrex::checkpoint
