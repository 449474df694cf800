#include "imbrex/kernels/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/base/nearest.h"
#include "imbrex/kernels/entries.h"

namespace imbrex::kernels {
namespace {

// The element of `list` called `name`, the first for an empty name. `flag` is how the command is told, for what to try.
template <class T, class NameOf>
const T& choose(const std::vector<T>& list, const std::string& name, const char* id, const std::string& what, const char* flag,
                NameOf name_of) {
  if (name.empty()) return list.front();
  std::vector<std::string> names;
  for (const T& element : list) {
    if (name_of(element) == name) return element;
    names.push_back(name_of(element));
  }
  throw UserError(id, fmt::format("there is no {} '{}'; expected one of: {}", what, name, fmt::join(names, ", ")),
                  fmt::format("{}{}", flag, nearest(name, names)));
}

void check_value(const Entry& entry, const OptionInfo& option, int64_t value) {
  if (value >= option.least && value <= option.most && value % option.multiple_of == 0) return;
  const std::string rule = option.multiple_of == 1 ? std::string() : fmt::format(", a multiple of {}", option.multiple_of);
  throw UserError(
      "dimension-value",
      fmt::format("{} = {} of '{}': expected {} to {}{}", option.name, value, entry.name, option.least, option.most, rule),
      fmt::format("--set {}={}", option.name, entry.presets.front().options.at(option.name)));
}

}  // namespace

const std::vector<Entry>& registry() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> all = nn_entries();
    all.push_back(qkv_proj_rope_entry());
    return all;
  }();
  return entries;
}

const Entry& find_kernel(const std::string& name) {
  if (name.empty()) throw UserError("unknown-kernel", "a kernel without a name", "imbrex list shows the kernels there are");
  return choose(registry(), name, "unknown-kernel", "kernel", "`imbrex list`, or ",
                [](const Entry& entry) { return entry.name; });
}

Built build(const std::string& name, const std::string& variant, const std::string& preset, const Options& options) {
  const Entry& entry = find_kernel(name);
  const std::string& chosen = choose(entry.variants, variant, "unknown-variant", fmt::format("variant of '{}'", name),
                                     "--variant ", [](const std::string& v) { return v; });
  const Preset& base = choose(entry.presets, preset, "unknown-preset", fmt::format("preset of '{}'", name), "--preset ",
                              [](const Preset& p) { return p.name; });
  Built built{name, chosen, base.name, base.options, base.eps, {}, {}};
  for (const auto& [option, value] : options) {
    choose(entry.options, option, "unknown-option", fmt::format("option of '{}' called", name), "--set NAME=VALUE with ",
           [](const OptionInfo& o) { return o.name; });
    built.options[option] = value;
  }
  for (const OptionInfo& option : entry.options) check_value(entry, option, built.options.at(option.name));
  built.program = entry.program(chosen, built.options, base.eps);
  built.reference = [&entry, eps = base.eps](const Tensors& inputs) { return entry.reference(inputs, eps); };
  return built;
}

}  // namespace imbrex::kernels
