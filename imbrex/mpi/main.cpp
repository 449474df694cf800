// The `imbrex-mpi` command, started by mpirun. What fails in one rank ends all. Exit status as of `imbrex`.
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

#include "imbrex/mpi/agreement.h"
#include "imbrex/mpi/command_run.h"
#include "imbrex/mpi/together.h"
#include "imbrex/mpi/world.h"
#include "imbrex/tools/failure.h"
#include "imbrex/tools/option_values.h"

namespace {

using namespace imbrex;

// Reads the command line, all ranks together. Returns the help where that is asked for.
std::string read_command_line(CLI::App& app, const mpi::World& world, int argc, char** argv, const std::string& word) {
  std::string help;
  const auto failure_of = [&](const std::exception& error) {
    const auto* of_line = dynamic_cast<const CLI::ParseError*>(&error);
    return of_line != nullptr ? tools::command_line_failure(app, *of_line, word) : tools::failure_of(error, word);
  };
  mpi::together(
      world,
      [&] {
        try {
          app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
          if (error.get_exit_code() != 0) throw;
          std::ostringstream text;
          app.exit(error, text, text);
          help = text.str();
        }
      },
      failure_of);
  return help;
}

}  // namespace

int main(int argc, char** argv) {
  const mpi::World world(&argc, &argv);
  const std::string word = argc > 1 ? argv[1] : "";
  int status = 0;
  CLI::App app("Imbrex on several machines: kernels whose heads the processes of one MPI run share", "imbrex-mpi");
  app.require_subcommand(1);
  const auto options = mpi::add_run(app);
  tools::refuse_odd_values(app);
  try {
    const std::string help = read_command_line(app, world, argc, argv, word);
    mpi::require_agreement(world, {{"--help", help.empty() ? "not given" : "given"}}, "--help on every rank, or on none");
    if (help.empty())
      status = mpi::run(*options, world);
    else if (world.is_first())
      std::fputs(help.c_str(), stdout);
  } catch (const mpi::EndedTogether& ended) {
    return ended.status;
  } catch (const std::exception& error) {
    const tools::Failure failure = tools::failure_of(error, word);
    std::fflush(stdout);
    std::fprintf(stderr, "rank %d: %s", world.rank(), failure.text().c_str());
    std::fflush(stderr);
    world.abort(failure.status);
  }
  return std::fflush(stdout) == 0 ? status : 1;
}
