// What a checkpoint has of each layer's attention front, what that becomes, and what is missing.
#pragma once

#include <string>
#include <vector>

#include "imbrex/checkpoint/checkpoint.h"

namespace imbrex::checkpoint {

struct InspectedTensor {
  std::string name;     // released
  std::string stored;   // "F8_E4M3 [1024, 4096]"; empty where it is missing
  std::string file;     // its name in the folder; empty where none is said to have it
  std::string becomes;  // "bf16 [4096, 1024], exact"
  std::string problem;  // why it cannot be used; empty: nothing
  int64_t bytes = 0;
};

struct InspectedLayer {
  int64_t layer = 0;
  std::string name;      // "layers.3", "mtp.0"
  std::string rotation;  // "theta 160000, YaRN factor 16"
  int64_t kv_layer = 0;  // whose keys and values it uses; itself where it has them
  std::vector<InspectedTensor> tensors;
  std::string problem;    // the first error of reading the layer; empty: it can be used
  bool is_there = false;  // at least one of its tensors is
  int64_t bytes = 0;      // of its tensors
};

// One layer. Errors of the layer are in the result.
InspectedLayer inspect_layer(Checkpoint& checkpoint, int64_t layer);

// The files that the index names and that are not in the folder.
std::vector<std::string> missing_files(const Checkpoint& checkpoint);

// "theta 160000, YaRN factor 16"
std::string text_of(const RopeRegime& regime);
// "deepseek_v4: D 4096, 64 heads of 512 (64 rotated), latent 1024, eps 1e-06, 43 layers, blocks of 128 x 128"
std::string text_of(const ModelConfig& config);

}  // namespace imbrex::checkpoint
