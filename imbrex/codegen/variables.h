// The C++ variables that the functions of a kernel share. A text asks for each by use(): so a function's parameters are what its
// text names of the function that calls it, and nothing that is not used is declared.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace imbrex::codegen {

struct Variable {
  std::string type, name;
};

class Variables {
 public:
  // Known from here to the end of the function that is being written.
  void declare(std::string type, const std::string& name);
  // The name, which may also be a constant's or a number.
  std::string use(const std::string& name) const;
  bool is_used(const std::string& name) const;

  // A function that the one being written calls. Its end says what it takes of the caller's variables, in the order of their
  // declarations; the caller uses these.
  void begin_function();
  std::vector<Variable> end_function();

 private:
  std::vector<Variable> declared_;
  std::map<std::string, size_t> numbers_;
  mutable std::set<size_t> used_;  // by the function being written
  std::set<size_t> used_by_caller_;
  size_t callers_ = 0;  // the first so many variables are the caller's
};

}  // namespace imbrex::codegen
