// The text of a program, in the grammar of program.h: one statement a line, the fewest parentheses. parse(print(p)) equals p for
// every verified program, and printing that again gives the same text.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

std::string print(const Program& program);
// The same with the author's lines behind it (line_table.h): parse() gives them to what it reads.
std::string print_with_lines(const Program& program);
// The text line by line.
struct PrintedLine {
  std::string text;
  const Statement* statement = nullptr;  // that it begins or ends; null for what stands before the statements
  int origin = -1;                       // of the statement or declaration
  bool begins = false;                   // it is the first line of that
};
std::vector<PrintedLine> printed_lines(const Program& program);
// A statement with what is inside it. Without its program, a whole axis prints as `0 +: extent` instead of `:`.
std::string print(const Statement& statement);
std::string print(const ExprPtr& e);
// A statement, or a slice of a tensor, of a program.
std::string print(const Statement& statement, const Program& program);
std::string print(const std::string& tensor, const std::vector<Axis>& slice, const Program& program);
std::string print(const Condition& condition);
std::string print(const AssumeElements& assumed);
// The same as what the elements do: "differ where they are not -1".
std::string what_elements_do(const AssumeElements& assumed);

// A string in quotes, as the grammar's STRING.
std::string quoted(const std::string& text);

}  // namespace imbrex::ir
