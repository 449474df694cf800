// imbrex._imbrex: the C interface as Python objects. _imbrex.pyi describes it.
#include "module.h"

NB_MODULE(_imbrex, m) {
  // Kernels of modules, and operators of torch, live until the process ends; nothing is lost with them.
  nanobind::set_leak_warnings(false);
  imbrex::python::add_builder(m);
  auto program = imbrex::python::add_program(m);
  imbrex::python::add_running(m, program);
  imbrex::python::add_caller(m);
}
