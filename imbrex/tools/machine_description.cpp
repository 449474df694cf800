#include "imbrex/tools/machine_description.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "imbrex/runtime/cache.h"
#include "imbrex/runtime/compiler.h"
#include "imbrex/runtime/executor.h"

namespace imbrex::tools {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

// sysconf says 0 or -1 where it does not know.
std::string size_text(long bytes) { return bytes > 0 ? fmt::format("{} KiB", bytes / 1024) : "unknown"; }

}  // namespace

std::map<std::string, std::string> machine_description() {
  std::map<std::string, std::string> words;
  words["processor"] = fmt::format("{}, {} threads available", processor_name(), runtime::Executor::available_processors());
#ifdef _SC_LEVEL2_CACHE_SIZE
  words["caches"] = fmt::format("{} first level, {} second, {} third", size_text(sysconf(_SC_LEVEL1_DCACHE_SIZE)),
                                size_text(sysconf(_SC_LEVEL2_CACHE_SIZE)), size_text(sysconf(_SC_LEVEL3_CACHE_SIZE)));
#endif
  if (utsname system; uname(&system) == 0) words["system"] = fmt::format("{} {}", system.sysname, system.release);
  const std::string version = runtime::find_compiler("", runtime::Cache()).version;
  words["compiler of kernels"] = version.substr(0, version.find('\n'));
  return words;
}

}  // namespace imbrex::tools
