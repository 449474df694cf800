#include "imbrex/tools/subject.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"
#include "imbrex/inputs/made_inputs.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/tools/memory_limit.h"

namespace imbrex::tools {
namespace {

Subject subject_from_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw UserError("file-unreadable",
                    fmt::format("cannot read '{}': {}", path,
                                std::filesystem::exists(path, error) ? "it is not a file" : "there is no such file"),
                    "the path of a .tile file");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) throw UserError("file-unreadable", fmt::format("cannot read '{}'", path), "a file that you may read");
  Subject subject;
  subject.name = path;
  subject.program = ir::parse(text, path);
  ir::verify_or_throw(subject.program);
  return subject;
}

}  // namespace

const kernels::Entry& entry_of(const std::string& name) {
  static const kernels::Entry none = {};
  for (const kernels::Entry& entry : kernels::registry())
    if (entry.name == name) return entry;
  return none;
}

bool is_tile_file(const std::string& name) { return std::filesystem::path(name).extension() == ".tile"; }

void SubjectOptions::add_to(CLI::App& command) {
  command.add_option("name", name, "A registered kernel (imbrex list), or a .tile file")->required();
  command.add_option("--variant", variant, "One of the kernel's variants (default: the first)");
  command.add_option("--preset", preset, "One of the kernel's presets");
  add_settings_to(command);
}

void SubjectOptions::add_settings_to(CLI::App& command) {
  const auto set = [this](const std::string& option, const std::string& value) {
    const auto [found, is_new] = settings.emplace(option, value);
    if (!is_new && found->second != value)
      throw UserError("option-value", fmt::format("{} is given twice: {} and {}", option, found->second, value),
                      fmt::format("--set {}={} alone", option, value));
  };
  const auto given = [set](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const auto setting = setting_of(text);
      if (!setting) throw UserError("option-value", fmt::format("--set '{}': expected NAME=VALUE", text), "--set eps=1e-20");
      set(setting->first, setting->second);
    }
  };
  command.add_option_function<std::vector<std::string>>(
      "--set", given, "NAME=VALUE: an option of the kernel; `imbrex list NAME` shows their types and defaults");
  std::set<std::string> added;
  for (const kernels::Entry& entry : kernels::registry())
    for (const kernels::OptionInfo& option : entry.options)
      if (!option.flag.empty() && added.insert(option.flag).second)
        command.add_option_function<std::string>(
            option.flag, [set, name = option.name](const std::string& value) { set(name, value); },
            fmt::format("Short for --set {}=", option.name));
}

void add_decided(SubjectOptions& options, const std::map<std::string, std::string>& decided, const std::string& source,
                 const std::string& flag) {
  for (const auto& [name, value] : decided) {
    const auto [option, is_new] = options.settings.emplace(name, value);
    if (!is_new && option->second != value)
      throw UserError("option-value", fmt::format("{} = {} was given, and {} {}", name, option->second, source, value),
                      fmt::format("{} without {}", flag, name));
  }
}

Subject subject_of(const SubjectOptions& options) {
  if (is_tile_file(options.name)) {
    if (!options.variant.empty() || !options.preset.empty() || !options.settings.empty())
      throw UserError("unknown-option", fmt::format("'{}' is a file: it has no variants, presets or options", options.name),
                      "the file's name alone, and dimensions where the command takes them");
    return subject_from_file(options.name);
  }
  const kernels::Entry& entry = entry_of(options.name);
  std::error_code error;
  if (entry.name.empty() && std::filesystem::exists(options.name, error))
    throw UserError(
        "file-unreadable",
        fmt::format("'{}' is {}, and no kernel has this name", options.name,
                    std::filesystem::is_directory(options.name, error) ? "a folder" : "a file whose name does not end in .tile"),
        "the path of a .tile file, or a kernel of `imbrex list`");
  const std::string preset = options.preset.empty() ? entry.usual_preset : options.preset;
  kernels::Built built =
      kernels::build(options.name, options.variant, preset, kernels::read_options(options.name, preset, options.settings));
  return {built.name,
          built.variant,
          built.preset,
          std::move(built.program),
          std::move(built.options),
          std::move(built.changed),
          std::move(built.reference),
          entry};
}

std::map<std::string, int64_t> dims_of(const ir::Program& program, const std::map<std::string, int64_t>& given, int64_t least) {
  std::map<std::string, int64_t> dims;
  std::vector<std::string> names;
  for (const ir::Dim& dim : program.dims) {
    names.push_back(dim.name);
    const auto found = given.find(dim.name);
    const int64_t value = found != given.end() ? found->second : dim.typical > 0 ? dim.typical : 1;
    const int64_t most = dim.most();
    if (value < least || value > most)
      throw UserError("dimension-value",
                      fmt::format("dimension {} = {} of '{}': expected {} to {}", dim.name, value, program.name, least, most),
                      fmt::format("{}{}", dim.name == "T" ? "--tokens " : fmt::format("--dim {}=", dim.name),
                                  dim.typical > 0 ? dim.typical : 1));
    dims.emplace(dim.name, value);
  }
  for (const auto& [name, value] : given)
    if (!dims.count(name))
      throw UserError("dimension-value",
                      fmt::format("'{}' has no dimension {}; it has: {}", program.name, name, fmt::join(names, ", ")),
                      names.empty() ? "no sizes" : fmt::format("a value for {}", names.front()));
  return dims;
}

std::vector<TensorShape> shapes_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                   const std::vector<ir::Role>& roles) {
  return inputs::shapes_of(program, dims, roles, memory_limit());
}

}  // namespace imbrex::tools
