#include "imbrex/tools/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "imbrex/base/error.h"

namespace imbrex::tools {
namespace {

using Dims = std::map<std::string, int64_t>;

// The only value of the dimension for which the extent is `size`, where extents grow with it.
std::optional<int64_t> only_value(const ir::IndexExpr& extent, const ir::Dim& dim, Dims known, int64_t size) {
  const auto at = [&](int64_t value) {
    known[dim.name] = value;
    return ir::checked_evaluate(extent, [&](const ir::Index& leaf) { return known.at(leaf.name); });
  };
  int64_t least = 0, most = dim.most();  // the first value for which the extent is not below
  while (least < most) {
    const int64_t middle = least + (most - least) / 2;
    const auto value = at(middle);
    if (value && *value < size)
      least = middle + 1;
    else
      most = middle;
  }
  if (at(least) != size || at(least + 1) == size) return std::nullopt;
  return least;
}

// The dimension that alone is not known of those in the extent.
const ir::Dim* only_unknown(const ir::Program& program, const ir::IndexExpr& extent, const Dims& known) {
  const ir::Dim* unknown = nullptr;
  for (const ir::Dim& dim : program.dims) {
    if (!ir::names_in(extent).contains(dim.name) || known.contains(dim.name)) continue;
    if (unknown != nullptr) return nullptr;
    unknown = &dim;
  }
  return unknown;
}

// From the shapes alone; a shape that contradicts them is found when its tensor is read.
Dims dims_of_shapes(const ir::Program& program, const std::map<std::string, std::vector<int64_t>>& shapes) {
  Dims known;
  for (size_t before = SIZE_MAX; before != known.size();) {
    before = known.size();
    for (const ir::Tensor& tensor : program.tensors) {
      const auto shape = shapes.find(tensor.name);
      if (tensor.role == ir::Role::output || shape == shapes.end() || shape->second.size() != tensor.shape.size()) continue;
      for (size_t axis = 0; axis < tensor.shape.size(); ++axis)
        if (const ir::Dim* dim = only_unknown(program, tensor.shape[axis], known))
          if (const auto value = only_value(tensor.shape[axis], *dim, known, shape->second[axis])) known[dim->name] = *value;
    }
  }
  return known;
}

// Whether the shapes were all there to decide it. What is missing, or of another rank, is an error of the tensor.
bool has_shapes_of(const ir::Program& program, const std::string& dim,
                   const std::map<std::string, std::vector<int64_t>>& shapes) {
  return std::none_of(program.tensors.begin(), program.tensors.end(), [&](const ir::Tensor& tensor) {
    const auto shape = shapes.find(tensor.name);
    return tensor.role != ir::Role::output && (shape == shapes.end() || shape->second.size() != tensor.shape.size()) &&
           std::any_of(tensor.shape.begin(), tensor.shape.end(),
                       [&](const ir::IndexExpr& extent) { return ir::names_in(extent).contains(dim); });
  });
}

}  // namespace

Replay replay_of(SubjectOptions options, const std::string& folder, const Dims& given) {
  const SavedCall saved = saved_call(folder);
  if (!is_tile_file(options.name)) {
    const kernels::Entry& entry = entry_of(options.name);
    const std::string preset = saved.kernel == options.name || entry.saved_options ? saved.preset : "";
    if (!options.preset.empty() && !preset.empty() && options.preset != preset)
      throw UserError("unknown-preset", fmt::format("the folder's inputs are for preset {}, not {}", preset, options.preset),
                      "--replay without --preset");
    if (options.preset.empty()) options.preset = preset;
    // What the tensors say goes before what was saved of them.
    add_decided(options, options_of_tensors(folder, entry), fmt::format("the tensors in '{}' have", folder), "--replay");
    if (saved.kernel == options.name) options.settings.insert(saved.options.begin(), saved.options.end());
  }
  Replay replay{subject_of(options), {}};
  Dims dims = dims_of_shapes(replay.subject.program, saved.shapes);
  for (const auto& [name, value] : given) {
    const auto [dim, is_new] = dims.emplace(name, value);
    if (!is_new && dim->second != value)
      throw UserError(
          "dimension-value",
          fmt::format("{} = {} was given, and the tensors in '{}' have {} = {}", name, value, folder, name, dim->second),
          fmt::format("--replay without a value of {}", name));
  }
  for (const ir::Dim& dim : replay.subject.program.dims)
    if (!dims.contains(dim.name) && has_shapes_of(replay.subject.program, dim.name, saved.shapes))
      throw UserError("dimension-value",
                      fmt::format("the tensors in '{}' do not decide {} of '{}'", folder, dim.name, replay.subject.program.name),
                      fmt::format("--dim {}={}", dim.name, dim.typical > 0 ? dim.typical : 1));
  replay.dims = dims_of(replay.subject.program, dims, 0);
  return replay;
}

}  // namespace imbrex::tools
