// The `imbrex` command. Exit status: 0 if all went well and everything that was checked passed; 1 for what the user can change
// and for a check that failed; 2 for a defect of Imbrex; CLI11's (above 100) for a command line that cannot be understood.
#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "imbrex/base/error.h"
#include "imbrex/tools/commands.h"

namespace {

// What was printed must have arrived: a full disk behind standard output is a failure.
int flushed(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  fmt::print(stderr, "error [file-unwritable]: cannot write to standard output\n  try: a file on a disk with free space\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace imbrex;
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const UserError& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error [out-of-memory]: there is not enough memory for these dimensions\n  try: smaller ones\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return flushed(status);
}
