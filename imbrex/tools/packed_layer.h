// What a kernel takes of a layer of a checkpoint: mapped from the file that an earlier run left, or packed, and kept for the next.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/runtime/buffer.h"
#include "imbrex/runtime/executor.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/packed_file.h"

namespace imbrex::tools {

inline constexpr const char* kNoPackedFile = "off";  // in place of a folder: packed weights are not kept

// The file of packed weights of a run.
struct PackedFileReport {
  std::string path;
  bool is_mapped = false;    // else it was made
  double seconds = 0;        // for one or the other
  std::string problem;       // why a file that was there is not used
  std::string why_not_kept;  // why there is none for the next run
};

// A layer's operands, which must outlive what is packed of them (kernels/registry.h).
struct LayerOperands {
  const Tensors &inputs, &weights_by_row;
  const std::vector<TensorShape>& of_layer;  // of the inputs, those that the layer decides
  const std::string& identity;
};

class PackedLayer {
 public:
  // `folder`: of the cache whose file is used; empty: the default one, kNoPackedFile: none. Nothing is kept of a checkpoint that
  // was changed meanwhile. UserError "out-of-memory".
  PackedLayer(const runtime::CompiledKernel& kernel, const LayerOperands& operands, const std::string& folder,
              const checkpoint::Checkpoint& model, runtime::Executor& executor, int threads);

  const PackedTensors& tensors() const { return tensors_; }
  int64_t packed_bytes() const { return packed_bytes_; }                // of what was packed here
  std::optional<double> pack_seconds() const { return pack_seconds_; }  // of that; none where nothing was
  const std::optional<PackedFileReport>& file() const { return report_; }

 private:
  void pack(const runtime::Call& call, const Tensors& weights_by_row, runtime::Executor& executor, int threads);

  std::optional<PackedFile> file_;
  std::list<runtime::Buffer> packed_here_;
  PackedTensors tensors_;
  int64_t packed_bytes_ = 0;
  std::optional<double> pack_seconds_;
  std::optional<PackedFileReport> report_;
};

}  // namespace imbrex::tools
