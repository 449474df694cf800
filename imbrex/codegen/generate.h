// From a verified tile program to one complete C++ file that we would sign.
//
// The text is written against the logical vector of 16 lanes of imbrex/target/isa/*.h: it is the same for every target but for
// the header it includes and the product kernels it calls. It holds no file names and no lines, so that a kernel's text depends
// on its program alone. Each kernel is exported as `extern "C" const imbrex_kernel* imbrex_kernel_<symbol>(void)`
// (imbrex/runtime/abi.h), where <symbol> is symbol_of(program).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/ir/program.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

struct Options {
  target::Machine machine;
  bool taps = false;  // compile the calls for `tap` in; without it they cost nothing
};

struct Generated {
  std::string source;
  std::vector<plan::Remark> remarks;
};

// The kernel's name as a C identifier: every other character becomes an underscore.
std::string symbol_of(const ir::Program& program);

// Throws UserError where a buffer has no bound that follows from the dimensions ("unbounded-tile").
Generated generate(const ir::Program& program, const Options& options);
// Several kernels, of distinct symbols, in one file.
Generated generate_many(std::span<const ir::Program> programs, const Options& options);

}  // namespace imbrex::codegen
