// Work of which no rank sends anything, and which may fail in some ranks or in all.
#pragma once

#include <exception>
#include <functional>

#include "imbrex/mpi/world.h"
#include "imbrex/tools/failure.h"

namespace imbrex::mpi {

// Thrown in every rank, when what some failed of has been said.
struct EndedTogether : std::exception {
  explicit EndedTogether(int exit_status) : status(exit_status) {}
  const char* what() const noexcept override { return "the run has failed"; }
  int status;
};

using TellFailure = std::function<tools::Failure(const std::exception& error)>;

// Does it in every rank, and waits for the others. What several ranks failed of alike stands on standard error once, with their
// numbers where others did not, as `failure_of` tells it.
void together(
    const World& world, const std::function<void()>& work,
    const TellFailure& failure_of = [](const std::exception& error) { return tools::failure_of(error); });

// "rank 2", "ranks 0, 2"
std::string text_of_ranks(const std::vector<size_t>& ranks);

}  // namespace imbrex::mpi
