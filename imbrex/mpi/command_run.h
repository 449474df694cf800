// imbrex-mpi run: a kernel on a layer of a checkpoint, its heads shared by the ranks of this run.
#pragma once

#include <CLI/CLI.hpp>

#include "imbrex/mpi/world.h"

namespace imbrex::mpi {

void add_run(CLI::App& app, const World& world, int& status);

}  // namespace imbrex::mpi
