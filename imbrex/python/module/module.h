// The parts of the module.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "imbrex/imbrex.h"

namespace imbrex::python {

namespace nb = nanobind;

struct Program {
  std::shared_ptr<const imbrex_program> program;
};
inline Program program_of(imbrex_program* program) {
  return {std::shared_ptr<const imbrex_program>(
      program, [](const imbrex_program* p) { imbrex_program_free(const_cast<imbrex_program*>(p)); })};
}

// A tensor that a kernel is called with.
struct TensorInfo {
  std::string name, dtype, role;
  std::vector<std::string> shape;
};

void add_builder(nb::module_& m);
nb::class_<Program> add_program(nb::module_& m);
void add_running(nb::module_& m, nb::class_<Program>& program);
void add_caller(nb::module_& m);

}  // namespace imbrex::python
