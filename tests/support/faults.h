// What the interpreter's checked mode says of a run, beside what the prover says of all runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/prove/prove.h"

namespace imbrex::test {

// The fault of a run in checked mode, if it has one. `tensors` hold inputs, and then what was written. Throws
// interpret::OutOfWork where the run is long.
inline std::optional<Diagnostic> fault_of(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                          std::map<std::string, Array>& tensors) {
  interpret::Options options;
  options.checked = true;
  options.most_bytes = int64_t{1} << 28;
  options.most_work = 20000000;
  try {
    interpret::run(program, dims, tensors, options);
  } catch (const interpret::Fault& fault) {
    return fault.diagnostics().at(0);
  }
  return std::nullopt;
}

inline bool is_about_memory(const std::string& id) {
  return id == "out-of-bounds" || id == "uninitialised-read" || id == "output-not-written" || id == "parallel-conflict";
}

inline std::vector<Diagnostic> errors_of(const prove::Report& report) {
  std::vector<Diagnostic> errors = report.diagnostics;
  std::erase_if(errors, [](const Diagnostic& diagnostic) { return diagnostic.is_warning; });
  return errors;
}

// The sizes that a message shows first; those that it leaves out do not matter.
inline std::map<std::string, int64_t> sizes_in(const ir::Program& program, const std::string& message, int64_t otherwise) {
  std::map<std::string, int64_t> dims;
  for (const ir::Dim& dim : program.dims) {
    std::smatch found;
    const bool is_shown = std::regex_search(message, found, std::regex("\\b" + dim.name + "=([0-9]{1,18})\\b"));
    dims[dim.name] = is_shown ? std::stoll(found[1]) : std::min(otherwise, dim.max.value_or(otherwise));
  }
  return dims;
}

}  // namespace imbrex::test
