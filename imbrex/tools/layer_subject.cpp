#include "imbrex/tools/layer_subject.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/base/error.h"

namespace imbrex::tools {
namespace {

std::string nearest_preset(const kernels::Entry& entry, const std::map<std::string, std::string>& decided) {
  const auto unlike = [&](const kernels::Preset& preset) {
    const kernels::Options options = kernels::read_options(entry.name, preset.name, decided);
    return std::count_if(options.begin(), options.end(),
                         [&](const auto& option) { return preset.options.at(option.first) != option.second; });
  };
  return std::min_element(entry.presets.begin(), entry.presets.end(),
                          [&](const auto& a, const auto& b) { return unlike(a) < unlike(b); })
      ->name;
}

}  // namespace

const kernels::FromCheckpoint& from_checkpoint_of(const std::string& kernel) {
  const kernels::Entry& entry = entry_of(kernel);
  if (!entry.from_checkpoint)
    throw UserError("unknown-option", fmt::format("'{}' takes no weights from a checkpoint", kernel),
                    "the same without --checkpoint");
  return *entry.from_checkpoint;
}

void decide_by_layer(SubjectOptions& chosen, checkpoint::Checkpoint& model, int64_t layer) {
  const auto decided = from_checkpoint_of(chosen.name).options(model, layer);
  if (chosen.preset.empty()) chosen.preset = nearest_preset(entry_of(chosen.name), decided);
  add_decided(chosen, decided, fmt::format("'{}' has", model.folder()), "--checkpoint");
}

}  // namespace imbrex::tools
