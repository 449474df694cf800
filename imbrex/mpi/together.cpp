#include "imbrex/mpi/together.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <string>
#include <vector>

#include "imbrex/base/digest.h"

namespace imbrex::mpi {

std::string text_of_ranks(const std::vector<size_t>& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", fmt::join(ranks, ", "));
}

void together(const World& world, const std::function<void()>& work, const TellFailure& failure_of) {
  std::string text;
  int status = 0;
  try {
    work();
  } catch (const std::exception& error) {
    const tools::Failure failure = failure_of(error);
    text = failure.text();
    status = failure.status;
  }
  const std::vector<int64_t> texts = world.all(static_cast<int64_t>(digest_of(text.data(), text.size())));
  const auto of_all = static_cast<int>(world.most(status));
  if (of_all == 0) return;
  std::vector<size_t> alike;
  for (size_t rank = 0; rank < texts.size(); ++rank)
    if (texts[rank] == texts[static_cast<size_t>(world.rank())]) alike.push_back(rank);
  if (status != 0 && alike.front() == static_cast<size_t>(world.rank())) {
    const bool is_of_all = alike.size() == texts.size();
    fmt::print(stderr, "{}{}", is_of_all ? "" : text_of_ranks(alike) + ": ", text);
    std::fflush(stderr);
  }
  throw EndedTogether(of_all);
}

}  // namespace imbrex::mpi
