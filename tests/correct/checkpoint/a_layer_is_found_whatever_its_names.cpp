#include <gtest/gtest.h>

#include <cstring>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/tensor_names.h"
#include "support/small_checkpoint.h"

namespace imbrex::checkpoint {
namespace {

using tests::SmallCheckpoint;
using tests::TemporaryFolder;

void expect_bytes(const MappedTensor& tensor, const Array& array) {
  EXPECT_EQ(tensor.shape, array.shape) << tensor.name;
  ASSERT_EQ(tensor.bytes, static_cast<int64_t>(array.bytes.size())) << tensor.name;
  EXPECT_EQ(std::memcmp(tensor.data, array.bytes.data(), array.bytes.size()), 0) << tensor.name;
}

// Reads a checkpoint of these files and compares it with the one they were made from.
void expect_layer(SmallCheckpoint& files, bool has_index = true) {
  SmallCheckpoint made;
  const TemporaryFolder folder;
  files.write(folder);
  if (!has_index) std::filesystem::remove(folder.file("model.safetensors.index.json"));
  Checkpoint checkpoint(folder.path());
  const FrontLayer layer = front_layer(checkpoint, 0);
  expect_bytes(layer.attn_norm, made.weight("attn_norm"));
  expect_bytes(layer.q_norm, made.weight("attn.q_norm"));
  expect_bytes(layer.kv_norm, made.weight("attn.kv_norm"));
  for (const auto& [matrix, name] : {std::pair(&layer.wq_a, "attn.wq_a"), {&layer.wq_b, "attn.wq_b"}, {&layer.wkv, "attn.wkv"}}) {
    EXPECT_EQ(matrix->form, MatrixForm::fp8_blocks);
    EXPECT_EQ(matrix->block, (BlockShape{SmallCheckpoint::block_rows, SmallCheckpoint::block_columns}));
    expect_bytes(matrix->weight, made.weight(name));
    expect_bytes(*matrix->scale, made.scale(name));
  }
}

TEST(Checkpoint, weights_and_scales_in_different_files) {
  SmallCheckpoint files;
  expect_layer(files);
}

TEST(Checkpoint, without_an_index) {
  SmallCheckpoint files;
  expect_layer(files, false);
}

TEST(Checkpoint, names_of_other_tools) {
  for (const auto& names : std::vector<std::map<std::string, std::string>>{
           {{"layers.", "model.layers."}, {".attn.", ".self_attn."}, {".scale", ".weight_scale_inv"}},
           {{"attn_norm", "input_layernorm"},
            {"wq_a", "q_a_proj"},
            {"q_norm", "q_a_norm"},
            {"wq_b", "q_b_proj"},
            {"wkv", "kv_proj"}},
           {{"wq_a", "q_a_proj"}, {"q_norm", "q_a_layernorm"}, {"wkv", "kv_a_proj_with_mqa"}, {"kv_norm", "kv_a_layernorm"}}}) {
    SmallCheckpoint files;
    files.rename([&](std::string name) {
      for (const auto& [from, to] : names)
        if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
      return name;
    });
    expect_layer(files);
  }
}

TEST(Checkpoint, released_names) {
  for (const auto& [name, released] : std::vector<std::pair<std::string, std::string>>{
           {"layers.3.attn.wq_a.weight", "layers.3.attn.wq_a.weight"},
           {"model.layers.3.self_attn.q_a_proj.weight", "layers.3.attn.wq_a.weight"},
           {"model.layers.3.self_attn.q_b_proj.weight_scale", "layers.3.attn.wq_b.scale"},
           {"layers.0.self_attn.sinks", "layers.0.attn.attn_sink"},
           {"layers.0.self_attn.compressor.kv_norm.weight", "layers.0.attn.compressor.norm.weight"},
           {"layers.0.self_attn.compressor.gate_proj.weight", "layers.0.attn.compressor.wgate.weight"},
           {"layers.0.self_attn.kv_norm.weight", "layers.0.attn.kv_norm.weight"},
           {"model.layers.4.mlp.gate.e_score_correction_bias", "layers.4.ffn.gate.bias"},
           {"mtp.0.attn.wkv.scale", "mtp.0.attn.wkv.scale"},
           {"", ""},
           {"...", "..."}})
    EXPECT_EQ(released_name(name), released) << name;
}

TEST(Checkpoint, the_shape_of_the_scales_decides_blocks_that_the_config_does_not_say) {
  SmallCheckpoint files;
  files.config.erase("quantization_config");
  // 41 = 41 * 1, 90 = 3 * 30, 72 = 6 * 12, 24 = 1 * 24
  const std::map<std::string, std::vector<int64_t>> shapes = {
      {"attn.wq_a", {41, 3}}, {"attn.wq_b", {6, 1}}, {"attn.wkv", {1, 90}}};
  for (const auto& [name, shape] : shapes) {
    files.scale(name) = Array::zeros(DType::e8m0, shape);
  }
  const TemporaryFolder folder;
  files.write(folder);
  Checkpoint checkpoint(folder.path());
  const FrontLayer layer = front_layer(checkpoint, 0);
  EXPECT_EQ(layer.wq_a.block, (BlockShape{1, 30}));
  EXPECT_EQ(layer.wq_b.block, (BlockShape{12, 41}));
  EXPECT_EQ(layer.wkv.block, (BlockShape{24, 1}));
}

TEST(Checkpoint, int8_with_a_scale_for_each_row_and_bf16) {
  SmallCheckpoint files;
  const int64_t rows = SmallCheckpoint::heads * SmallCheckpoint::head_dim;
  files.weight("attn.wq_b") = Array::zeros(DType::int8, {rows, SmallCheckpoint::q_lora});
  files.scale("attn.wq_b") = Array::zeros(DType::f32, {rows, 1});
  for (int64_t row = 0; row < rows; ++row) files.scale("attn.wq_b").as<float>()[row] = 0.5f + static_cast<float>(row);
  files.weight("attn.wkv") = Array::zeros(DType::bf16, {SmallCheckpoint::head_dim, SmallCheckpoint::hidden});
  files.files[SmallCheckpoint::scales].erase("layers.0.attn.wkv.scale");
  const TemporaryFolder folder;
  files.write(folder);
  Checkpoint checkpoint(folder.path());
  const FrontLayer layer = front_layer(checkpoint, 0);
  EXPECT_EQ(layer.wq_b.form, MatrixForm::int8_rows);
  EXPECT_EQ(row_scale(layer.wq_b, 3), 3.5f);
  EXPECT_EQ(layer.wkv.form, MatrixForm::bf16);
  EXPECT_FALSE(layer.wkv.scale);
}

// A file that is not asked for need not be there.
TEST(Checkpoint, files_are_opened_when_they_are_needed) {
  SmallCheckpoint files;
  files.index["weight_map"]["layers.7.attn.wkv.weight"] = "model-00009-of-00009.safetensors";
  expect_layer(files);
}

}  // namespace
}  // namespace imbrex::checkpoint
