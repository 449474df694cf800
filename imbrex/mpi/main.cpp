// The `imbrex-mpi` command, started by mpirun. What fails in one rank ends all. Exit status as of `imbrex`.
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "imbrex/mpi/command_run.h"
#include "imbrex/mpi/together.h"
#include "imbrex/mpi/world.h"
#include "imbrex/tools/failure.h"
#include "imbrex/tools/option_values.h"

int main(int argc, char** argv) {
  using namespace imbrex;
  const mpi::World world(&argc, &argv);
  const std::string word = argc > 1 ? argv[1] : "";
  int status = 0;
  CLI::App app("Imbrex on several machines: kernels whose heads the processes of one MPI run share", "imbrex-mpi");
  app.require_subcommand(1);
  mpi::add_run(app, world, status);
  tools::refuse_odd_values(app);
  // What all ranks were told wrongly, the first one says.
  const auto failed = [&](const tools::Failure& failure, bool is_of_all) {
    if (!is_of_all || world.is_first())
      std::fprintf(stderr, "%s%s", is_of_all ? "" : ("rank " + std::to_string(world.rank()) + ": ").c_str(),
                   failure.text().c_str());
    std::fflush(stderr);
    if (!is_of_all) world.abort(failure.status);
    return failure.status;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return failed(tools::command_line_failure(app, error, word), true);
    std::ostringstream text;
    status = app.exit(error, text, text);
    if (world.is_first()) std::fputs(text.str().c_str(), stdout);
  } catch (const mpi::EndedTogether& ended) {
    return ended.status;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    return failed(tools::failure_of(error, word), false);
  }
  return std::fflush(stdout) == 0 ? status : 1;
}
