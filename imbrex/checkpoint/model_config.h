// What the attention front of a DeepSeek-V4 model needs to know from the config.json beside its weights. Every number comes from
// the file: a member of the family with other sizes, another eps or other blocks of weights needs no change here. Nothing has a
// default; what is missing, of another type, out of range, or given twice with two values is an error that names file and field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace imbrex::checkpoint {

// YaRN ("yarn" in rope_scaling): how frequencies are divided for contexts longer than those of training.
struct Yarn {
  double factor = 1;
  double beta_fast = 0, beta_slow = 0;  // turns within `original_positions` above and below which a frequency is kept, divided
  int64_t original_positions = 0;
};

// How a layer's rotation angles depend on the position.
struct RopeRegime {
  double theta = 0;
  std::optional<Yarn> yarn;
};

// Weights of a block share a scale: `rows` along the outputs, `columns` along the inputs (k). Blocks at the ends may be smaller.
struct BlockShape {
  int64_t rows = 0, columns = 0;
  friend bool operator==(const BlockShape&, const BlockShape&) = default;
};

struct ModelConfig {
  std::string path;
  std::string model_type;                                 // "deepseek_v4"; empty where the file does not say
  int64_t hidden = 0, layers = 0, heads = 0, q_lora = 0;  // D, L, H, Q
  int64_t head_dim = 0, rope_dim = 0;                     // of a head; the last rope_dim of them are rotated
  double eps = 0;                                         // of every norm
  std::vector<int64_t> compress_ratios;                   // of each layer, then of those after the last (MTP) that are listed
  RopeRegime plain;                                       // of layers of compress ratio 0
  std::optional<RopeRegime> compressed;                   // of all others; none where there are none
  std::vector<int64_t> kv_sources;         // layers whose keys and values others use, ascending; empty: each has its own
  std::optional<BlockShape> weight_block;  // of fp8 weights, where the file says it
  std::optional<int64_t> most_positions;   // likewise

  // The layer's own, by its compress ratio. `layer` is one of those of compress_ratios.
  const RopeRegime& rope_of(int64_t layer) const;
  // The layer whose keys and values it uses: the last of kv_sources up to it. Itself where there is none, and after the last layer.
  int64_t kv_layer_of(int64_t layer) const;
};

// Reads DIR/config.json: the names of the published files, of the model's own inference code ("dim", "n_heads", "norm_eps", ...)
// and of later files (rope_parameters, layer_types), at the top or in `text_config`. Fields of other parts are not looked at.
// UserErrors "file-unreadable", "config-malformed".
ModelConfig read_config(const std::string& path);

}  // namespace imbrex::checkpoint
