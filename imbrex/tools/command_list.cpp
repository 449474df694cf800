// imbrex list: the registered kernels; the targets and machine classes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/kernels/registry.h"
#include "imbrex/target/rates.h"
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

// One line for each target; those that this machine runs say so.
int list_targets() {
  const std::vector<const target::Target*>& supported = target::supported_targets();
  for (const target::Target& target : target::targets()) {
    const bool runs = std::find(supported.begin(), supported.end(), &target) != supported.end();
    fmt::print("{:<18}{}{}\n", target.name, target.description,
               runs                ? "; runs here"
               : target.has_code() ? ""
                                   : "; for `imbrex check` alone");
  }
  for (const target::MachineClass& each : target::machine_classes())
    fmt::print("{:<18}{}, a machine class{}\n", each.rates.name, each.description,
               &each == &target::class_of_this_machine() ? "; this machine's" : "");
  return 0;
}

}  // namespace

void add_list(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("list", "Lists the kernels with their variants and presets");
  auto details = std::make_shared<bool>(false);
  command->add_flag("--verbose", *details, "With every preset's values and every option's range");
  auto targets = std::make_shared<bool>(false);
  command->add_flag("--targets", *targets,
                    "Instead, what code is generated for, what kernels are judged against, and machine classes");
  command->callback([details, targets, &status] { status = *targets ? list_targets() : list(*details); });
}

}  // namespace imbrex::tools
