// IMBREX_ATTACKS says how many programs there are in all (2,000), IMBREX_SEED replays one of each generator, IMBREX_SHOW=1 prints
// it, IMBREX_SHRINK=FOLDER writes the smallest program found for each kind of failure to that folder.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "attack.h"
#include "shrink.h"

namespace imbrex::attack {
namespace {

constexpr size_t kReported = 10;  // of each generator

int64_t number_from(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

std::string counts_text(const Counts& c) {
  return fmt::format(
      "{} programs: {} proven, {} refused with a counterexample, {} undecided, {} not programs; {} runs, {} kernels, {} "
      "counterexamples "
      "seen to fault, {} not tried; {} not run to their end",
      c.programs, c.proven, c.refused, c.undecided, c.invalid, c.runs, c.kernels, c.counterexamples, c.untried, c.slow);
}

class Attack : public testing::TestWithParam<Generator> {};

TEST_P(Attack, finds_nothing) {
  const int64_t seed = number_from("IMBREX_SEED", -1);
  int64_t weights = 0;
  for (const Generator& each : generators()) weights += each.weight;
  const int64_t share = number_from("IMBREX_ATTACKS", 2000) * GetParam().weight / weights;
  std::vector<Case> cases;
  for (int64_t k = seed < 0 ? 0 : seed; k < (seed < 0 ? share : seed + 1); ++k)
    cases.push_back(make_case(GetParam(), static_cast<uint64_t>(k)));
  if (number_from("IMBREX_SHOW", 0)) std::printf("%s", cases.at(0).text.c_str());
  const Outcome outcome = judge_all(cases, true);
  std::map<std::string, int> kinds;
  const char* folder = std::getenv("IMBREX_SHRINK");
  size_t reported = 0;
  for (const Outcome::Found& found : outcome.found) {
    if (kinds[found.failure.kind]++ == 0 && folder) write_smallest(folder, GetParam().name, found);
    if (reported++ < kReported)
      ADD_FAILURE() << found.failure.kind << "\nIMBREX_SEED=" << found.of.seed
                    << " " IMBREX_BINARY_DIR "/tests/attack_programs --gtest_filter=*/" << GetParam().name << "\n"
                    << found.of.edit << "\n"
                    << found.of.text << found.failure.text;
  }
  std::printf("%s: %s; %zu failures\n", GetParam().name, counts_text(outcome.counts).c_str(), outcome.found.size());
  for (const auto& [kind, count] : kinds) std::printf("  %5d %s\n", count, kind.c_str());
}

INSTANTIATE_TEST_SUITE_P(programs, Attack, testing::ValuesIn(generators()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace imbrex::attack
