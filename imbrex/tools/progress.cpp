#include "imbrex/tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace imbrex::tools {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::say(const std::string& what) {
  if (!terminal_) return;
  fmt::print(stderr, "\r\033[K  {} ...", what);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace imbrex::tools
