// The `imbrex` command. Exit status: 0 if all went well and everything that was checked passed; 1 for what the user can change
// and for a check that failed; 2 for a defect of Imbrex; CLI11's (above 100) for a command line that cannot be understood.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>

#include "imbrex/base/error.h"
#include "imbrex/base/nearest.h"
#include "imbrex/prove/prove.h"
#include "imbrex/tools/commands.h"

namespace {

// The next files that are opened would get the numbers of streams that are closed, and what is printed would stand in them.
// Whether standard output was closed.
bool open_closed_streams() {
  const bool is_closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;
  int opened = 0;
  while (opened >= 0 && opened < STDERR_FILENO) opened = open("/dev/null", O_RDWR);
  if (opened > STDERR_FILENO) close(opened);
  return is_closed;
}

// Whoever cannot read it is not told.
void tell(const std::string& text) { std::fputs(text.c_str(), stderr); }

// What was printed must have arrived: a full disk behind standard output is a failure.
int flushed(int status, bool was_closed) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && !was_closed) return status;
  tell("error [file-unwritable]: cannot write to standard output\n  try: a file on a disk with free space\n");
  return 1;
}

// For a program that reads: in place of what was asked for.
void print_as_json(const std::vector<imbrex::Diagnostic>& errors) {
  fmt::print("{{\"errors\":{}}}\n", imbrex::prove::diagnostics_as_json(errors));
}

// A command line that cannot be understood, with what to try.
std::string command_line_message(const CLI::App* app, const CLI::Error& error, const std::string& word) {
  using namespace imbrex;
  std::vector<std::string> commands;
  for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command->get_name());
  const bool is_unknown = !word.empty() && word[0] != '-' && std::find(commands.begin(), commands.end(), word) == commands.end();
  std::string message = error.what(), chosen;
  if (is_unknown) message = fmt::format("there is no command '{}'; expected one of: {}", word, fmt::join(commands, ", "));
  for (const CLI::App* command : app->get_subcommands()) chosen = " " + command->get_name();
  const std::string hint =
      is_unknown ? "imbrex " + nearest(word, commands) : fmt::format("imbrex{} --help, which lists what there is", chosen);
  return fmt::format("error [{}]: {}\n  try: {}\n", "command-line", message, hint);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace imbrex;
  const bool was_closed = open_closed_streams();
  const bool as_json = std::any_of(argv, argv + argc, [](const char* word) { return std::string(word) == "--json"; });
  int status = 0;
  CLI::App app("Imbrex: a tile-kernel language, its kernels, and what runs and checks them", "imbrex");
  app.require_subcommand(1);
  tools::add_list(app, status);
  tools::add_show(app, status);
  tools::add_run(app, status);
  tools::add_check(app, status);
  tools::add_graph(app, status);
  tools::add_explain(app, status);
  tools::add_emit(app, status);
  tools::add_bench(app, status);
  tools::add_performance(app, status);
  tools::add_cache(app, status);
  tools::add_aot(app, status);
  tools::add_calibrate(app, status);
  app.failure_message([word = std::string(argc > 1 ? argv[1] : "")](const CLI::App* failed, const CLI::Error& error) {
    return command_line_message(failed, error, word);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (as_json && error.get_exit_code() != 0) print_as_json({{"command-line", {}, error.what(), "imbrex --help", {}}});
    return app.exit(error);
  } catch (const UserError& error) {
    if (as_json) print_as_json(error.diagnostics());
    std::fflush(stdout);
    tell(std::string(error.what()) + "\n");
    return 1;
  } catch (const std::bad_alloc&) {
    const Diagnostic error{"out-of-memory", {}, "there is not enough memory for these dimensions", "smaller ones", {}};
    if (as_json) print_as_json({error});
    std::fflush(stdout);
    tell(render(error) + "\n");
    return 1;
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return flushed(1, was_closed);  // that is what was thrown
    tell(std::string(error.what()) + "\n");
    return 2;
  }
  return flushed(status, was_closed);
}
