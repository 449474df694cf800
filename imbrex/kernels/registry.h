// Every kernel by name, with its variants, presets and options.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"

namespace imbrex::kernels {

using Options = std::map<std::string, int64_t>;
using Tensors = std::map<std::string, Array>;

struct OptionInfo {
  std::string name, description;
  int64_t least = 1, most = 1;  // allowed values
  int64_t multiple_of = 1;
};

struct Preset {
  std::string name, description;
  Options options;  // a value for every option
  double eps = 1e-6;
};

struct Entry {
  std::string name, description;
  std::vector<std::string> variants;  // the first is the default
  std::vector<Preset> presets;        // likewise
  std::vector<OptionInfo> options;
  // Values of all options are complete and in range. eps is that of the preset.
  std::function<ir::Program(const std::string& variant, const Options& options, double eps)> program;
  // Expected outputs from inputs, computed independently of the kernel.
  std::function<Tensors(const Tensors& inputs, double eps)> reference;
};

const std::vector<Entry>& registry();

// UserError "unknown-kernel", with the names there are.
const Entry& find_kernel(const std::string& name);

struct Built {
  std::string name, variant, preset;
  Options options;  // all of them
  double eps = 0;
  ir::Program program;
  std::function<Tensors(const Tensors& inputs)> reference;
};
// Builds a kernel. An empty variant or preset is the default one; `options` override the preset's. UserErrors "unknown-kernel",
// "unknown-variant", "unknown-preset", "unknown-option", "dimension-value".
Built build(const std::string& name, const std::string& variant, const std::string& preset, const Options& options);

}  // namespace imbrex::kernels
