// Rewrites of kernels that keep every bit are never called different, and mutants that change one are never called equal; most
// are decided. The interpreter says beforehand that a rewrite keeps bits and that a mutant changes some, and afterwards that a
// witness is one.
//
// IMBREX_EQUALITY says how many rewrites and how many mutants there are (200 of each), IMBREX_SEED replays one base,
// IMBREX_SHOW=1 prints every pair with its verdict, IMBREX_SHRINK=FOLDER writes the smallest pair of each kind of failure, and of
// each reason for which a rewrite is not decided.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include "bases.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "judge_pair.h"
#include "mutants.h"
#include "rewrites.h"

namespace imbrex::attack {
namespace {

using equal::Verdict;

constexpr int64_t kEach = 200;
constexpr size_t kRunsOfRewrite = 6, kRunsOfMutant = 12;

int64_t number_from(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

std::string text_of(const Pair& pair, const Said& said) {
  return fmt::format("IMBREX_SEED={}: {}\n{}{}{}{}\n", pair.seed, pair.how, ir::print(pair.a), ir::print(pair.b), said.text,
                     said.wrong);
}

// Of each kind, how many there are, and the smallest.
class Kinds {
 public:
  void add(const std::string& kind, const Pair& pair, const Said& said) {
    Kind& of = kinds_[kind];
    ++of.count;
    const size_t size = ir::print(pair.a).size() + ir::print(pair.b).size();
    if (of.count == 1 || size < of.size) of.size = size, of.smallest = pair, of.said = said;
  }
  void print() const {
    for (const auto& [kind, of] : kinds_)
      std::printf("  %5d %s (IMBREX_SEED=%llu)\n", of.count, kind.c_str(), static_cast<unsigned long long>(of.smallest.seed));
  }
  void report_failures() const {
    for (const auto& [kind, of] : kinds_)
      ADD_FAILURE() << of.count << " times: " << kind << ", the smallest:\n" << text_of(of.smallest, of.said);
  }
  void write() const {
    const char* folder = std::getenv("IMBREX_SHRINK");
    if (!folder) return;
    std::filesystem::create_directories(folder);
    for (const auto& [kind, of] : kinds_) {
      const std::string stem = fmt::format("{}/{}-{}", folder, of.smallest.seed, std::hash<std::string>()(kind) % 10000);
      std::ofstream(stem + "-a.tile") << "# " << kind << "\n# " << of.smallest.how << "\n" << ir::print(of.smallest.a);
      std::ofstream(stem + "-b.tile") << ir::print(of.smallest.b);
    }
  }

 private:
  struct Kind {
    int count = 0;
    size_t size = 0;
    Pair smallest;
    Said said;
  };
  std::map<std::string, Kind> kinds_;
};

std::optional<ir::Program> proven_base(uint64_t seed) {
  try {
    ir::Program base = ir::parse(base_program(seed), "base.tile");
    if (ir::verify(base).empty() && is_proven(base)) return base;
  } catch (const UserError&) {
  }
  return std::nullopt;
}

void show(const Pair& pair, const Said& said) {
  if (number_from("IMBREX_SHOW", 0)) std::printf("---- %s\n%s", name_of(said.verdict), text_of(pair, said).c_str());
}

template <class Judge>
void for_bases(int64_t each, Judge judge) {
  const int64_t seed = number_from("IMBREX_SEED", -1);
  for (int64_t k = seed < 0 ? 0 : seed; k < (seed < 0 ? 20 * each : seed + 1); ++k)
    if (const auto base = proven_base(static_cast<uint64_t>(k))) {
      if (number_from("IMBREX_SHOW", 0) > 1) std::printf("%s", ir::print(*base).c_str());
      if (!judge(*base, static_cast<uint64_t>(k))) return;
    }
}

double seconds_since(std::clock_t start) { return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC; }

TEST(Equality, RewritesAreNeverDifferent) {
  const int64_t most = number_from("IMBREX_EQUALITY", kEach);
  const std::clock_t start = std::clock();
  int64_t count = 0, equal = 0, unproven = 0;
  Kinds failures, reasons;
  std::map<std::string, std::pair<int, int>> steps;  // equal, of all that have it
  for_bases(most, [&](const ir::Program& base, uint64_t seed) {
    const auto now = rewritten(base, 3, seed);
    if (!now) return true;
    Pair pair{seed, "", base, now->program};
    for (const std::string& step : now->steps) pair.how += (pair.how.empty() ? "" : ", ") + step;
    if (const auto difference = seen_difference(pair, kRunsOfRewrite)) {
      failures.add("a rewrite that changes bits: " + pair.how, pair, {Verdict::not_decided, "", *difference, ""});
      return ++count < most;
    }
    Said said{Verdict::not_decided, "the rewrite is not proven", "", ""};
    if (is_proven(pair.b))
      said = said_of(pair);
    else
      ++unproven;
    show(pair, said);
    if (!said.wrong.empty()) failures.add(said.wrong, pair, said);
    if (said.verdict == Verdict::different) failures.add("a rewrite is said to be different", pair, said);
    if (said.verdict == Verdict::not_decided) reasons.add(said.reason, pair, said);
    equal += said.verdict == Verdict::equal;
    for (const std::string& step : now->steps) steps[step].first += said.verdict == Verdict::equal, ++steps[step].second;
    return ++count < most;
  });
  std::printf("%lld rewrites: %lld equal, %lld not decided, %lld of these not proven; %.1f s\n", static_cast<long long>(count),
              static_cast<long long>(equal), static_cast<long long>(count - equal), static_cast<long long>(unproven),
              seconds_since(start));
  reasons.print();
  for (const auto& [step, counts] : steps) std::printf("  %4d of %4d equal: %s\n", counts.first, counts.second, step.c_str());
  reasons.write(), failures.write(), failures.report_failures();
  if (number_from("IMBREX_SEED", -1) >= 0) return;
  EXPECT_GE(equal * 4, count * 3);
}

TEST(Equality, MutantsAreNeverEqual) {
  const int64_t most = number_from("IMBREX_EQUALITY", kEach);
  const std::clock_t start = std::clock();
  int64_t count = 0, shown = 0, unseen = 0, unseen_equal = 0;
  Kinds failures, reasons, equals;
  for_bases(most, [&](const ir::Program& base, uint64_t seed) {
    const auto now = mutated(base, seed);
    if (!now || !is_proven(now->program)) return true;
    const Pair pair{seed, now->edit, base, now->program};
    const auto difference = seen_difference(pair, kRunsOfMutant);
    const Said said = said_of(pair);
    show(pair, said);
    if (!said.wrong.empty()) failures.add(said.wrong, pair, said);
    // Whether a mutant that was not seen to differ does so is not known; it does not count.
    if (!difference) {
      ++unseen, unseen_equal += said.verdict == Verdict::equal;
      if (said.verdict == Verdict::equal) equals.add(pair.how, pair, said);
      if (said.verdict != Verdict::different) return true;
    }
    if (said.verdict == Verdict::equal)
      failures.add("a mutant is said to be equal: " + pair.how, pair, {said.verdict, "", said.text + *difference, ""});
    if (said.verdict == Verdict::not_decided) reasons.add(said.reason + ": " + pair.how, pair, said);
    shown += said.verdict == Verdict::different;
    return ++count < most;
  });
  std::printf(
      "%lld mutants: %lld different with a witness, %lld not decided; %lld more not seen to differ, %lld of these equal; %.1f "
      "s\n",
      static_cast<long long>(count), static_cast<long long>(shown), static_cast<long long>(count - shown),
      static_cast<long long>(unseen), static_cast<long long>(unseen_equal), seconds_since(start));
  reasons.print();
  std::printf("  not seen to differ, and equal:\n");
  equals.print();
  reasons.write(), equals.write(), failures.write(), failures.report_failures();
  if (number_from("IMBREX_SEED", -1) >= 0) return;
  EXPECT_GE(shown * 4, count * 3);
}

}  // namespace
}  // namespace imbrex::attack
