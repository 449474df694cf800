#include "imbrex/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/json_text.h"
#include "imbrex/checkpoint/tensor_names.h"

namespace imbrex::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr int kMostIndexDepth = 8;  // real ones have 2

[[noreturn]] void malformed(const std::string& path, const std::string& what) {
  throw UserError("checkpoint-malformed", fmt::format("'{}' {}", path, what),
                  "the files as they were published; copy them again if some were cut short or left out");
}

std::string path_in(const std::string& folder, const std::string& file) { return (fs::path(folder) / file).string(); }

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

Checkpoint::Checkpoint(const std::string& folder) : folder_(folder), config_(read_config(path_in(folder, "config.json"))) {
  const std::string index = path_in(folder, kIndexName);
  if (exists(index))
    read_index(index);
  else
    read_headers();
}

void Checkpoint::read_index(const std::string& path) {
  const json index = read_json_file(path, kMostIndexDepth, "checkpoint-malformed");
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object()) malformed(path, "has no object 'weight_map'");
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string()) malformed(path, fmt::format("has no file name for tensor '{}' in its 'weight_map'", name));
    const std::string file_name = file.get<std::string>();
    if (file_name.empty() || file_name == "." || file_name == ".." ||
        file_name.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
      malformed(path, fmt::format("places tensor '{}' in '{}', which is no name of a file beside it", name, file_name));
    add(name, file_name);
  }
}

void Checkpoint::read_headers() {
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().filename().string());
  if (files.empty())
    throw UserError("file-unreadable", fmt::format("the folder '{}' has no {} and no *.safetensors file", folder_, kIndexName),
                    "the folder of a whole checkpoint");
  std::sort(files.begin(), files.end());
  for (const std::string& file : files)
    for (const auto& [name, tensor] : shard(file, "").header.tensors()) add(name, file);
}

void Checkpoint::add(const std::string& name, const std::string& file) {
  const auto [place, is_new] = places_.emplace(released_name(name), Place{name, file});
  if (!is_new)
    malformed(folder_, fmt::format("has '{}' in '{}' and '{}' in '{}', which are one tensor, '{}'", place->second.name,
                                   place->second.file, name, file, place->first));
}

const Checkpoint::Shard& Checkpoint::shard(const std::string& file, const std::string& tensor) {
  if (const auto found = shards_.find(file); found != shards_.end()) return found->second;
  const std::string path = path_in(folder_, file);
  if (!exists(path))
    throw UserError(
        "file-unreadable",
        fmt::format("cannot read '{}', which {} says has tensor '{}': there is no such file", path, kIndexName, tensor),
        fmt::format("copy '{}' into the folder, too", file));
  Shard opened{SafetensorsFile(path), MappedFile(path)};
  if (opened.memory.bytes() != opened.header.file_bytes()) malformed(path, "changed its size while it was opened");
  return shards_.emplace(file, std::move(opened)).first->second;
}

MappedTensor Checkpoint::tensor(const std::string& released_name) {
  const auto place = places_.find(released_name);
  if (place == places_.end())
    throw UserError("tensor-missing", fmt::format("the checkpoint '{}' has no tensor '{}'", folder_, released_name),
                    fmt::format("all files of the checkpoint in its folder; `imbrex inspect {}` lists what there is", folder_));
  const auto& [name, file] = place->second;
  const Shard& holder = shard(file, name);
  const auto found = holder.header.tensors().find(name);
  if (found == holder.header.tensors().end())
    malformed(holder.header.path(), fmt::format("has no tensor '{}', which {} places there", name, kIndexName));
  const StoredTensor& stored = found->second;
  if (!is_known_dtype(stored.dtype))
    throw UserError(
        "tensor-dtype",
        fmt::format("tensor '{}' in '{}' is {}, which Imbrex does not know", name, holder.header.path(), stored.dtype),
        "store it as F8_E4M3 with F8_E8M0 scales, I8 with F32 scales, or BF16");
  return {name, holder.header.path(), stored.dtype, stored.shape, holder.memory.data() + stored.begin, stored.end - stored.begin};
}

bool Checkpoint::is_as_opened() const {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& entry) {
    const Shard& shard = entry.second;
    return stamp_of(shard.header.path()) == shard.memory.stamp();
  });
}

}  // namespace imbrex::checkpoint
