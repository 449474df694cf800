// imbrex list: the registered kernels.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/kernels/registry.h"
#include "imbrex/tools/commands.h"

namespace imbrex::tools {
namespace {

void print_details(const kernels::Entry& entry) {
  for (const kernels::Preset& preset : entry.presets) {
    std::vector<std::string> values;
    for (const auto& [name, value] : preset.options) values.push_back(fmt::format("{}={}", name, value));
    fmt::print("    --preset {:<10} {}: {}\n", preset.name, preset.description, fmt::join(values, " "));
  }
  for (const kernels::OptionInfo& option : entry.options)
    fmt::print("    --set {}={}..{}  {}\n", option.name, option.least, option.most, option.description);
}

int list(bool details) {
  for (const kernels::Entry& entry : kernels::registry()) {
    std::vector<std::string> presets;
    for (const kernels::Preset& preset : entry.presets) presets.push_back(preset.name);
    fmt::print("{:<28}{}\n{:<28}variants {}; presets {}\n", entry.name, entry.description, "", fmt::join(entry.variants, ", "),
               fmt::join(presets, ", "));
    if (details) print_details(entry);
  }
  return 0;
}

}  // namespace

void add_list(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("list", "Lists the kernels with their variants and presets");
  auto details = std::make_shared<bool>(false);
  command->add_flag("--verbose", *details, "With every preset's values and every option's range");
  command->callback([details, &status] { status = list(*details); });
}

}  // namespace imbrex::tools
