#include "imbrex/tools/machine_options.h"

#include <fmt/format.h>

#include <cstdlib>

#include "imbrex/base/error.h"
#include "imbrex/base/nearest.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::tools {
namespace {

std::vector<std::string> names_of(const std::vector<const target::Target*>& targets) {
  std::vector<std::string> names;
  for (const target::Target* target : targets) names.push_back(target->name);
  return names;
}

}  // namespace

std::string names_of_targets() { return fmt::format("{}", fmt::join(names_of(target::targets_with_code()), ", ")); }

std::string names_of_machines() {
  std::vector<std::string> names;
  for (const target::MachineClass& each : target::machine_classes()) names.push_back(each.rates.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const target::Target& known_target(const std::string& name, bool to_run) {
  if (const target::Target* target = target::target_with_code_named(name)) return *target;
  const auto architecture = target::architecture_named(name);
  throw UserError("unknown-isa", fmt::format("there is no instruction set '{}'; expected one of {}", name, names_of_targets()),
                  architecture
                      ? fmt::format("one of {}, which are for {}; or no --isa at all",
                                    fmt::join(names_of(target::targets_of(*architecture)), ", "), name)
                      : fmt::format("--isa {}, or no --isa at all",
                                    nearest(name, names_of(to_run ? target::supported_targets() : target::targets_with_code()))));
}

const std::string& known_judged_target(const std::string& name) {
  if (target::judged_target_named(name) != nullptr) return name;
  const std::vector<std::string> known = target::judged_target_names();
  const bool is_host = target::target_with_code_named(name) != nullptr || target::architecture_named(name);
  throw UserError(
      "unknown-target",
      fmt::format("there is no target '{}' to judge a kernel against; expected one of {}", name, fmt::join(known, ", ")),
      fmt::format("--target {}, or no --target at all for the host",
                  is_host ? "host, which stands for all that code is generated for" : nearest(name, known)));
}

void MachineOptions::add_to(CLI::App& command) {
  command.add_option("--isa", isa,
                     fmt::format("Instruction set, one of {} (default: the best of this machine)", names_of_targets()));
  command.add_option("--machine", machine,
                     fmt::format("Whose speed programs are made for: {}, or a file of `imbrex calibrate` (default: this one's)",
                                 names_of_machines()));
}

target::Machine MachineOptions::to_run() const {
  const target::Target& target = isa.empty() ? runtime::choose_target() : runtime::choose_target(&known_target(isa, true));
  return {target, machine.empty() ? target::rates_of_this_machine() : target::rates_named(machine)};
}

target::Machine MachineOptions::to_read() const {
  const char* given = std::getenv("IMBREX_ISA");
  const std::string name = isa.empty() && given != nullptr ? given : isa;
  const target::Target& target = name.empty() ? target::best_target() : known_target(name);
  if (!machine.empty()) return {target, target::rates_named(machine)};
  // This machine's say nothing of another architecture's targets: those get what libraries made ahead of time get.
  if (!imbrex_is_of_this_architecture(&target.needs)) return target;
  return {target, target::rates_of_this_machine()};
}

}  // namespace imbrex::tools
