// imbrex make-checkpoint: a checkpoint in the released layout, with weights from a seed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/make_checkpoint.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/progress.h"

namespace imbrex::tools {
namespace {

int64_t number_of(const std::string& text, const std::string& whole) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw UserError("option-value", fmt::format("--layers '{}': expected a layer, or the first and the last", whole),
                    "--layers 0-3");
  return value;
}

// "2" or "0-3".
void read_layers(const std::string& text, checkpoint::CheckpointToMake& what) {
  const size_t dash = text.find('-');
  what.first_layer = number_of(text.substr(0, dash), text);
  what.last_layer = dash == std::string::npos ? what.first_layer : number_of(text.substr(dash + 1), text);
}

std::string preset_help() {
  std::vector<std::string> presets;
  for (const checkpoint::CheckpointPreset& preset : checkpoint::checkpoint_presets())
    presets.push_back(fmt::format("{} ({})", preset.name, preset.description));
  return fmt::format("{}", fmt::join(presets, "; "));
}

}  // namespace

void add_make_checkpoint(CLI::App& app, int& status) {
  struct Options {
    std::string folder, layers = "0-3";
    checkpoint::CheckpointToMake what;
  };
  auto* command = app.add_subcommand("make-checkpoint", "Writes a checkpoint in the released layout, with weights from a seed");
  auto o = std::make_shared<Options>();
  command->add_option("folder", o->folder, "A new folder")->required();
  command->add_option("--preset", o->what.preset, preset_help())->required();
  command->add_option("--layers", o->layers, "A layer, or the first and the last: their attention's tensors alone (default 0-3)");
  command->add_option("--seed", o->what.seed, "Seed of the weights (default 1)");
  command->callback([o, &status] {
    read_layers(o->layers, o->what);
    Progress progress;
    const int64_t bytes = checkpoint::make_checkpoint(
        o->folder, o->what, [&](int64_t layer) { progress.say(fmt::format("making layer {}", layer)); });
    progress.clear();
    fmt::print("{}: layers {} to {} of {}, {:.1f} MiB\n", o->folder, o->what.first_layer, o->what.last_layer, o->what.preset,
               static_cast<double>(bytes) / (1 << 20));
    status = 0;
  });
}

}  // namespace imbrex::tools
