// From plans to one complete C++ file that we would sign.
//
// The text is written against the logical vector of 16 lanes of imbrex/target/isa/*.h: it is the same for every target but for
// the header it includes and the product kernels it calls. It holds no file names and no lines, so that a kernel's text depends
// on its program alone. Each kernel is exported as `extern "C" const imbrex_kernel* imbrex_kernel_<symbol>(void)`
// (imbrex/runtime/abi.h), where <symbol> is symbol_of(program).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "imbrex/codegen/writer.h"
#include "imbrex/ir/program.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

// The kernel's name as a C identifier: every other character becomes an underscore.
std::string symbol_of(const ir::Program& program);

// Of plans for this machine.
std::string generate(const plan::Plan& plan, const target::Machine& machine);
// Several kernels, of distinct symbols, in one file.
std::string generate_many(std::span<const plan::Plan> plans, const target::Machine& machine);
// The same text, line by line, each with the statements of the plans' programs that it is written for. Lines that every kernel has,
// tables of arguments and what is computed from all of a program are of none.
std::vector<Line> generated_lines(std::span<const plan::Plan> plans, const target::Machine& machine);

}  // namespace imbrex::codegen
