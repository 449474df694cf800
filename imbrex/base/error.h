// The two families of errors. They never mix.
//
// A *user* error says what the author of a kernel, or the caller of the library, can change: where, with whose names, which
// numbers, which rule, and what to try. An *internal* error says which invariant of Imbrex broke; it is never the user's fault.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace imbrex {

// What an author writes in: the text of the tile program, C++, or Python. Hints are written in it (ir/spelling.h).
enum class Language : uint8_t { text, cpp, python };

// A place in the author's source. `line` 0 means that the place is not known.
struct SourceLine {
  std::string file;
  int line = 0;
  // Of a line in a sub-kernel: the line that calls it, where the front end says so.
  std::shared_ptr<const SourceLine> called_from = {};
  Language language = Language::text;
  friend bool operator==(const SourceLine& a, const SourceLine& b);
};

// One finding. `id` is stable, lower case with dashes ("shape-mismatch"), and is the name of its page in docs/diagnostics/.
struct Diagnostic {
  std::string id;
  SourceLine where;
  std::string message;  // the rule that was broken, with the user's own names and the numbers
  std::string hint;     // what to try; empty only where nothing can be said
  struct Note {
    SourceLine where;
    std::string message;
  };
  std::vector<Note> notes;
  bool is_warning = false;
};

// "file:line: error [id]: message", then the source line itself where the file can be read, where the sub-kernel that it stands in
// is called from, notes, and "  try: hint".
std::string render(const Diagnostic& diagnostic);

class UserError : public std::runtime_error {
 public:
  explicit UserError(std::vector<Diagnostic> diagnostics);
  explicit UserError(Diagnostic diagnostic) : UserError(std::vector<Diagnostic>{std::move(diagnostic)}) {}
  // Of something that stands on no source line: a file, an option, an argument.
  UserError(std::string id, std::string message, std::string hint);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

class InternalError : public std::logic_error {
 public:
  explicit InternalError(const std::string& invariant);
  const std::string& invariant() const { return invariant_; }

 private:
  std::string invariant_;
};

// Throws InternalError unless `condition` holds.
inline void require(bool condition, const char* invariant) {
  if (!condition) throw InternalError(invariant);
}

}  // namespace imbrex
