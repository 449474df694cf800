// The author's scopes and lines that a scope of an optimized program does the work of, for people.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

struct AuthorsScope {
  std::string name;  // behind those of the scopes around it; "" where statements stand outside of scopes
  SourceLine where;
  std::vector<SourceLine> lines;  // of its statements that are computed, in ascending order
};

// `scope` is a scope of the program. One that its author wrote is its own, without lines.
std::vector<AuthorsScope> authors_scopes(const Program& program, const Statement& scope);

// "norm:12, rope:20"
std::string text_of(const std::vector<AuthorsScope>& scopes);
// Of all these scopes, by file: "norms.cpp:13, 15; parts.cpp:33"
std::string lines_text(const std::vector<AuthorsScope>& scopes);

}  // namespace imbrex::ir
