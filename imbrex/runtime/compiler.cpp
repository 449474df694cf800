#include "imbrex/runtime/compiler.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "imbrex/base/error.h"
#include "imbrex/ir/hash.h"
#include "imbrex/runtime/process.h"

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

}  // namespace imbrex::runtime
