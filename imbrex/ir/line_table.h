// The author's lines of a program, behind its text: a comment for who reads the text alone, and no part of its meaning or its hash.
//
//   # lines of the author, in Python
//   # 5 "kernels.py":12
//   # 6 "blocks.py":3 "kernels.py":13
//
// Line 5 of the text is written in line 12 of that file; line 6 in a sub-kernel, called from line 13. "in C++" likewise, and neither
// for an author of such text.
#pragma once

#include <map>
#include <string>

#include "imbrex/base/error.h"

namespace imbrex::ir {

using LineTable = std::map<int, SourceLine>;  // by line of the text

std::string text_of(const LineTable& table);
// The table that a text ends with; empty where it has none. UserError "tile-syntax" where it has one that is damaged.
LineTable line_table_of(const std::string& text, const std::string& file_name);

}  // namespace imbrex::ir
