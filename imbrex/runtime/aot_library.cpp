#include "imbrex/runtime/aot_library.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>

#include "imbrex/base/error.h"
#include "imbrex/codegen/text.h"
#include "imbrex/ir/hash.h"
#include "imbrex/runtime/check_call.h"
#include "imbrex/runtime/compiler.h"
#include "imbrex/runtime/executor.h"
#include "imbrex/runtime/file.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

// A function that libraries of kernels export. Its name is put together when it is needed, and so in no file but theirs: the
// compiler, which may be a library itself, is not taken for one.
std::string library_function(const char* what) { return std::string("imbrex_library_") + what; }

// ---- building

constexpr const char* kTryFolder = "a folder that you may write to, with room on its disk";

// Asked before anything is written: one for another architecture would refuse generated code.
void check_compiler(const Compiler& compiler, const std::vector<const target::Target*>& targets) {
  for (const target::Target* target : targets) {
    const imbrex_architecture needed = target->needs.architecture;
    if (needed == IMBREX_ANY_ARCHITECTURE) continue;
    std::vector<std::string> question = compiler.command;
    question.emplace_back("-dumpmachine");
    std::string machine = run_process(question, "/").output;
    machine.resize(std::min(machine.size(), machine.find('\n')));
    const std::string prefix = target::compiler_name_of(needed);
    if (machine.starts_with(prefix)) return;
    throw UserError(
        "compiler-unusable",
        fmt::format("the C++ compiler `{}` is for {}, and {} is code for {}", compiler.command[0], machine, target->name,
                    target::name_of(needed)),
        fmt::format("a compiler for it, such as IMBREX_CXX={}-linux-gnu-g++; or `imbrex aot`, which writes sources alone",
                    prefix));
  }
}

// The list of what a kernel assumes, as it is for one target.
std::string assumptions_source(const WrittenAhead::Assumed& of_target, size_t list) {
  std::string rows;
  int number = 0;
  for (const Assumption& assumption : of_target.assumptions) {
    ++number;
    const std::vector<SourceLine> none(1);
    for (const SourceLine& line : assumption.where.empty() ? none : assumption.where)
      rows += fmt::format("    {{{}, {}, {}, {}}},\n", number, codegen::literal(assumption.text), codegen::literal(line.file),
                          line.line);
  }
  return fmt::format("constexpr imbrex_assumption kList{}[] = {{  // {}\n{}    {{0, \"\", \"\", 0}},\n}};\n", list,
                     of_target.target->name, rows);
}

std::string loader_source(const AotRequest& request, const WrittenAhead& written) {
  std::string lists, choices;
  for (size_t i = 0; i < written.assumed.size(); ++i) {
    lists += assumptions_source(written.assumed[i], i);
    choices += fmt::format("  if (std::strcmp(isa, \"{}\") == 0) return kList{};\n", written.assumed[i].target->name, i);
  }
  std::string targets;
  for (const target::Target* target : request.targets) targets += (targets.empty() ? "" : ", ") + target->name;
  return fmt::format(
      "// What a loader asks a library for that has no header of it.\n#include <cstring>\n\n#include \"{0}\"\n\n"
      "namespace {{\n{5}}}  // namespace\n\nextern \"C\" {{\n"
      "const imbrex_kernel* {1}(const char* isa) {{ return {2}(isa); }}\n"
      "const char* {3}(void) {{ return \"{4}\"; }}\n"
      "const imbrex_assumption* {6}(const char* isa) {{\n{7}  return nullptr;\n}}\n}}\n",
      request.header, library_function("kernel"), request.kernels[0].symbol, library_function("targets"), targets, lists,
      library_function("assumptions"), choices);
}

// A folder for objects, beside what is made of them.
struct BuildFolder {
  explicit BuildFolder(const fs::path& parent) : path(make_unique_directory(parent, "building-")) {}
  BuildFolder(const BuildFolder&) = delete;
  ~BuildFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  const fs::path path;
};

// The linker's driver would add code that rounds subnormals to zero in the whole process where a user's command has -ffast-math.
// What a library calls of its own stays its own, whatever else the process has under that name.
const std::vector<std::string> kLinkFlags = {
    "-shared", "-O1", "-fno-fast-math", "-fno-unsafe-math-optimizations", "-Wl,--as-needed", "-Wl,-Bsymbolic", "-Wl,-z,defs"};

