// A file of what a kernel takes from a layer of a checkpoint, in its target's layout: made once, mapped by every later run.
//
//   key, text        for what kernel, target, version and layout each tensor is, their bytes, and of what layer
//   digests          of each MiB of each tensor
//   tensors          each from a multiple of 4096 bytes on
//
// It is called after the SHA-256 of its key, in the folder `packed` of a cache (runtime/cache.h), which keeps kMostPackedBytes of
// those used last and takes nothing that others could have put there. It is used only if every byte before the tensors is as
// expected, which a file for something else, one that was cut short, and one with another bit in a tensor are not.
// Its key says where everything is, so that a file can be checked by itself.
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

// A key, and where the tensors of a file with it are.
struct PackedFileKey {
  std::string text;
  std::vector<int64_t> sizes;  // bytes of each tensor

  int64_t bytes_of_beginning() const;  // before the first tensor
  int64_t bytes() const;
};

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
  std::string why_not(std::span<const std::byte> file) const;

  runtime::Cache cache_;
  PackedFileKey key_;
  std::vector<std::string> names_;  // of the tensors, in the file's order
  std::filesystem::path path_;
  std::optional<checkpoint::MappedFile> mapped_;
};

// The files that a cache has, those used last first.
struct KeptPackedFile {
  std::filesystem::path path;
  uint64_t bytes = 0;
  std::filesystem::file_time_type last_used;
  std::string kernel, target,
      tensor;  // what its key says, and the first tensor of the layer that it names; empty where it says nothing
};
std::vector<KeptPackedFile> packed_files_in(const runtime::Cache& cache);
// Whether a file is what its name, its key and its digests say.
bool is_intact(const KeptPackedFile& file);

}  // namespace imbrex::tools
