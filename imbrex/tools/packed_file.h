// A file of what a kernel takes from a layer of a checkpoint, in its target's layout: made once, mapped by every later run.
//
//   key, text        for what kernel, target, version and layout each tensor is, and of what layer
//   digests          of each MiB of each tensor
//   tensors          each from a multiple of 4096 bytes on
//
// It is called after the SHA-256 of its key, in the folder `packed` of a cache (runtime/cache.h), which keeps kMostPackedBytes of
// those used last and takes nothing that others could have put there. It is used only if every byte before the tensors is as
// expected, which a file for something else, one that was cut short, and one with another bit in a tensor are not.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "imbrex/checkpoint/mapped_file.h"
#include "imbrex/checkpoint/workers.h"
#include "imbrex/runtime/cache.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/execute.h"

namespace imbrex::tools {

inline constexpr uint64_t kMostPackedBytes = uint64_t{4} << 30;

class PackedFile {
 public:
  // For these tensors of the kernel, from a layer with this identity (kernels/registry.h).
  PackedFile(runtime::Cache cache, const runtime::CompiledKernel& kernel, const std::vector<TensorShape>& tensors,
             const std::string& identity);

  const std::filesystem::path& path() const { return path_; }

  // The tensors, in memory, valid as long as this lives. Nothing where there is no such file, or none that may be used: then
  // `problem` says why.
  std::optional<PackedTensors> map(const checkpoint::Workers& workers, std::string& problem);
  // Writes the file beside its place, then moves it there. Returns why that was not possible, or nothing.
  std::string keep(const PackedTensors& tensors, const checkpoint::Workers& workers) const;

 private:
  std::string beginning(const PackedTensors& tensors, const checkpoint::Workers& workers) const;
  std::string why_not(std::span<const std::byte> file) const;

  runtime::Cache cache_;
  std::string key_;
  std::vector<std::pair<std::string, int64_t>> sizes_;  // of each tensor, in the file's order
  int64_t bytes_of_beginning_ = 0, bytes_ = 0;
  std::filesystem::path path_;
  std::optional<checkpoint::MappedFile> mapped_;
};

}  // namespace imbrex::tools
