// Text to program; the inverse of print.h. The grammar is in program.h.
//
// Guarantees: names are resolved and types inferred as the text is read, so that every expression of the result has its dtype and
// shape; origins are the lines of the file, or the author's where the text ends with a table of them (line_table.h). Throws UserError at the first thing that is wrong: "tile-syntax" with line, column,
// what was expected and what came; "unknown-name", "duplicate-name", or what the makers of program.h say. No text crashes it or
// takes more than time proportional to its length and the limits below. What it accepts may still be wrong as a whole: see
// verify.h.
#pragma once

#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Limits on what one statement holds, so that no program overflows a stack or a proof; verify.h holds programs from C++ to the
// same.
constexpr int kMaxNesting = 200;  // of expressions, of index expressions and of blocks
constexpr int kMaxExpressionNodes = 1000;
constexpr int kMaxIndexNodes = 500;
constexpr int kMaxLoops = 20;  // around each other: the numbers of a proof grow with each

// The number of nodes of an index expression, counted up to kMaxIndexNodes + 1.
int index_nodes(const IndexExpr& e);

Program parse(const std::string& text, const std::string& file_name);

}  // namespace imbrex::ir
