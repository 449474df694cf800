// What a command works on: a registered kernel with its variant, preset and options, or a .tile file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/inputs/synthetic.h"
#include "imbrex/ir/program.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/tools/layer_folder.h"
#include "imbrex/tools/settings.h"

namespace imbrex::tools {

using inputs::TensorShape;

// As it stands on the command line.
struct SubjectOptions {
  std::string name, variant, preset;
  std::map<std::string, std::string> settings;  // "hidden" = "4096", each as given

  // Adds NAME, --variant, --preset, and the settings.
  void add_to(CLI::App& command);
  // Adds --set, and its short forms: the flags of all options of registered kernels.
  void add_settings_to(CLI::App& command);
};

// Options that `source` ("the tensors in 'layer'") decides, added to those of the command line. UserError "option-value" where one was
// given there with another value; `flag` is what made the source known.
void add_decided(SubjectOptions& options, const std::map<std::string, std::string>& decided, const std::string& source,
                 const std::string& flag);

struct Subject {
  std::string name, variant, preset;  // variant and preset are empty for a .tile file
  ir::Program program;
  kernels::Options options, changed;  // of a registered kernel: all, and those that are not as its preset has them
  // Expected outputs from inputs, of a registered kernel.
  std::function<Tensors(const Tensors&)> reference;
  kernels::Entry entry = {};  // of a registered kernel; empty for a .tile file
};

bool is_tile_file(const std::string& name);

// The entry of this name; an empty one where there is none, or `name` is a file.
const kernels::Entry& entry_of(const std::string& name);

// UserError: "unknown-kernel", "unknown-variant", "unknown-preset", "unknown-option", "option-value", and those of reading and
// verifying a .tile file.
Subject subject_of(const SubjectOptions& options);

// A value for each dimension of the program: what is given, else its typical value. UserError "dimension-value" for a name that
// the program does not have, and for a value below `least` or above the declared maximum. A call with a dimension of 0 does
// nothing.
std::map<std::string, int64_t> dims_of(const ir::Program& program, const std::map<std::string, int64_t>& given,
                                       int64_t least = 1);

// The tensors of the call that have one of these roles, with their shapes. UserError "out-of-memory" if they cannot all be in
// memory.
std::vector<TensorShape> shapes_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                   const std::vector<ir::Role>& roles);

}  // namespace imbrex::tools
