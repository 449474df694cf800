#include "imbrex/runtime/jit.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "imbrex/ir/hash.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/runtime/compiler.h"
#include "imbrex/runtime/file.h"
#include "imbrex/runtime/precompiled.h"
#include "imbrex/runtime/process.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

std::string told(const fs::filesystem_error& error) {
  // The folder for temporary files is named by no path.
  const char* temporary = std::getenv("TMPDIR");
  const std::string path = !error.path1().empty() ? error.path1().string() : temporary != nullptr ? temporary : "/tmp";
  return fmt::format("'{}': {}", path, error.code().message());
}

Diagnostic not_private(const Cache& cache) {
  Diagnostic warning;
  warning.id = "cache-of-others";
  warning.message = fmt::format("compiled kernels are neither taken from '{}' nor kept there, because {}", cache.root().string(),
                                cache.why_unused());
  warning.hint = "a directory that belongs to you and that nobody else may write to: IMBREX_CACHE=/path/to/directory";
  warning.is_warning = true;
  return warning;
}

Diagnostic not_kept(const std::string& why) {
  Diagnostic warning;
  warning.id = "cache-unwritable";
  warning.message = "compiled kernels are not kept: " + why;
  warning.hint = "a directory with free space that can be written: IMBREX_CACHE=/path/to/directory";
  warning.is_warning = true;
  return warning;
}