// Of several that write sources to one folder at once, threads and processes, each waits for the one before it.
class OneWriter {
 public:
  explicit OneWriter(const fs::path& directory) {
    fs::create_directories(directory);
    file_ = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (file_ >= 0 && flock(file_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  OneWriter(const OneWriter&) = delete;
  ~OneWriter() {
    if (file_ >= 0) close(file_);
  }

 private:
  int file_;
};

struct Compilation {
  fs::path source;
  std::string output;  // in the build folder
  std::vector<std::string> flags;
  ProcessResult result;
};

std::vector<Compilation> compilations_of(const BuiltLibrary& built, const fs::path& directory) {
  const fs::path folder = fs::absolute(directory);
  std::vector<Compilation> all;
  for (const fs::path& source : built.sources) {
    Compilation& one = all.emplace_back();
    one.source = fs::absolute(source);
    one.output = source.stem().string() + ".o";
    one.flags = {"-c", "-fPIC", "-I" + (folder / "include").string(), "-I" + (folder / "source").string()};
    // Flags that results depend on are the last: they undo what a user's command has before them.
    const fs::path flags = fs::path(one.source).replace_extension(".flags");
    one.flags.push_back(fs::exists(flags) ? "@" + flags.string() : "-std=c++20");
  }
  return all;
}

void run_all(std::vector<Compilation>& all, const Compiler& compiler, const fs::path& folder) {
  std::atomic<size_t> next = 0;
  Executor executor(std::min(Executor::available_processors(), static_cast<int>(all.size())));
  executor.run(executor.threads(), [&](int, int, Barrier&) {
    for (size_t i = next++; i < all.size(); i = next++)
      all[i].result = compile_in(folder, compiler, all[i].flags, all[i].source, all[i].output);
  });
}

// The line behind a library's own bytes.
constexpr std::string_view kSeal = "\nimbrex library, sha256 ";
constexpr size_t kSealBytes = kSeal.size() + 64 + 1;
std::string seal_of(std::string_view bytes) { return std::string(kSeal) + ir::sha256_hex(bytes) + "\n"; }

// ---- loading

constexpr const char* kTryLibrary = "the path of a library that `export` built, lib<name>.so";

[[noreturn]] void cannot_load(const fs::path& library, const std::string& why, const char* hint) {
  throw UserError("cannot-load", fmt::format("'{}' {}", library.string(), why), hint);
}

std::string bytes_of(const fs::path& library) {
  const auto unreadable = [&](const std::string& why) {
    return UserError("file-unreadable", fmt::format("cannot read '{}': {}", library.string(), why), kTryLibrary);
  };
  std::error_code error;
  const fs::file_status status = fs::status(library, error);
  if (status.type() == fs::file_type::not_found) throw unreadable("there is no such file");
  if (error) throw unreadable(error.message());
  if (!fs::is_regular_file(status)) throw unreadable(fs::is_directory(status) ? "it is a folder" : "it is no regular file");
  // Asked first: a file of another kind may be as large as a model.
  std::array<char, SELFMAG> magic{};
  if (!std::ifstream(library, std::ios::binary).read(magic.data(), SELFMAG) && access(library.c_str(), R_OK) != 0)
    throw unreadable(std::generic_category().message(errno));
  if (std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0) cannot_load(library, "is not a library", kTryLibrary);
  const std::optional<std::string> bytes = read_file(library);
  if (!bytes) throw unreadable("it became unreadable");
  return *bytes;
}

// The system's loader crashes for some damaged files, and runs code of any library: so nothing else reaches it.
void check_bytes(const fs::path& library, const std::string& bytes) {
  const std::string_view all = bytes;
  const std::string_view own = all.substr(0, all.size() - std::min(all.size(), kSealBytes));
  if (all.substr(own.size()) == seal_of(own)) return;
  if (all.find(library_function("kernel")) == std::string_view::npos)
    cannot_load(library, "is a library, but of no kernel that Imbrex exported", kTryLibrary);
  cannot_load(library, "is damaged: its bytes are not those that were exported",
              "it copied or exported again; tools that change libraries, such as strip, leave it unusable");
}

void check_architecture(const fs::path& library, const std::string& bytes) {
  constexpr size_t place = offsetof(Elf64_Ehdr, e_machine);
  uint16_t machine = EM_NONE;
  if (bytes.size() >= place + sizeof machine) std::memcpy(&machine, bytes.data() + place, sizeof machine);
  if (machine == target::elf_machine_of(IMBREX_THIS_ARCHITECTURE)) return;
  std::string theirs = fmt::format("machine {} of ELF", machine);
  for (const imbrex_architecture each : target::kArchitectures)
    if (machine == target::elf_machine_of(each)) theirs = target::name_of(each);
  throw UserError("unsupported-isa",
                  fmt::format("'{}' is code for {}, and this machine is {}", library.string(), theirs,
                              target::name_of(IMBREX_THIS_ARCHITECTURE)),
                  "a library that was exported for this machine");
}

const imbrex_kernel& table_in(const Module& module) {
  const auto kernel = reinterpret_cast<const imbrex_kernel* (*)(const char*)>(module.symbol(library_function("kernel")));
  const auto targets = reinterpret_cast<const char* (*)()>(module.symbol(library_function("targets")));
  const imbrex_kernel* table = kernel(nullptr);
  if (table == nullptr) {
    const char* wanted = std::getenv("IMBREX_ISA");
    const bool is_forced = wanted != nullptr && *wanted != 0;
    throw UserError(
        "unsupported-isa",
        fmt::format("'{}' is built for {}{}", module.library.string(), targets(),
                    is_forced ? fmt::format(", and IMBREX_ISA is `{}`, which is none of these or does not run here", wanted)
                              : ", none of which this machine runs"),
        is_forced ? "without IMBREX_ISA, for the best that runs here" : "a library that was exported for this machine");
  }
  char found[256] = "";
  if (imbrex_check_kernel(table, {found, sizeof found}) != IMBREX_OK)
    throw UserError("other-version", fmt::format("'{}' is not of this Imbrex: {}", module.library.string(), found),
                    "the kernel exported again, by the version of Imbrex that loads it");
  return *table;
}

std::vector<Assumption> assumptions_in(const Module& module, const imbrex_kernel& table) {
  const auto list = reinterpret_cast<const imbrex_assumption* (*)(const char*)>(module.symbol(library_function("assumptions")));
  std::vector<Assumption> all;
  for (const imbrex_assumption* each = list(table.isa); each != nullptr && each->number != 0; ++each) {
    all.resize(std::max(all.size(), static_cast<size_t>(each->number)));
    Assumption& assumption = all[static_cast<size_t>(each->number) - 1];
    assumption.text = each->text;
    if (each->line > 0) assumption.where.push_back({each->file, each->line});
  }
  return all;
}

}  // namespace

void seal_library(const fs::path& library) {
  const std::string bytes = read_file(library).value_or("");
  write_file(library, bytes + seal_of(bytes));
}

BuiltLibrary build_library(const AotRequest& request) try {
  require(request.kernels.size() == 1, "a library is of one kernel");
  const Compiler compiler = find_compiler("", Cache());
  check_compiler(compiler, request.targets);
  const std::string& symbol = request.kernels[0].symbol;
  BuiltLibrary built;
  const OneWriter one_writer(request.directory);
  const WrittenAhead written = write_ahead_of_time(request);
  built.sources = written.sources;
  built.header = request.directory / "include" / request.header;
  built.sources.push_back(request.directory / "source" / (symbol + ".library.cpp"));
  if (const std::string text = loader_source(request, written); read_file(built.sources.back()) != text)
    write_file(built.sources.back(), text);

  const BuildFolder folder(request.directory);
  std::vector<Compilation> all = compilations_of(built, request.directory);
  run_all(all, compiler, folder.path);
  built.library = request.directory / ("lib" + symbol + ".so");
  const std::string name = built.library.filename();
  std::vector<std::string> link = kLinkFlags;
  link.push_back("-Wl,-soname," + name);
  for (const Compilation& one : all) {
    if (!succeeded(one.result, folder.path / one.output))
      report_failure(one.result, compiler, one.flags, folder.path, one.source);
    if (&one != &all.back()) link.push_back(one.output);
  }
  const ProcessResult linked = compile_in(folder.path, compiler, link, all.back().output, name);
  if (!succeeded(linked, folder.path / name))
    report_failure(linked, compiler, {"-shared", "-fPIC"}, folder.path, request.directory / "source");
  seal_library(folder.path / name);
  fs::rename(folder.path / name, built.library);
  return built;
} catch (const fs::filesystem_error& error) {
  throw UserError("file-unwritable", fmt::format("a library cannot be written: {}", error.what()), kTryFolder);
}

CompiledKernel load_library(const fs::path& library) {
  const std::string bytes = bytes_of(library);
  check_bytes(library, bytes);
  check_architecture(library, bytes);
  Module module = Module::open(library);
  const imbrex_kernel& table = table_in(module);
  std::vector<Assumption> assumptions = assumptions_in(module, table);
  return CompiledKernel::from_module(std::move(module), table, std::move(assumptions));
}

}  // namespace imbrex::runtime
