#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/model_config.h"
#include "support/model_configs.h"
#include "support/temporary_folder.h"

namespace imbrex::checkpoint {
namespace {

using nlohmann::json;
using tests::TemporaryFolder;
using tests::write_text;

// The message and the hint of what reading this text says; empty where it is read.
std::string error_of(const std::string& text) {
  const TemporaryFolder folder;
  write_text(folder.file("config.json"), text);
  try {
    read_config(folder.file("config.json"));
    return "";
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "config-malformed");
    EXPECT_NE(error.diagnostics().at(0).message.find("config.json"), std::string::npos) << error.what();
    EXPECT_FALSE(error.diagnostics().at(0).hint.empty());
    return error.diagnostics().at(0).message;
  }
}

// Of the published Flash with one field replaced; null: taken out.
void expect_error(const std::string& pointer, const json& value, const std::string& text) {
  json config = json::parse(tests::flash_config());
  const json::json_pointer place(pointer);
  if (value.is_null())
    config.at(place.parent_pointer()).erase(place.back());
  else
    config[place] = value;
  const std::string message = error_of(config.dump());
  EXPECT_NE(message, "") << pointer << " as " << value << " is read";
  EXPECT_NE(message.find("'" + text), std::string::npos) << message;
}

TEST(ConfigErrors, the_twin_is_read) { EXPECT_EQ(error_of(tests::flash_config()), ""); }

TEST(ConfigErrors, what_is_missing) {
  for (const char* field : {"hidden_size", "num_hidden_layers", "num_attention_heads", "head_dim", "qk_rope_head_dim",
                            "q_lora_rank", "rms_norm_eps", "compress_ratios", "rope_theta", "compress_rope_theta"})
    expect_error(std::string("/") + field, nullptr, field);
  for (const char* field : {"factor", "beta_fast", "beta_slow", "original_max_position_embeddings", "type"})
    expect_error(std::string("/rope_scaling/") + field, nullptr, std::string("rope_scaling.") + field);
  expect_error("/rope_scaling", nullptr, "rope_scaling.type");
}

TEST(ConfigErrors, types_and_ranges) {
  const json bad_sizes[] = {0, -1, 1.5, "4096", true, json::array({1}), json::object(), 1e300, 18446744073709551615u, 1 << 25};
  for (const json& bad : bad_sizes) {
    for (const char* field :
         {"hidden_size", "num_hidden_layers", "num_attention_heads", "head_dim", "q_lora_rank", "qk_rope_head_dim"})
      expect_error(std::string("/") + field, bad, field);
    expect_error("/rope_scaling/original_max_position_embeddings",
                 bad == 1 << 25             ? json(-1)
                 : bad.is_number_unsigned() ? json(0)
                                            : bad,
                 "rope_scaling.original_max_position_embeddings");
  }
  for (const json& bad : {json(0), json(-1e-6), json("1e-6"), json(2), json(1e-40)})
    expect_error("/rms_norm_eps", bad, "rms_norm_eps");
  expect_error("/rope_theta", 0.5, "rope_theta");
  expect_error("/rope_scaling/factor", 0, "rope_scaling.factor");
  expect_error("/rope_scaling/type", "linear", "rope_scaling.type");
  expect_error("/rope_scaling/type", 7, "rope_scaling.type");
  expect_error("/rope_scaling", 7, "rope_scaling'");
  expect_error("/quantization_config", "fp8", "quantization_config'");
  for (const json& bad :
       {json(128), json::array({128}), json::array({128, 0}), json::array({128, 128, 128}), json::array({"a", 1})})
    expect_error("/quantization_config/weight_block_size", bad, "quantization_config.weight_block_size");
  expect_error("/qk_rope_head_dim", 63, "qk_rope_head_dim': expected an even number");
  expect_error("/qk_rope_head_dim", 514, "qk_rope_head_dim': expected an integer from 2 to 512");
  expect_error("/model_type", 4, "model_type");
  expect_error("/text_config", 4, "text_config");
  expect_error("/max_position_embeddings", -4, "max_position_embeddings");
}

TEST(ConfigErrors, contradictions) {
  expect_error("/dim", 4097, "hidden_size' is 4096 and 'dim' is 4097");
  expect_error("/text_config", {{"q_lora_rank", 1}}, "q_lora_rank' is 1024 and 'text_config.q_lora_rank' is 1");
  expect_error("/num_key_value_heads", 8, "num_key_value_heads': expected 1");
  expect_error("/num_hidden_layers", 45, "compress_ratios' for 45 layers");
  expect_error("/num_hidden_layers", 40, "compress_ratios' for 40 layers and 1 after the last ('num_nextn_predict_layers')");
  expect_error("/compress_ratios", json::array({1, -1}), "compress_ratios");
  expect_error("/compress_ratios", 4, "compress_ratios': expected a list");
  expect_error("/layer_types", json(std::vector<std::string>(44, "sliding_attention")),
               "compress_ratios' and sliding_attention in 'layer_types'");
  expect_error("/layer_types", json::array({"full_attention"}), "layer_types");
  expect_error("/rope_scaling/attention_factor", 1.277, "rope_scaling.attention_factor': expected 1");
  expect_error("/rope_scaling/mscale", 0.707, "rope_scaling.mscale");
  expect_error("/rope_parameters", {{"main", {{"rope_type", "yarn"}}}}, "rope_parameters.main.rope_type");
}

TEST(ConfigErrors, texts_that_are_no_config) {
  for (const char* text : {"", "[]", "7", "null", "{", R"({"dim": 1,})", "{\"\xc3\x28\": 1}", "\xff\xfe"})
    EXPECT_NE(error_of(text).find("config.json' is not"), std::string::npos) << text;
  EXPECT_NE(error_of(R"({"dim": 1, "dim": 1})").find("has 'dim' twice"), std::string::npos);
  EXPECT_NE(error_of(R"({"a": )" + std::string(100000, '[')).find("nested deeper"), std::string::npos);
  EXPECT_THROW(read_config("/nonexistent/config.json"), UserError);
}

}  // namespace
}  // namespace imbrex::checkpoint
