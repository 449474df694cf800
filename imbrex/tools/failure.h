// How a command that failed says so: one form for whatever it failed of, in words on standard error and, for a program that
// reads, as JSON on standard output in place of what was asked for.
#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <vector>

#include "imbrex/base/error.h"

namespace imbrex::tools {

struct Failure {
  int status = 1;  // of the process
  std::vector<Diagnostic> errors;

  std::string text() const;
  std::string json() const;
};

// Of a command line that cannot be understood; `word` is its first, or "".
Failure command_line_failure(const CLI::App& app, const CLI::ParseError& error, const std::string& word);

// Of what a command threw; `word` is the command line's first, or "". Where status 1 is an answer, as of `equal`, what the user
// can change has another.
Failure failure_of(const std::exception& error, const std::string& word = "");

}  // namespace imbrex::tools
