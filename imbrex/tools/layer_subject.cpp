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

// A preset that is asked for has the checkpoint's sizes, which are the options with short forms; others may differ.
void require_preset_of(const kernels::Entry& entry, const std::string& name, const std::map<std::string, std::string>& decided,
                       const std::string& folder) {
  const kernels::Options of_layer = kernels::read_options(entry.name, name, decided);
  const auto preset =
      std::find_if(entry.presets.begin(), entry.presets.end(), [&](const auto& each) { return each.name == name; });
  require(preset != entry.presets.end(), "a preset whose options were read is there");
  for (const kernels::OptionInfo& option : entry.options) {
    const auto value = of_layer.find(option.name);
    if (option.flag.empty() || value == of_layer.end() || preset->options.at(option.name) == value->second) continue;
    throw UserError("option-value",
                    fmt::format("preset {} has {} = {}, and '{}' has {}", name, option.name,
                                kernels::text_of(preset->options.at(option.name)), folder, kernels::text_of(value->second)),
                    "--checkpoint without --preset");
  }
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
  const kernels::Entry& entry = entry_of(chosen.name);
  if (chosen.preset.empty())
    chosen.preset = nearest_preset(entry, decided);
  else
    require_preset_of(entry, chosen.preset, decided, model.folder());
  add_decided(chosen, decided, fmt::format("'{}' has", model.folder()), "--checkpoint");
}

}  // namespace imbrex::tools
