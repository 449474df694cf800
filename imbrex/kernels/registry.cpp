#include "imbrex/kernels/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

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

const Preset& find_preset(const Entry& entry, const std::string& name) {
  return choose(entry.presets, name, "unknown-preset", fmt::format("preset of '{}'", entry.name), "--preset ",
                [](const Preset& preset) { return preset.name; });
}

const OptionInfo& find_option(const Entry& entry, const std::string& name) {
  return choose(entry.options, name, "unknown-option", fmt::format("option of '{}' called", entry.name), "--set NAME=VALUE with ",
                [](const OptionInfo& option) { return option.name; });
}

[[noreturn]] void refuse(const Entry& entry, const Preset& preset, const OptionInfo& option, const std::string& value) {
  const std::string usual = text_of(preset.options.at(option.name));
  throw UserError("option-value",
                  fmt::format("{} = {} of '{}': expected {} (default {}, preset {})", option.name, value, entry.name,
                              option.rule(), usual, preset.name),
                  fmt::format("--set {}={}", option.name, usual));
}

}  // namespace

double LeastWork::multiply_adds() const { return std::accumulate(products.begin(), products.end(), 0.0); }

const std::vector<Entry>& registry() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> all = nn_entries();
    all.push_back(qkv_proj_rope_entry());
    all.push_back(qkv_proj_rope_latents_entry());
    all.push_back(qkv_proj_rope_queries_entry());
    all.push_back(qkv_proj_rope_w8a16_entry());
    all.push_back(qkv_proj_rope_fp8_reference_entry());
    all.push_back(attention_front_entry());
    all.push_back(latent_insert_entry());
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
  const Preset& base = find_preset(entry, preset);
  Built built{name, chosen, base.name, base.options, {}, {}, {}};
  for (const auto& [given, value] : options) {
    const OptionInfo& option = find_option(entry, given);
    if (!option.allows(value)) refuse(entry, base, option, text_of(value));
    built.options[given] = value;
    if (value != base.options.at(given)) built.changed[given] = value;
  }
  built.program = entry.program(chosen, built.options);
  built.reference = [&entry, all = built.options](const Tensors& inputs) { return entry.reference(inputs, all); };
  return built;
}

Options read_options(const std::string& name, const std::string& preset, const std::map<std::string, std::string>& texts) {
  const Entry& entry = find_kernel(name);
  const Preset& base = find_preset(entry, preset);
  Options options;
  for (const auto& [given, text] : texts) {
    const OptionInfo& option = find_option(entry, given);
    const std::optional<OptionValue> value = option.read(text);
    if (!value) refuse(entry, base, option, text);
    options.emplace(given, *value);
  }
  return options;
}

}  // namespace imbrex::kernels
