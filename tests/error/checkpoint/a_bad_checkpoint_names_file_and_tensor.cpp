#include <gtest/gtest.h>

#include <functional>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/front_layer.h"
#include "support/small_checkpoint.h"

namespace imbrex::checkpoint {
namespace {

using tests::SmallCheckpoint;
using tests::TemporaryFolder;

struct Failure {
  std::string id, message;
};

Failure failure_of(const TemporaryFolder& folder, int64_t layer = 0) {
  try {
    Checkpoint checkpoint(folder.path());
    front_layer(checkpoint, layer);
    return {};
  } catch (const UserError& error) {
    EXPECT_FALSE(error.diagnostics().at(0).hint.empty());
    return {error.diagnostics().at(0).id, error.diagnostics().at(0).message};
  }
}

void expect_failure(const Failure& failure, const std::string& id, const std::vector<std::string>& texts) {
  EXPECT_EQ(failure.id, id) << failure.message;
  for (const std::string& text : texts)
    EXPECT_NE(failure.message.find(text), std::string::npos) << text << " is not in: " << failure.message;
}

// The small checkpoint with one change before it is written.
void expect_error(const std::function<void(SmallCheckpoint&)>& change, const std::string& id,
                  const std::vector<std::string>& texts) {
  SmallCheckpoint files;
  change(files);
  const TemporaryFolder folder;
  files.write(folder);
  expect_failure(failure_of(folder), id, texts);
}

// After it was written.
void expect_error_of_folder(const std::function<void(const TemporaryFolder&)>& change, const std::string& id,
                            const std::vector<std::string>& texts) {
  SmallCheckpoint files;
  const TemporaryFolder folder;
  files.write(folder);
  change(folder);
  expect_failure(failure_of(folder), id, texts);
}

const char* kIndex = "model.safetensors.index.json";

TEST(CheckpointErrors, the_twin_is_read) {
  SmallCheckpoint files;
  const TemporaryFolder folder;
  files.write(folder);
  EXPECT_EQ(failure_of(folder).message, "");
  expect_failure(failure_of(folder, 1), "config-malformed", {"layers 0 to 0", "layer 1 was asked for"});
  expect_failure(failure_of(folder, -1), "config-malformed", {"layer -1"});
}

TEST(CheckpointErrors, files) {
  expect_error_of_folder([](const auto& folder) { std::filesystem::remove(folder.file("config.json")); }, "file-unreadable",
                         {"config.json"});
  expect_error_of_folder([](const auto& folder) { std::filesystem::remove(folder.file(SmallCheckpoint::scales)); },
                         "file-unreadable", {SmallCheckpoint::scales, "layers.0.attn.wq_a.scale", "no such file"});
  expect_error_of_folder(
      [](const auto& folder) {
        for (const char* file : {kIndex, SmallCheckpoint::scales, SmallCheckpoint::weights})
          std::filesystem::remove(folder.file(file));
      },
      "file-unreadable", {"no *.safetensors file"});
  expect_error_of_folder([](const auto& folder) { std::filesystem::resize_file(folder.file(SmallCheckpoint::weights), 4000); },
                         "safetensors-malformed", {SmallCheckpoint::weights, "of data"});
  expect_error_of_folder([](const auto& folder) { std::filesystem::resize_file(folder.file(SmallCheckpoint::weights), 0); },
                         "safetensors-malformed", {SmallCheckpoint::weights, "0 bytes"});
  expect_error_of_folder(
      [](const auto& folder) {
        std::filesystem::remove(folder.file(SmallCheckpoint::weights));
        std::filesystem::create_directory(folder.file(SmallCheckpoint::weights));
      },
      "file-unreadable", {SmallCheckpoint::weights, "it is not a file"});
}

TEST(CheckpointErrors, indexes) {
  const auto with_index = [](const std::string& text, const std::string& message) {
    expect_error_of_folder([&](const auto& folder) { tests::write_text(folder.file(kIndex), text); }, "checkpoint-malformed",
                           {kIndex, message});
  };
  with_index("", "is not JSON");
  with_index("[]", "not a JSON object");
  with_index("{}", "no object 'weight_map'");
  with_index(R"({"weight_map": []})", "no object 'weight_map'");
  with_index(R"({"weight_map": {"a": 1}})", "no file name for tensor 'a'");
  with_index(R"({"weight_map": {"a": "x", "a": "y"}})", "'a' twice");
  with_index(R"({"weight_map": {"a": "../x.safetensors"}})", "tensor 'a' in '../x.safetensors'");
  with_index(R"({"weight_map": {"a": "/etc/passwd"}})", "no name of a file beside it");
  with_index(R"({"weight_map": {"a": ""}})", "no name of a file beside it");
  with_index(R"({"weight_map": )" + std::string(100, '['), "nested deeper");
  expect_error([](auto& files) { files.index["weight_map"]["layers.0.attn.wkv.scale"] = SmallCheckpoint::weights; },
               "checkpoint-malformed", {SmallCheckpoint::weights, "has no tensor 'layers.0.attn.wkv.scale'"});
  expect_error(
      [](auto& files) { files.index["weight_map"]["model.layers.0.self_attn.kv_proj.weight"] = SmallCheckpoint::scales; },
      "checkpoint-malformed", {"layers.0.attn.wkv.weight", "model.layers.0.self_attn.kv_proj.weight", "one tensor"});
}

TEST(CheckpointErrors, tensors_that_are_missing) {
  for (const char* name : {"attn_norm", "attn.wq_a", "attn.q_norm", "attn.wq_b", "attn.wkv", "attn.kv_norm"}) {
    const std::string weight = std::string("layers.0.") + name + ".weight";
    expect_error([&](auto& files) { files.files[SmallCheckpoint::weights].erase(weight); }, "tensor-missing", {weight});
  }
  for (const char* name : {"attn.wq_a", "attn.wq_b", "attn.wkv"}) {
    const std::string scale = std::string("layers.0.") + name + ".scale";
    expect_error([&](auto& files) { files.files[SmallCheckpoint::scales].erase(scale); }, "tensor-missing",
                 {"no scale '" + scale, SmallCheckpoint::weights, "F8_E4M3"});
  }
}

TEST(CheckpointErrors, configs_that_contradict_the_tensors) {
  const auto with_config = [](const char* field, int64_t value, const std::vector<std::string>& texts) {
    expect_error([&](auto& files) { files.config[field] = value; }, "tensor-mismatch", texts);
  };
  with_config("hidden_size", 91,
              {"layers.0.attn_norm.weight", SmallCheckpoint::weights, "[91]", "[90]", "config.json", "hidden_size"});
  with_config("q_lora_rank", 40, {"layers.0.attn.wq_a.weight", "[40, 90]", "[41, 90]", "q_lora_rank and hidden_size"});
  with_config("num_attention_heads", 4,
              {"layers.0.attn.wq_b.weight", "[96, 41]", "num_attention_heads * head_dim and q_lora_rank"});
  with_config("head_dim", 1 << 24, {"layers.0.attn.wq_b.weight", "[50331648, 41]"});
  expect_error(
      [](auto& files) {
        files.config["quantization_config"]["weight_block_size"] = {32, 17};
      },
      "tensor-mismatch", {"layers.0.attn.wq_a.scale", SmallCheckpoint::scales, "F8_E8M0 [2, 6]", "weight_block_size"});
  expect_error([](auto& files) { files.config.erase("quantization_config"); }, "tensor-mismatch",
               {"layers.0.attn.wq_a.scale", "no weight_block_size", "[41, 90]"});
}

TEST(CheckpointErrors, types_and_shapes) {
  using S = SmallCheckpoint;
  expect_error(
      [](auto& files) {
        files.weight("attn.wq_a") = Array::zeros(DType::uint8, {S::q_lora, S::hidden});
      },
      "tensor-mismatch", {"layers.0.attn.wq_a.weight", "F8_E4M3 or I8 or BF16", "found U8"});
  expect_error(
      [](auto& files) {
        files.weight("attn.wkv") = Array::zeros(DType::e4m3, {S::hidden, S::head_dim});
      },
      "tensor-mismatch", {"layers.0.attn.wkv.weight", "[24, 90]", "found F8_E4M3 [90, 24]"});
  expect_error(
      [](auto& files) {
        files.weight("attn_norm") = Array::zeros(DType::bf16, {S::hidden, 1});
      },
      "tensor-mismatch", {"[90, 1]"});
  expect_error([](auto& files) { files.weight("attn_norm") = Array::zeros(DType::f16, {S::hidden}); }, "tensor-mismatch",
               {"BF16 or F32"});
  expect_error(
      [](auto& files) {
        files.scale("attn.wkv") = Array::zeros(DType::f32, {1, 5});
      },
      "tensor-mismatch", {"layers.0.attn.wkv.scale", "F8_E8M0 [1, 5]", "F32 [1, 5]"});
  expect_error(
      [](auto& files) {
        files.weight("attn.wq_b") = Array::zeros(DType::int8, {72, S::q_lora});
      },
      "tensor-mismatch", {"layers.0.attn.wq_b.scale", "F32 or BF16 [72]", "F8_E8M0 [3, 3]"});
}

TEST(CheckpointErrors, scales_that_are_no_numbers) {
  expect_error([](auto& files) { files.scale("attn.wq_b").bytes[7] = std::byte{255}; }, "weight-not-exact",
               {"layers.0.attn.wq_b.scale", SmallCheckpoint::scales, "byte 255", "[2, 1]"});
  for (const float bad : {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::nanf("")})
    expect_error(
        [&](auto& files) {
          files.weight("attn.wq_b") = Array::zeros(DType::int8, {72, SmallCheckpoint::q_lora});
          files.scale("attn.wq_b") = Array::zeros(DType::f32, {72});
          for (int64_t row = 0; row < 72; ++row) files.scale("attn.wq_b").template as<float>()[row] = row == 50 ? bad : 1;
        },
        "weight-not-exact", {"layers.0.attn.wq_b.scale", "row 50"});
}

}  // namespace
}  // namespace imbrex::checkpoint
