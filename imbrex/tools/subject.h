// What a command works on: a registered kernel with its variant, preset and options, or a .tile file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/tools/layer_folder.h"
#include "imbrex/tools/synthetic.h"

namespace imbrex::tools {

inline constexpr const char* front_name = "deepseek_v4/qkv_proj_rope";

// As it stands on the command line.
struct SubjectOptions {
  std::string name, variant, preset;
  std::map<std::string, int64_t> sizes;  // by option: "hidden", "heads", "q_lora", "row_splits", ... and those of --set
  std::vector<std::string> settings;     // "hidden=4096", as given to --set

  // Adds NAME, --variant, --preset, --hidden, --heads, --q-lora, --row-splits and --set.
  void add_to(CLI::App& command);
};

struct Subject {
  std::string name, variant, preset;  // variant and preset are empty for a .tile file
  ir::Program program;
  double eps = 0;  // of a registered kernel that has one
  // Expected outputs from inputs, of a registered kernel.
  std::function<Tensors(const Tensors&)> reference;
  bool is_front() const { return name == front_name; }
};

// UserError: "unknown-kernel", "unknown-variant", "unknown-preset", "unknown-option", "dimension-value", and those of reading and
// verifying a .tile file.
Subject subject_of(const SubjectOptions& options);

// "NAME=INTEGER" texts as a map; `option` is what errors call them. UserError "dimension-value".
std::map<std::string, int64_t> settings_of(const std::vector<std::string>& texts, const char* option);

// A value for each dimension of the program: what is given, else its typical value. UserError "dimension-value" for a name that
// the program does not have, and for a value below `least` or above the declared maximum. A call with a dimension of 0 does
// nothing.
std::map<std::string, int64_t> dims_of(const ir::Program& program, const std::map<std::string, int64_t>& given,
                                       int64_t least = 1);

// The bytes of a tensor; of one iteration's, where it is created in a loop. Nothing where its extents follow from more than the
// dimensions, or are more than 64 bits count.
std::optional<int64_t> bytes_at(const ir::Tensor& tensor, const std::map<std::string, int64_t>& dims);

// The tensors of the call that have one of these roles, with their shapes. UserError "out-of-memory" if they cannot all be in
// memory.
std::vector<TensorShape> shapes_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                   const std::vector<ir::Role>& roles);

}  // namespace imbrex::tools
