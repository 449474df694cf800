// Every kernel by name, with its variants, presets and options.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"
#include "imbrex/kernels/options.h"

namespace imbrex::kernels {

using Tensors = std::map<std::string, Array>;

struct Preset {
  std::string name, description;
  Options options;  // a value for every option
};

struct Entry {
  std::string name, description;
  std::vector<std::string> variants;  // the first is the default
  std::vector<Preset> presets;        // likewise
  std::vector<OptionInfo> options;
  // Values of all options are complete and in range.
  std::function<ir::Program(const std::string& variant, const Options& options)> program;
  // Expected outputs from inputs, computed independently of the kernel.
  std::function<Tensors(const Tensors& inputs, const Options& options)> reference;
};

const std::vector<Entry>& registry();

// UserError "unknown-kernel", with the names there are.
const Entry& find_kernel(const std::string& name);

struct Built {
  std::string name, variant, preset;
  Options options;  // all of them
  Options changed;  // those that are not as the preset has them
  ir::Program program;
  std::function<Tensors(const Tensors& inputs)> reference;
};
// Builds a kernel. An empty variant or preset is the default one; `options` override the preset's. UserErrors "unknown-kernel",
// "unknown-variant", "unknown-preset", "unknown-option", "option-value".
Built build(const std::string& name, const std::string& variant, const std::string& preset, const Options& options);

// Options as texts, by name, each read as its type is. The same errors.
Options read_options(const std::string& name, const std::string& preset, const std::map<std::string, std::string>& texts);

}  // namespace imbrex::kernels
