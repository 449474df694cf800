// Compiles C++ source into a shared object and loads it, through the cache.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/runtime/cache.h"

namespace imbrex::runtime {

struct JitOptions {
  CacheOptions cache;
  std::vector<std::string> flags;  // beyond -std=c++20 -O3 -shared and the like: those of the instruction set
  std::string compiler;            // empty: $IMBREX_CXX, else $CXX, else c++, g++ or clang++ of $PATH
};

// A shared object that stays loaded as long as this lives.
class Module {
 public:
  // The address of an exported function; InternalError if there is none.
  void* symbol(const std::string& name) const;
  // Of a file that stands there. UserError "cannot-load".
  static Module open(const std::filesystem::path& library);

  bool from_cache = false;
  double seconds = 0;                     // of the whole: finding, compiling, loading
  std::filesystem::path source, library;  // source is kept beside the library
  std::vector<Diagnostic> warnings;       // such as that the cache cannot be written

  Module() = default;
  ~Module();
  Module(Module&& other) noexcept;
  Module& operator=(Module&&) = delete;

 private:
  friend Module load_or_compile(const std::string& source, const JitOptions& options);
  void load(const std::filesystem::path& directory);
  void* handle_ = nullptr;
  std::filesystem::path private_directory_;  // removed at the end where the cache could not be used
};

// UserError: no compiler, or one that compiles nothing. InternalError: the compiler refuses this source; it names the kept file.
Module load_or_compile(const std::string& source, const JitOptions& options);

// The headers that generated code includes, by the path it includes them with. They are part of the library, so that they are
// found wherever it is installed.
struct EmbeddedHeader {
  const char* path;
  const char* text;
};
const std::vector<EmbeddedHeader>& embedded_headers();
// Writes them below `directory`.
void write_embedded_headers(const std::filesystem::path& directory);

}  // namespace imbrex::runtime
