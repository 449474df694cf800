#include "imbrex/runtime/precompiled.h"

#include <sstream>

#include "imbrex/runtime/file.h"
#include "imbrex/runtime/jit.h"
#include "imbrex/runtime/process.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "headers";

// Where g++ finds a precompiled header: beside the header, whose own text is empty, so that nothing is missed where g++ does not
// take it.
std::string precompiled_name(const std::string& key) { return key + ".gch"; }

// clang wants every header where it was, unchanged.
bool is_gcc(const Compiler& compiler) {
  return compiler.command.size() == 1 && compiler.version.find("Free Software Foundation") != std::string::npos;
}

bool precompile(const Cache& cache, const Compiler& compiler, const std::vector<std::string>& flags, const std::string& includes,
                const std::string& key) {
  fs::path directory;
  bool kept = false;
  try {
    directory = cache.make_private_directory();
    write_embedded_headers(directory);
    write_file(directory / "all.h", includes);
    std::vector<std::string> command = compiler.command;
    for (const std::string& flag : flags)
      if (flag != "-shared" && !flag.starts_with("-Wl,")) command.push_back(flag);  // nothing is linked
    command.insert(command.end(), {"-I.", "-x", "c++-header", "all.h", "-o", "all.gch"});
    const ProcessResult result = run_process(command, directory);
    kept = result.started && result.signal == 0 && result.exit_status <= 0 &&
           cache.keep_file(kFolder, precompiled_name(key), directory / "all.gch", kMostPrecompiledBytes).empty();
  } catch (const fs::filesystem_error&) {  // then kernels compile without it
  }
  std::error_code ignored;
  if (!directory.empty()) fs::remove_all(directory, ignored);
  return kept;
}

}  // namespace

std::string includes_of(const std::string& source) {
  std::string includes;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("#include \"imbrex/")) includes += line + "\n";
  return includes;
}

std::vector<std::string> precompiled_headers(const Cache& cache, const Compiler& compiler, const std::vector<std::string>& flags,
                                             const std::string& source, const std::string& key) {
  const std::string includes = includes_of(source);
  if (includes.empty() || !is_gcc(compiler)) return {};
  const std::optional<fs::path> header = cache.kept_file(kFolder, key);
  if (!header) {
    cache.keep(kFolder, key, "");
    return {};
  }
  if (!cache.kept_file(kFolder, precompiled_name(key)) && !precompile(cache, compiler, flags, includes, key)) return {};
  return {"-include", header->string()};
}

}  // namespace imbrex::runtime
