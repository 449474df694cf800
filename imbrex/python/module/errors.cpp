#include "errors.h"

#include <Python.h>

namespace imbrex::python {
namespace {

[[noreturn]] void raise_class(const char* name, const nb::object& argument) {
  const nb::object exception = nb::module_::import_("imbrex.errors").attr(name);
  PyErr_SetObject(exception.ptr(), exception(argument).ptr());
  throw nb::python_error();
}

// The fields of imbrex.errors.Diagnostic.
nb::object diagnostic_of(const imbrex_diagnostic& d) {
  nb::list notes;
  for (size_t i = 0; i < d.note_count; ++i) notes.append(nb::make_tuple(d.notes[i].file, d.notes[i].line, d.notes[i].message));
  return nb::make_tuple(d.id, d.message, d.hint, d.file, d.line, nb::tuple(notes), d.is_warning != 0);
}

}  // namespace

void refuse(const char* id, const std::string& message, const std::string& hint) {
  nb::list diagnostics;
  diagnostics.append(nb::make_tuple(id, message, hint));
  raise_class("Error", diagnostics);
}

void raise(imbrex_outcome outcome, imbrex_error* error) {
  if (outcome == IMBREX_OUT_OF_MEMORY) throw std::bad_alloc();
  nb::list diagnostics;
  for (size_t i = 0; i < imbrex_error_count(error); ++i) diagnostics.append(diagnostic_of(imbrex_error_at(error, i)));
  const std::string text = imbrex_error_text(error);
  imbrex_error_free(error);
  if (outcome == IMBREX_REFUSED) raise_class("Error", diagnostics);
  raise_class("InternalError", nb::str(text.c_str()));
}

}  // namespace imbrex::python
