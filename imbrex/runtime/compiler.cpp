#include "imbrex/runtime/compiler.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "imbrex/base/error.h"
#include "imbrex/ir/hash.h"
#include "imbrex/runtime/file.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

// The full path of a program named as in a shell, or empty.
fs::path in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? fs::absolute(name) : fs::path();
  std::istringstream folders(variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path path = fs::path(folder.empty() ? "." : folder) / name; is_program(path)) return fs::absolute(path);
  return {};
}

// "g++", "/opt/my compiler/g++", "ccache g++ -m64": a program, or a program and its arguments.
std::vector<std::string> parse_command(const std::string& text) {
  if (const fs::path whole = in_path(text); !whole.empty()) return {whole};
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.empty()) return {};
  const fs::path program = in_path(words[0]);
  if (program.empty()) return {};
  words[0] = program;
  return words;
}

UserError no_compiler(const std::string& message) {
  return UserError("no-compiler", message,
                   "install one (on Debian: apt-get install -y g++), or name one: IMBREX_CXX=/path/to/g++");
}

std::vector<std::string> find_command(const std::string& wanted) {
  const std::pair<const char*, std::string> named[] = {
      {"the options", wanted}, {"IMBREX_CXX", variable("IMBREX_CXX")}, {"CXX", variable("CXX")}};
  for (const auto& [who, text] : named) {
    if (text.empty()) continue;
    std::vector<std::string> command = parse_command(text);
    if (command.empty())
      throw no_compiler(
          fmt::format("kernels are compiled when they are first used, by the C++ compiler `{}` "
                      "that {} names, but there is no such program",
                      text, who));
    return command;
  }
  for (const char* name : {"c++", "g++", "clang++"})
    if (const fs::path path = in_path(name); !path.empty()) return {path};
  throw no_compiler(
      "kernels are compiled when they are first used, and no C++ compiler was found: there is no c++, g++ or "
      "clang++ in PATH");
}

// What changes when a file is replaced.
std::string stamp_of(const fs::path& program) {
  struct stat file = {};
  if (stat(program.c_str(), &file) != 0) return "";
  return fmt::format("{} size {} time {}.{:09} inode {} device {}", program.string(), file.st_size, file.st_mtim.tv_sec,
                     file.st_mtim.tv_nsec, file.st_ino, file.st_dev);
}

std::string ask_version(const std::vector<std::string>& command) {
  std::vector<std::string> question = command;
  question.emplace_back("--version");
  const ProcessResult answer = run_process(question, "/");
  if (!answer.started || answer.signal != 0 || answer.exit_status > 0 || answer.output.empty())
    throw no_compiler(fmt::format("the C++ compiler `{}` does not work: `--version` {}", command[0],
                                  !answer.started      ? "could not be run"
                                  : answer.signal != 0 ? fmt::format("was ended by signal {}", answer.signal)
                                                       : fmt::format("ended with status {}", answer.exit_status)));
  return answer.output;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

// What compilers, assemblers and linkers say where a signal ended them or the system had nothing left.
bool lacked_memory_or_space(const ProcessResult& result) {
  constexpr const char* kSayings[] = {
      "signal terminated program", "terminated with signal", "execute command:",        "failed due to signal", "out of memory",
      "memory exhausted",          "Cannot allocate memory", "No space left on device", "std::bad_alloc"};
  return result.signal != 0 || std::any_of(std::begin(kSayings), std::end(kSayings),
                                           [&](const char* saying) { return result.output.find(saying) != std::string::npos; });
}

std::string first_lines(const std::string& text, int count) {
  size_t end = 0;
  for (int line = 0; line < count && end != std::string::npos; ++line) end = text.find('\n', end == 0 ? 0 : end + 1);
  return text.substr(0, end);
}

}  // namespace

Compiler find_compiler(const std::string& wanted, const Cache& cache) {
  Compiler compiler{find_command(wanted), ""};
  // The kept answer is: the stamps, its own hash, the answer. Arguments may be programs too ("ccache g++").
  std::string stamp;
  for (const std::string& word : compiler.command) {
    const fs::path program = in_path(word);
    stamp += program.empty() ? word + "; " : stamp_of(program) + "; ";
  }
  const std::string key = ir::sha256_hex(joined(compiler.command));
  if (const std::optional<std::string> text = cache.kept("compilers", key)) {
    const size_t first = text->find('\n');
    const size_t second = first == std::string::npos ? first : text->find('\n', first + 1);
    if (second != std::string::npos && text->substr(0, first) == stamp) {
      std::string version = text->substr(second + 1);
      if (text->substr(first + 1, second - first - 1) == ir::sha256_hex(version)) {
        compiler.version = std::move(version);
        return compiler;
      }
    }
  }
  compiler.version = ask_version(compiler.command);
  cache.keep("compilers", key, stamp + "\n" + ir::sha256_hex(compiler.version) + "\n" + compiler.version);
  return compiler;
}

ProcessResult compile_in(const fs::path& directory, const Compiler& compiler, const std::vector<std::string>& flags,
                         const std::string& source, const std::string& output) {
  std::vector<std::string> command = compiler.command;
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), {"-I.", source, "-o", output});
  return run_process(command, directory);
}

bool succeeded(const ProcessResult& result, const fs::path& output) {
  std::error_code error;
  return result.started && result.signal == 0 && result.exit_status <= 0 && fs::file_size(output, error) > 0 && !error;
}

void report_failure(const ProcessResult& result, const Compiler& compiler, const std::vector<std::string>& flags,
                    const fs::path& directory, const fs::path& kept) {
  if (lacked_memory_or_space(result))
    throw UserError(
        "compiler-killed",
        fmt::format(
            "the C++ compiler `{}` was killed or crashed, or found no memory or no space on a disk, while it compiled {}{}",
            compiler.command[0], kept.string(), result.output.empty() ? "" : "; it says:\n" + first_lines(result.output, 5)),
        "again with more free memory, and with free space in the folders for temporary files and of the cache");
  write_file(directory / "empty.cpp", "\n");
  const ProcessResult probe = compile_in(directory, compiler, flags, "empty.cpp", "empty.so");
  const bool works = succeeded(probe, directory / "empty.so");
  std::error_code ignored;
  fs::remove(directory / "empty.cpp", ignored);
  fs::remove(directory / "empty.so", ignored);
  if (!works)
    throw UserError(
        "compiler-unusable",
        fmt::format("the C++ compiler `{}` does not compile even an empty file with the flags that kernels need; it says{}",
                    compiler.command[0], probe.output.empty() ? " nothing" : ":\n" + first_lines(probe.output, 20)),
        "another compiler, such as g++ 12 or clang 14 and later: IMBREX_CXX=/path/to/g++");
  throw InternalError(fmt::format("the C++ compiler `{}` refuses generated code, which is kept in {}; it says:\n{}\n",
                                  compiler.command[0], kept.string(), first_lines(result.output, 20)));
}

}  // namespace imbrex::runtime
