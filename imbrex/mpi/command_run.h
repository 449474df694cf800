// imbrex-mpi run: a kernel on a layer of a checkpoint, its heads shared by the ranks of this run.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "imbrex/mpi/run_options.h"
#include "imbrex/mpi/world.h"

namespace imbrex::mpi {

// The command, and what parsing it fills.
std::shared_ptr<const RunOptions> add_run(CLI::App& app);

// Returns the exit status. Throws EndedTogether in every rank where some failed before they ran.
int run(const RunOptions& options, const World& world);

}  // namespace imbrex::mpi
