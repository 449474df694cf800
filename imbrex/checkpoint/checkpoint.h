// A model's folder: config.json, and its tensors in one or many safetensors files. Files are opened when a tensor of theirs is asked
// for, and mapped, so that only what is touched is read from the disk. Nothing is believed before it is checked, and nothing is
// allocated in sizes that a file dictates, but for JSON in proportion to the file that holds it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "imbrex/checkpoint/mapped_file.h"
#include "imbrex/checkpoint/model_config.h"
#include "imbrex/checkpoint/safetensors.h"

namespace imbrex::checkpoint {

// A tensor as it lies in its file. Valid as long as the Checkpoint is. `data` need not be aligned to its elements.
struct MappedTensor {
  std::string name, file;  // as the file spells it; the file's path
  std::string dtype;       // "F8_E4M3", likewise
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  int64_t bytes = 0;
};

class Checkpoint {
 public:
  // Reads config.json and model.safetensors.index.json; where there is no index, the headers of all *.safetensors files.
  // UserErrors "file-unreadable", "config-malformed", "checkpoint-malformed", "safetensors-malformed".
  explicit Checkpoint(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const ModelConfig& config() const { return config_; }

  // By released names (tensor_names.h): where each tensor is said to be.
  struct Place {
    std::string name, file;  // in the file; the file's name in the folder
  };
  const std::map<std::string, Place>& places() const { return places_; }
  bool has(const std::string& released_name) const { return places_.contains(released_name); }

  // UserErrors "tensor-missing", "tensor-dtype" (a type whose size is not known, so that its shape and bytes cannot agree),
  // and those of opening its file.
  MappedTensor tensor(const std::string& released_name);

  // Whether each file that was opened still stands there as it was.
  bool is_as_opened() const;

 private:
  struct Shard {
    SafetensorsFile header;
    MappedFile memory;
  };

  void read_index(const std::string& path);
  void read_headers();
  void add(const std::string& name, const std::string& file);
  const Shard& shard(const std::string& file, const std::string& tensor);

  std::string folder_;
  ModelConfig config_;
  std::map<std::string, Place> places_;
  std::map<std::string, Shard> shards_;
};

}  // namespace imbrex::checkpoint
