#include "imbrex/tools/target_option.h"

#include <fmt/format.h>

#include "imbrex/base/error.h"
#include "imbrex/base/nearest.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::tools {
namespace {

std::vector<std::string> names_of_targets() {
  std::vector<std::string> names;
  for (const target::Target* target : target::targets_with_code()) names.push_back(target->name);
  return names;
}

}  // namespace

void add_isa(CLI::App& command, std::string& name) {
  command.add_option(
      "--isa", name,
      fmt::format("Instruction set, one of {} (default: the best of this machine)", fmt::join(names_of_targets(), ", ")));
}

const target::Target& known_target(const std::string& name) {
  const target::Target* target = target::target_named(name);
  if (target != nullptr && target->has_code()) return *target;
  const std::vector<std::string> names = names_of_targets();
  throw UserError("unknown-isa",
                  fmt::format("there is no instruction set '{}'; expected one of {}", name, fmt::join(names, ", ")),
                  fmt::format("--isa {}, or no --isa at all", nearest(name, names)));
}

const target::Target& host_target(const std::string& name) {
  return name.empty() ? runtime::choose_target() : runtime::choose_target(&known_target(name));
}

}  // namespace imbrex::tools
