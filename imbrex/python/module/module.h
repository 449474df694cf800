// The parts of the module.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

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

void add_builder(nb::module_& m);
nb::class_<Program> add_program(nb::module_& m);
void add_running(nb::module_& m, nb::class_<Program>& program);
void add_caller(nb::module_& m);

}  // namespace imbrex::python
