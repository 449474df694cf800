// config.json as published, cut down to the fields that mean something to an attention layer.
#pragma once

#include <string>

namespace imbrex::tests {

// `ratios`: the text of a list.
inline std::string config_of(const std::string& sizes, const std::string& ratios, const std::string& rest) {
  return "{" + sizes + R"(, "compress_ratios": )" + ratios + ", " + rest + "}";
}

inline const std::string kReleasedRope =
    R"("rope_theta": 10000, "compress_rope_theta": 160000,
       "rope_scaling": {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 65536})";

// [0, 0, 4, 128, 4, 128, ..., 4, 0]: 43 layers and one behind them.
inline std::string flash_ratios() {
  std::string text = "[0, 0";
  for (int layer = 2; layer < 43; ++layer) text += layer % 2 == 0 ? ", 4" : ", 128";
  return text + ", 0]";
}

inline std::string flash_config() {
  return config_of(R"("architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", "hidden_size": 4096,
      "num_hidden_layers": 43, "num_nextn_predict_layers": 1, "num_attention_heads": 64, "num_key_value_heads": 1,
      "head_dim": 512, "qk_rope_head_dim": 64, "q_lora_rank": 1024, "rms_norm_eps": 1e-06,
      "max_position_embeddings": 1048576)",
                   flash_ratios(), kReleasedRope + R"(, "quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
      "activation_scheme": "dynamic", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]})");
}

}  // namespace imbrex::tests
