#include <cstdlib>
#include <cstring>

#include "imbrex/c/objects.h"

namespace imbrex::c {

imbrex_error* error_of(std::vector<Diagnostic> diagnostics) {
  auto error = std::make_unique<imbrex_error>();
  for (Diagnostic& diagnostic : diagnostics) {
    error->text += (error->text.empty() ? "" : "\n") + render(diagnostic);
    std::vector<Diagnostic::Note> notes;
    for (const SourceLine* caller = diagnostic.where.called_from.get(); caller; caller = caller->called_from.get())
      notes.push_back({*caller, "called from here"});
    diagnostic.notes.insert(diagnostic.notes.begin(), notes.begin(), notes.end());
  }
  error->diagnostics = std::move(diagnostics);
  for (const Diagnostic& diagnostic : error->diagnostics) {
    error->notes.emplace_back();
    for (const Diagnostic::Note& note : diagnostic.notes)
      error->notes.back().push_back({note.where.file.c_str(), note.where.line, note.message.c_str()});
  }
  return error.release();
}

char* string_of(const std::string& text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

DType dtype_of(imbrex_dtype dtype) {
#define IMBREX_ROW(id, name, bytes, form, layout, precision, least, greatest, suffix, memory, abi, safetensors) \
  if (dtype == abi) return DType::id;
  IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
  throw UserError("unknown-type", "there is no element type of the number " + std::to_string(static_cast<int>(dtype)),
                  "give one of imbrex_dtype");
}

imbrex_dtype dtype_of(DType dtype) {
  switch (dtype) {
#define IMBREX_ROW(id, name, bytes, form, layout, precision, least, greatest, suffix, memory, abi, safetensors) \
  case DType::id: return abi;
    IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
  }
  throw InternalError("every type has a constant of the C interface");
}

}  // namespace imbrex::c

using namespace imbrex;
using namespace imbrex::c;

size_t imbrex_error_count(const imbrex_error* error) { return error ? error->diagnostics.size() : 0; }

imbrex_diagnostic imbrex_error_at(const imbrex_error* error, size_t index) {
  if (index >= imbrex_error_count(error)) return {"", "", 0, "", "", 0, nullptr, 0};
  const Diagnostic& d = error->diagnostics[index];
  const std::vector<imbrex_note>& notes = error->notes[index];
  return {d.id.c_str(),   d.where.file.c_str(), d.where.line, d.message.c_str(),
          d.hint.c_str(), d.is_warning,         notes.data(), notes.size()};
}

const char* imbrex_error_text(const imbrex_error* error) { return error ? error->text.c_str() : ""; }
void imbrex_error_free(imbrex_error* error) { delete error; }
void imbrex_string_free(char* string) { std::free(string); }

int imbrex_dtype_named(const char* name, imbrex_dtype* dtype) {
  const auto found = name ? dtype_named(name) : std::nullopt;
  if (found && dtype) *dtype = dtype_of(*found);
  return found.has_value();
}

const char* imbrex_dtype_name(imbrex_dtype dtype) {
  try {
    return name_of(dtype_of(dtype));
  } catch (const UserError&) {
    return "";
  }
}
