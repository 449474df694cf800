// A checkpoint in the layout of the released ones, with weights from a seed: for tests and for measurements where no released one is
// at hand.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace imbrex::checkpoint {

struct CheckpointPreset {
  std::string name, description;
};
const std::vector<CheckpointPreset>& checkpoint_presets();

struct CheckpointToMake {
  std::string preset;
  int64_t first_layer = 0, last_layer = 0;  // those after the model's last are MTP's
  uint64_t seed = 1;
};

// Writes config.json as published, and of each layer the tensors that its attention front reads (front_layer.h): a file for each
// layer, but the scales of wq_b in the file of the next, as weight and scale of released ones may be apart. Weights are normal in
// each block and use all of e4m3's range; projections have a gain of about one. Returns the bytes of all tensors.
// config.json is written last: with it, the folder is a checkpoint. UserErrors "unknown-preset", "option-value" for layers that the
// model does not have, "file-unwritable", also for a folder that is a checkpoint already.
int64_t make_checkpoint(const std::string& folder, const CheckpointToMake& what,
                        const std::function<void(int64_t layer)>& progress);

}  // namespace imbrex::checkpoint
