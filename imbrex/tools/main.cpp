// The `imbrex` command. Exit status: 0 if all went well and everything that was checked passed; 1 for what the user can change
// and for a check that failed; 2 for a defect of Imbrex; 3 for what the user can change, of `equal`, whose 1 is a verdict;
// CLI11's (above 100) for a command line that cannot be understood.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>

#include "imbrex/tools/commands.h"
#include "imbrex/tools/failure.h"
#include "imbrex/tools/option_values.h"

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

// What failed, in words and, where JSON was asked for, as JSON.
int failed(const imbrex::tools::Failure& failure, bool as_json) {
  if (as_json) std::fputs(failure.json().c_str(), stdout);
  std::fflush(stdout);
  tell(failure.text());
  return failure.status;
}

// `--help`: what CLI11 would print to a stream of its own.
int print_help(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream text;
  const int status = app.exit(error, text, text);
  std::fputs(text.str().c_str(), stdout);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace imbrex;
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow (ulimit -f) is as a full disk
  const bool was_closed = open_closed_streams();
  const std::string word = argc > 1 ? argv[1] : "";
  const bool as_json = std::any_of(argv, argv + argc, [](const char* word) { return std::string(word) == "--json"; });
  int status = 0;
  CLI::App app("Imbrex: a tile-kernel language, its kernels, and what runs and checks them", "imbrex");
  app.require_subcommand(1);
  tools::add_list(app, status);
  tools::add_show(app, status);
  tools::add_run(app, status);
  tools::add_check(app, status);
  tools::add_graph(app, status);
  tools::add_equal(app, status);
  tools::add_explain(app, status);
  tools::add_report(app, status);
  tools::add_emit(app, status);
  tools::add_bench(app, status);
  tools::add_performance(app, status);
  tools::add_cache(app, status);
  tools::add_aot(app, status);
  tools::add_calibrate(app, status);
  tools::add_make_checkpoint(app, status);
  tools::add_inspect(app, status);
  tools::refuse_odd_values(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return failed(tools::command_line_failure(app, error, word), as_json);
    status = print_help(app, error);
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return flushed(1, was_closed);  // that is what was thrown
    return failed(tools::failure_of(error, word), as_json);
  }
  return flushed(status, was_closed);
}
