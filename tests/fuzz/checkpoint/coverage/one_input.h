// One input of the fuzzer: a file of a checkpoint, in place of the good one. Whatever it holds, reading and converting the layer
// succeeds or throws UserError.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/convert.h"
#include "imbrex/checkpoint/rope.h"
#include "support/small_checkpoint.h"

namespace imbrex::tests {

class CheckpointUnderAttack {
 public:
  CheckpointUnderAttack() {
    SmallCheckpoint made;
    made.write(folder_);
    for (const char* name : kFiles) good_.push_back(read_text(folder_.file(name)));
  }

  // The good files as inputs.
  std::vector<std::string> seeds() const {
    std::vector<std::string> inputs;
    for (size_t file = 0; file < good_.size(); ++file) {
      inputs.push_back(std::string(1, static_cast<char>(file)) + good_[file]);
      if (is_safetensors(file))
        inputs.push_back(std::string(1, static_cast<char>(file + kFiles.size())) + header_of(good_[file]));
    }
    return inputs;
  }

  // The first byte says which file it is; from kFiles.size() on, the rest is the header of one, whose length and data are good.
  // Whether it was read.
  bool try_input(const std::string& input) {
    if (input.empty()) return false;
    const size_t choice = static_cast<unsigned char>(input[0]) % (2 * kFiles.size()), file = choice % kFiles.size();
    std::string bytes = input.substr(1);
    if (choice >= kFiles.size() && is_safetensors(file)) bytes = with_header(file, bytes);
    write_text(folder_.file(kFiles[file]), bytes);
    const bool is_read = read();
    write_text(folder_.file(kFiles[file]), good_[file]);
    return is_read;
  }

 private:
  static constexpr std::array<const char*, 4> kFiles = {"config.json", "model.safetensors.index.json", SmallCheckpoint::weights,
                                                        SmallCheckpoint::scales};
  static bool is_safetensors(size_t file) { return file >= 2; }

  static std::string header_of(const std::string& file) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, file.data(), 8);
    return file.substr(8, bytes);
  }
  std::string with_header(size_t file, const std::string& header) const {
    const uint64_t bytes = header.size();
    return std::string(reinterpret_cast<const char*>(&bytes), 8) + header + good_[file].substr(8 + header_of(good_[file]).size());
  }

  bool read() {
    const checkpoint::Workers alone = [](const std::function<void(int ith, int nth)>& work) { work(0, 1); };
    try {
      checkpoint::Checkpoint model(folder_.path());
      const checkpoint::FrontLayer layer = front_layer(model, 0);
      bring_into_memory(layer, alone);
      std::vector<uint16_t> wide(static_cast<size_t>(SmallCheckpoint::hidden * SmallCheckpoint::q_lora));
      to_bf16(layer.wq_a, wide.data(), alone);
      to_bf16(layer.wkv, wide.data(), alone);
      std::vector<int8_t> narrow(static_cast<size_t>(layer.wq_b.rows * layer.wq_b.columns));
      std::vector<float> scales(static_cast<size_t>(layer.wq_b.rows));
      to_int8(layer.wq_b, narrow.data(), scales.data(), alone);
      const int64_t positions[] = {0, 1, 99};
      rotations_at(positions, model.config().rope_of(0), model.config().rope_dim);
      return true;
    } catch (const UserError&) {
      return false;
    }
  }

  TemporaryFolder folder_;
  std::vector<std::string> good_;
};

}  // namespace imbrex::tests
