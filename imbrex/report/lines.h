// A kernel three times, line by line: as its author wrote it, as the optimizer made it, and as C++; and which lines come from which.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/driver.h"

namespace imbrex::report {

struct AuthorsLine {
  int number = 0;  // in the file; 0: lines are left out here
  std::string text;
};
// A source file, the lines around what the program was written on; or the program as it is printed, where no file can be read.
struct AuthorsFile {
  std::string name;  // "" of what is printed
  std::vector<AuthorsLine> lines;
};

struct AuthorsPlace {
  size_t file = 0;
  int line = 0;
  friend auto operator<=>(const AuthorsPlace&, const AuthorsPlace&) = default;
};

class Author {
 public:
  explicit Author(const ir::Program& program);
  const std::vector<AuthorsFile>& files() const { return files_; }
  // The lines that stand for a place in the source; none where it is not shown.
  std::vector<AuthorsPlace> places_of(const SourceLine& where) const;

 private:
  std::vector<AuthorsFile> files_;
  std::vector<std::pair<SourceLine, AuthorsPlace>> printed_;
};

struct ProgramLine {
  std::string text;
  const ir::Statement* statement = nullptr;  // that it begins or ends
  std::vector<AuthorsPlace> from;            // in order, each once
};
// The lines of a program's text (ir/print.h). What a pass wrote comes from what it computes; a loop of a pass from the scopes of
// what is in it, and a tensor of a pass from what is stored to it.
std::vector<ProgramLine> lines_of(const ir::Program& program, const Author& author);

}  // namespace imbrex::report
