// A checkpoint in the released layout with sizes that divide nothing, to be changed and written: one layer, weights in one file and
// scales in another.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "imbrex/checkpoint/safetensors.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {

struct SmallCheckpoint {
  static constexpr int64_t hidden = 90, heads = 3, head_dim = 24, q_lora = 41, block_rows = 32, block_columns = 20;

  nlohmann::json config = {
      {"hidden_size", hidden},        {"num_hidden_layers", 1},
      {"num_attention_heads", heads}, {"head_dim", head_dim},
      {"qk_rope_head_dim", 8},        {"q_lora_rank", q_lora},
      {"rms_norm_eps", 1e-6},         {"compress_ratios", {0}},
      {"rope_theta", 10000},          {"quantization_config", {{"weight_block_size", {block_rows, block_columns}}}}};
  std::map<std::string, std::map<std::string, Array>> files;  // by name, what each has
  nlohmann::json index = {{"metadata", {{"total_size", 1}}}};

  SmallCheckpoint() {
    add_vector("attn_norm", hidden);
    add_matrix("attn.wq_a", q_lora, hidden);
    add_vector("attn.q_norm", q_lora);
    add_matrix("attn.wq_b", heads * head_dim, q_lora);
    add_matrix("attn.wkv", head_dim, hidden);
    add_vector("attn.kv_norm", head_dim);
  }

  static constexpr const char *weights = "model-00001-of-00002.safetensors", *scales = "model-00002-of-00002.safetensors";
  Array& weight(const std::string& name) { return files[weights].at("layers.0." + name + ".weight"); }
  Array& scale(const std::string& name) { return files[scales].at("layers.0." + name + ".scale"); }

  // All tensors are where the index says, unless it was changed before.
  void write(const TemporaryFolder& folder) {
    write_text(folder.file("config.json"), config.dump());
    for (const auto& [file, tensors] : files) {
      checkpoint::write_safetensors(folder.file(file), tensors);
      for (const auto& [name, array] : tensors)
        if (!index["weight_map"].contains(name)) index["weight_map"][name] = file;
    }
    write_text(folder.file("model.safetensors.index.json"), index.dump());
  }

  // The same tensors under other names: `renamed` gives a name for a name.
  template <class F>
  void rename(F&& renamed) {
    for (auto& [file, tensors] : files) {
      std::map<std::string, Array> others;
      for (auto& [name, array] : tensors) others.emplace(renamed(name), std::move(array));
      tensors = std::move(others);
    }
  }

 private:
  // e4m3 without NaN, e8m0 from 2^-20 to 2^-1.
  void add_matrix(const std::string& name, int64_t rows, int64_t columns) {
    Array weight = Array::zeros(DType::e4m3, {rows, columns});
    for (std::byte& value : weight.bytes) {
      const auto code = static_cast<uint8_t>(random_());
      value = static_cast<std::byte>((code & 0x7f) == 0x7f ? code - 1 : code);
    }
    Array scale =
        Array::zeros(DType::e8m0, {(rows + block_rows - 1) / block_rows, (columns + block_columns - 1) / block_columns});
    for (std::byte& value : scale.bytes) value = static_cast<std::byte>(107 + random_() % 20);
    files[weights].emplace("layers.0." + name + ".weight", std::move(weight));
    files[scales].emplace("layers.0." + name + ".scale", std::move(scale));
  }
  void add_vector(const std::string& name, int64_t columns) {
    Array vector = Array::zeros(DType::bf16, {columns});
    for (int64_t i = 0; i < columns; ++i) vector.as<uint16_t>()[i] = static_cast<uint16_t>(0x3f00 + random_() % 256);
    files[weights].emplace("layers.0." + name + ".weight", std::move(vector));
  }
  std::mt19937 random_{7};
};

}  // namespace imbrex::tests
