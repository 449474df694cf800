// What the handles of imbrex/imbrex.h are, and how C++ errors leave through it. Private to c/.
#pragma once

#include <new>
#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/imbrex.h"
#include "imbrex/ir/program.h"

struct imbrex_error {
  std::vector<imbrex::Diagnostic> diagnostics;
  std::string text;
  std::vector<std::vector<imbrex_note>> notes;  // of each diagnostic, over the strings above
};

struct imbrex_program {
  explicit imbrex_program(imbrex::ir::Program made);
  imbrex_program(const imbrex_program&) = delete;

  const imbrex::ir::Program program;
  // For imbrex_tensor_description, which points to these.
  std::vector<std::vector<std::string>> extents;
  std::vector<std::vector<const char*>> shapes;
};

namespace imbrex::c {

imbrex_error* error_of(std::vector<Diagnostic> diagnostics);
char* string_of(const std::string& text);  // for imbrex_string_free; std::bad_alloc

// An argument that is needed: UserError "null-argument", with the name that imbrex.h has for it.
template <class T>
T& needed(T* pointer, const char* name) {
  if (!pointer) throw UserError("null-argument", std::string("'") + name + "' is null", "give it");
  return *pointer;
}
inline std::string text_or_empty(const char* text) { return text ? text : ""; }

// The element type; UserError "unknown-type".
DType dtype_of(imbrex_dtype dtype);
imbrex_dtype dtype_of(DType dtype);

// Runs `body`, and puts what it throws into an outcome and an error.
template <class Body>
imbrex_outcome guarded(imbrex_error** error, const Body& body) {
  if (error) *error = nullptr;
  try {
    try {
      body();
      return IMBREX_DONE;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const UserError& refused) {
      if (error) *error = error_of(refused.diagnostics());
      return IMBREX_REFUSED;
    } catch (const std::exception& defect) {
      if (error) *error = error_of({Diagnostic{"internal-error", {}, defect.what(), "", {}}});
      return IMBREX_DEFECT;
    }
  } catch (const std::bad_alloc&) {
    return IMBREX_OUT_OF_MEMORY;
  }
}

}  // namespace imbrex::c
