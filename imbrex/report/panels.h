// The three panels of a page: the author's program, the optimized one and the C++, with notes below the lines that they are about.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/report/lines.h"

namespace imbrex::report {

// What is said about a line, below it.
struct Note {
  std::string id;
  const char* kind;  // a class of the style: "choice", "kept" or "error"
  std::string title;
  std::vector<std::string> details;
};
std::string html_of(const Note& note);

struct Panels {
  const Author& author;
  std::vector<ProgramLine> program;               // none where the kernel is refused
  std::vector<runtime::GeneratedLine> generated;  // likewise
  std::map<AuthorsPlace, std::vector<Note>> author_notes;
  std::map<size_t, std::vector<Note>> program_notes;  // by line, counted from 1

  // Ids of lines: "a0-12" of file 0, "o12", "g12".
  static std::string id_of(const AuthorsPlace& place);
  // Puts a note on the author's line or, where it has none, on a scope of the program; false where there is no line for it.
  bool add(const Note& note, const SourceLine& where, const std::string& scope);

  std::string of_author() const;
  std::string of_program(const std::string& title, const std::string& beside) const;
  // `with_code`: else it says how many lines there are.
  std::string of_generated(const std::string& title, bool with_code) const;
};

}  // namespace imbrex::report
