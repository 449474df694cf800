// imbrex list: the registered kernels; the targets and machine classes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/kernels/registry.h"
#include "imbrex/target/rates.h"
#include "imbrex/tools/commands.h"

namespace imbrex::tools {
namespace {

// "1e-06, in flash_2 1e-20": the value in the first preset, and in those that differ.
std::string defaults_of(const kernels::Entry& entry, const std::string& option) {
  const kernels::OptionValue usual = entry.presets.front().options.at(option);
  std::string text = "default " + kernels::text_of(usual);
  for (const kernels::Preset& preset : entry.presets)
    if (const kernels::OptionValue value = preset.options.at(option); value != usual)
      text += fmt::format(", in {} {}", preset.name, kernels::text_of(value));
  return text;
}

void print_details(const kernels::Entry& entry) {
  for (const kernels::Preset& preset : entry.presets)
    fmt::print("    --preset {:<10} {}: {}\n", preset.name, preset.description, kernels::text_of(preset.options));
  for (const kernels::OptionInfo& option : entry.options)
    fmt::print("    --set {:<16} {}; {} ({})\n", option.name + "=", option.description, option.rule(),
               defaults_of(entry, option.name));
}

void print(const kernels::Entry& entry) {
  std::vector<std::string> presets;
  for (const kernels::Preset& preset : entry.presets) presets.push_back(preset.name);
  fmt::print("{:<27} {}\n{:<28}variants {}; presets {}\n", entry.name, entry.description, "", fmt::join(entry.variants, ", "),
             fmt::join(presets, ", "));
}

int list(const std::string& name, bool details) {
  if (!name.empty()) {
    print(kernels::find_kernel(name));
    print_details(kernels::find_kernel(name));
    return 0;
  }
  for (const kernels::Entry& entry : kernels::registry()) {
    print(entry);
    if (details) print_details(entry);
  }
  return 0;
}

// What this machine does with a target: runs it, or nothing, if its processor or operating system lacks something.
std::string use_of(const target::Target& target) {
  if (!target.has_code()) return "; for `imbrex check` alone";
  if (target::runs_here(target)) return "; runs here";
  if (target::is_of_this_architecture(target)) return "";
  return fmt::format("; for {}, ahead of time alone", target::name_of(target.needs.architecture));
}

int list_targets() {
  for (const target::Target& target : target::targets())
    fmt::print("{:<18}{}{}\n", target.name, target.description, use_of(target));
  for (const target::MachineClass& each : target::machine_classes())
    fmt::print("{:<18}{}, a machine class{}\n", each.rates.name, each.description,
               &each == &target::class_of_this_machine() ? "; this machine's" : "");
  return 0;
}

}  // namespace

void add_list(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("list", "Lists the kernels with their variants and presets");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "One kernel, with what --verbose shows of it");
  auto details = std::make_shared<bool>(false);
  command->add_flag("--verbose", *details, "With every preset's values and every option's type, range and default");
  auto targets = std::make_shared<bool>(false);
  command->add_flag("--targets", *targets,
                    "Instead, what code is generated for, what kernels are judged against, and machine classes");
  command->callback([name, details, targets, &status] { status = *targets ? list_targets() : list(*name, *details); });
}

}  // namespace imbrex::tools