std::vector<std::string> all_flags(const JitOptions& options) {
  std::vector<std::string> flags = {"-std=c++20", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti", "-Wl,--as-needed"};
  if (const std::string sanitizers = IMBREX_SANITIZE; !sanitizers.empty()) {
    // Less optimized: g++ 12 takes minutes for a large kernel that it instruments at -O3.
    flags.push_back("-fsanitize=" + sanitizers);
    flags.insert(flags.end(), {"-O1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1"});
  } else {
    flags.emplace_back("-O3");
  }
  flags.insert(flags.end(), options.flags.begin(), options.flags.end());
  return flags;
}

// Parts with their lengths, so that no two lists of parts make the same text.
void append(std::string& text, const std::string& part) { text += fmt::format("{}:", part.size()) + part + "\n"; }

std::string key_of(const std::string& source, const Compiler& compiler, const std::vector<std::string>& flags) {
  std::string text;
  append(text, "imbrex " IMBREX_VERSION);
  append(text, fmt::format("semantics {}", IMBREX_SEMANTICS));
  append(text, source);
  for (const EmbeddedHeader& header : embedded_headers()) {
    append(text, header.path);
    append(text, header.text);
  }
  for (const std::string& word : compiler.command) append(text, word);
  append(text, compiler.version);
  for (const std::string& flag : flags) append(text, flag);
  // What changes a compiler's result without being seen in its command.
  for (const char* name : {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"}) {
    const char* value = std::getenv(name);
    append(text, value == nullptr ? "" : value);
  }
  return ir::sha256_hex(text);
}

// For what the cache has no place for.
fs::path make_temporary_directory(const std::string& why_not_in_cache) {
  try {
    return make_unique_directory(fs::temp_directory_path(), "imbrex-");
  } catch (const fs::filesystem_error& error) {
    throw UserError("no-temporary-directory",
                    fmt::format("there is no place to compile a kernel in: {}, and {}", why_not_in_cache, told(error)),
                    "a directory that can be written: IMBREX_CACHE=/path/to/directory, or TMPDIR");
  }
}

// A compiler that cannot write says so in words; the file system says it in numbers.
void throw_if_full(const fs::path& directory) {
  constexpr uintmax_t least_bytes = 64 * 1024;
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (!error && space.available < least_bytes)
    throw fs::filesystem_error("full", directory, std::make_error_code(std::errc::no_space_on_device));
}

// The same file by another path each time: a path that dlopen has seen means to it the file that it loaded then, also where another
// stands there by now. Each bit of a number is a step from the folder to itself.
std::string spelled_anew(const fs::path& file) {
  static std::atomic<uint32_t> number = 0;
  std::string folder = file.parent_path();
  for (uint32_t bits = ++number; bits > 0; bits /= 2) folder += bits % 2 == 1 ? "/." : "/";
  return folder + "/" + file.filename().string();
}

}  // namespace

void write_embedded_headers(const fs::path& directory) {
  for (const EmbeddedHeader& header : embedded_headers()) {
    fs::create_directories((directory / header.path).parent_path());
    write_file(directory / header.path, header.text);
  }
}

Module::Module(Module&& other) noexcept
    : from_cache(other.from_cache),
      seconds(other.seconds),
      source(std::move(other.source)),
      library(std::move(other.library)),
      warnings(std::move(other.warnings)),
      handle_(std::exchange(other.handle_, nullptr)),
      private_directory_(std::exchange(other.private_directory_, {})) {}

Module::~Module() {
  if (handle_ != nullptr) dlclose(handle_);
  std::error_code ignored;
  if (!private_directory_.empty()) fs::remove_all(private_directory_, ignored);
}

void* Module::symbol(const std::string& name) const {
  void* address = handle_ == nullptr ? nullptr : dlsym(handle_, name.c_str());
  if (address == nullptr) throw InternalError(fmt::format("{} exports no {}", library.string(), name));
  return address;
}

void Module::load(const fs::path& directory) {
  source = directory / "kernel.cpp";
  library = directory / "kernel.so";
  handle_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
}

Module Module::open(const fs::path& library) {
  Module module;
  module.library = library;
  module.handle_ = dlopen(spelled_anew(fs::absolute(library)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module.handle_ == nullptr)
    throw UserError("cannot-load", fmt::format("'{}' cannot be loaded: {}", library.string(), dlerror()),
                    "it on a file system that allows programs, and on a system as new as the one that built it");
  return module;
}

Module load_or_compile(const std::string& source, const JitOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const Cache cache(options.cache);
  const Compiler compiler = find_compiler(options.compiler, cache);
  const std::vector<std::string> flags = all_flags(options);
  const std::string key = key_of(source, compiler, flags);

  Module module;
  if (const std::optional<fs::path> entry = cache.find(key)) {
    module.load(*entry);
    if (module.handle_ != nullptr) {  // or somebody emptied the cache since
      module.from_cache = true;
      module.seconds = seconds();
      return module;
    }
  }

  const auto compile = [&](const fs::path& directory, bool in_cache) {
    module.private_directory_ = directory;
    write_embedded_headers(directory);
    write_file(directory / "kernel.cpp", source);
    std::vector<std::string> with_headers = flags;
    if (in_cache) {
      const std::string headers_key = key_of(includes_of(source), compiler, flags);
      for (const std::string& flag : precompiled_headers(cache, compiler, flags, source, headers_key))
        with_headers.push_back(flag);
    }
    ProcessResult result = compile_in(directory, compiler, with_headers, "kernel.cpp", "kernel.so");
    if (!succeeded(result, directory / "kernel.so") && with_headers.size() > flags.size())  // whatever became of these headers
      result = compile_in(directory, compiler, flags, "kernel.cpp", "kernel.so");
    if (!succeeded(result, directory / "kernel.so")) {
      throw_if_full(directory);
      write_file(directory / "messages.txt", result.output);
      const fs::path kept = in_cache ? cache.keep_failed(directory, key) : directory;
      module.private_directory_.clear();
      report_failure(result, compiler, flags, kept, kept / "kernel.cpp");
    }
    // Loaded before it is published: what others do to the cache does not matter from here on.
    module.load(directory);
    if (module.handle_ == nullptr)
      throw UserError("cannot-load", fmt::format("a compiled kernel cannot be loaded: {}", dlerror()),
                      "a directory on a file system that allows programs: IMBREX_CACHE=/path/to/directory");
  };
  try {
    if (cache.why_unused().empty()) {
      compile(cache.make_private_directory(), true);
      seal(module.private_directory_);
      if (const std::optional<fs::path> entry = cache.publish(module.private_directory_, key)) {
        module.private_directory_.clear();
        module.source = *entry / "kernel.cpp";
        module.library = *entry / "kernel.so";
      }
    } else {
      module.warnings.push_back(cache.root().empty() ? not_kept(cache.why_unused()) : not_private(cache));
    }
  } catch (const fs::filesystem_error& error) {
    module.warnings.push_back(not_kept(told(error)));
  }
  if (module.handle_ == nullptr) {
    std::error_code ignored;
    if (!module.private_directory_.empty()) fs::remove_all(module.private_directory_, ignored);
    module.private_directory_.clear();
    const fs::path directory = make_temporary_directory(module.warnings.back().message);
    try {
      compile(directory, false);
    } catch (const fs::filesystem_error& error) {
      throw UserError("cache-unwritable", fmt::format("a kernel cannot be compiled in {}", told(error)),
                      "a directory with free space that can be written: IMBREX_CACHE=/path/to/directory, or TMPDIR");
    }
  }
  module.seconds = seconds();
  return module;
}

}  // namespace imbrex::runtime
