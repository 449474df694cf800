#include "bench/peers/measured_choice.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace imbrex::peers {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int turns = 8;
// What the shortest run so far may take, of the best one's time, to stay for another turn: less and less.
constexpr double tolerance[turns] = {1.5, 1.25, 1.15, 1.1, 1.1, 1.1, 1.1, 1.1};
constexpr auto until_warm = std::chrono::milliseconds(2);
constexpr auto one_turn = std::chrono::milliseconds(6);

double shortest_run(const std::function<void()>& way) {
  const auto warm = Clock::now() + until_warm;
  do way();
  while (Clock::now() < warm);
  double shortest = std::numeric_limits<double>::infinity();
  const auto end = Clock::now() + one_turn;
  do {
    const auto begin = Clock::now();
    way();
    shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - begin).count());
  } while (Clock::now() < end);
  return shortest;
}

}  // namespace

size_t fastest_of(const std::vector<std::function<void()>>& ways) {
  std::vector<double> shortest(ways.size(), std::numeric_limits<double>::infinity());
  double best = std::numeric_limits<double>::infinity();
  for (int turn = 0; turn < turns; ++turn)
    for (size_t i = 0; i < ways.size(); ++i) {
      if (turn > 0 && shortest[i] > tolerance[turn - 1] * best) continue;
      shortest[i] = std::min(shortest[i], shortest_run(ways[i]));
      best = std::min(best, shortest[i]);
    }
  return static_cast<size_t>(std::min_element(shortest.begin(), shortest.end()) - shortest.begin());
}

}  // namespace imbrex::peers
