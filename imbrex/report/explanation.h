// What the optimizer made of a kernel, and why, as text: scopes, choices with what was rejected, tensors that are gone, estimates.
#pragma once

#include <map>
#include <string>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/target/rates.h"

namespace imbrex::report {

// `dims`: a value for each dimension, for bytes and estimates. `measured`: seconds by scope at these dimensions; empty: not measured.
std::string explanation_of(const ir::Program& program, const runtime::Translation& translation, const target::Machine& machine,
                           const std::map<std::string, int64_t>& dims, const std::map<std::string, double>& measured = {});

}  // namespace imbrex::report
