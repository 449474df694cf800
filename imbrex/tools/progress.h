// One line on standard error that says what is being done; only where that is a terminal.
#pragma once

#include <string>

namespace imbrex::tools {

class Progress {
 public:
  Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void say(const std::string& what);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace imbrex::tools
