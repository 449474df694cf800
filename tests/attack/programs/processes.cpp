// Batches of cases, each in a child process: what crashes or hangs there ends the batch and not the run; the batch is then tried
// again without that case.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "judge.h"
#include "support/generated_code.h"

namespace imbrex::attack {
namespace {

constexpr size_t kBatch = 50, kText = 12000;
// Of processor time in one phase, and of waiting for a process that uses none.
constexpr double kMostSeconds = 20, kMostSecondsOfRuns = 10, kMostSecondsOfWaiting = 300;
constexpr size_t kMostMemory = size_t{6} << 30;

// What the child says, in memory that both see.
struct Said {
  std::atomic<size_t> at;
  std::atomic<Phase> phase;
  std::atomic<double> since;  // processor time
  std::atomic<bool> is_done;
  struct {
    bool is_judged, has_failed;
    Counts counts;
    char kind[128], text[kText];
  } of[kBatch];
};

double seconds(clockid_t clock) {
  timespec now{};
  return clock_gettime(clock, &now) == 0 ? static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 : 0;
}

void say(Said& said, size_t at, const Failure& failure) {
  said.of[at].has_failed = true;
  std::strncpy(said.of[at].kind, failure.kind.c_str(), sizeof said.of[at].kind - 1);
  std::strncpy(said.of[at].text, failure.text.c_str(), kText - 1);
}

// Code for all programs in one file; where that does not compile, in two halves, and so on down to those that do not.
using Compiled = std::map<std::string, std::shared_ptr<test::GeneratedCode>>;
void compile(std::span<const ir::Program> programs, const target::Machine& machine, const char* level, Compiled& compiled) {
  const auto code = std::make_shared<test::GeneratedCode>(programs, machine, level);
  if (code->error().empty() || programs.size() == 1) {
    for (const ir::Program& program : programs) compiled[program.name] = code;
    return;
  }
  compile(programs.first(programs.size() / 2), machine, level, compiled);
  compile(programs.subspan(programs.size() / 2), machine, level, compiled);
}

void compile_and_run(const std::vector<Judged>& judged, const std::function<void(size_t, Phase)>& enter, Said& said,
                     uint64_t seed) {
  std::vector<ir::Program> programs;
  for (const Judged& each : judged) programs.insert(programs.end(), each.kernels.begin(), each.kernels.end());
  if (programs.empty()) return;
  enter(kBatch, Phase::compile);
  const auto& targets = target::supported_targets();
  const target::Machine machine = test::machine_by(seed, *targets[seed / 2 % targets.size()]);
  Compiled compiled;
  compile(programs, machine, seed % 4 == 3 ? "-O1" : "-O0", compiled);
  for (size_t k = 0; k < judged.size(); ++k)
    for (const ir::Program& program : judged[k].kernels) {
      const test::GeneratedCode& code = *compiled.at(program.name);
      if (!code.error().empty()) {
        say(said, k, {"generated code does not compile", code.error()});
        break;
      }
      enter(k, Phase::run);
      ++said.of[k].counts.kernels;
      if (const auto failure = judge_kernel(program, code.kernel(program), judged[k])) {
        say(said, k, {failure->kind, fmt::format("{} on {}\n{}", machine.target->name, machine.rates.name, failure->text)});
        break;
      }
    }
}

[[noreturn]] void child(const std::vector<Case>& cases, const std::vector<bool>& left_out, bool compiles, Said& said) {
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit memory{kMostMemory, kMostMemory};
  setrlimit(RLIMIT_AS, &memory);
#endif
  // What is compiled is judged by what it does, not by what a compiler warns of.
  setenv("IMBREX_GENERATED_FLAGS", "-w", 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const auto enter = [&](size_t at, Phase phase) {
    said.since = seconds(CLOCK_PROCESS_CPUTIME_ID);
    said.phase = phase;
    said.at = at;
  };
  std::vector<Judged> judged(cases.size());
  for (size_t k = 0; k < cases.size(); ++k) {
    if (left_out[k]) continue;
    judged[k] = judge(cases[k], fmt::format("a{}_", k), [&](Phase phase) { enter(k, phase); });
    said.of[k].counts = judged[k].counts;
    said.of[k].is_judged = true;
    if (judged[k].failure) say(said, k, *judged[k].failure), judged[k].kernels.clear();
  }
  if (compiles) compile_and_run(judged, enter, said, cases[0].seed / kBatch);
  said.is_done = true;
  _exit(0);
}

// How the child ended, if not by itself.
std::optional<Failure> wait_for(pid_t process, const Said& said) {
  clockid_t clock;
  clock_getcpuclockid(process, &clock);
  double begin = seconds(CLOCK_MONOTONIC), since = -1;
  for (;;) {
    int status = 0;
    if (waitpid(process, &status, WNOHANG) == process) {
      if (said.is_done) return std::nullopt;
      const std::string how =
          WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : fmt::format("exit status {}", WEXITSTATUS(status));
      return Failure{fmt::format("crash while {}", kPhases[static_cast<size_t>(said.phase.load())]), how};
    }
    usleep(2000);
    if (since != said.since) since = said.since, begin = seconds(CLOCK_MONOTONIC);
    const Phase phase = said.phase;
    const bool runs = phase == Phase::interpret || phase == Phase::search;
    const double used = seconds(clock) - since, waited = seconds(CLOCK_MONOTONIC) - begin;
    if (used < (runs ? kMostSecondsOfRuns : kMostSeconds) && waited < kMostSecondsOfWaiting) continue;
    kill(process, SIGKILL);
    waitpid(process, &status, 0);
    return Failure{fmt::format("hang while {}", kPhases[static_cast<size_t>(phase)]),
                   fmt::format("{:.0f} s of processor time", used)};
  }
}

void judge_batch(const std::vector<Case>& cases, bool compiles, Outcome& outcome) {
  void* memory = mmap(nullptr, sizeof(Said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Said& said = *static_cast<Said*>(memory);
  std::vector<bool> left_out(cases.size());
  for (bool again = true; again;) {
    again = false;
    std::memset(memory, 0, sizeof(Said));
    std::fflush(nullptr);
    const pid_t process = fork();
    if (process == 0) child(cases, left_out, compiles, said);
    const std::optional<Failure> ended = wait_for(process, said);
    if (!ended) break;
    const size_t at = said.at;
    const bool is_slow = ended->kind.starts_with("hang") && (said.phase == Phase::interpret || said.phase == Phase::search);
    if (at >= cases.size()) {  // the compiler
      outcome.found.push_back({{}, *ended});
      break;
    }
    left_out[at] = again = true;
    ++outcome.counts.programs;
    // A proven program may run for long.
    if (is_slow)
      ++outcome.counts.slow;
    else
      outcome.found.push_back({cases[at], *ended});
  }
  for (size_t k = 0; k < cases.size(); ++k) {
    if (left_out[k]) continue;
    outcome.counts.add(said.of[k].counts);
    if (said.of[k].has_failed) outcome.found.push_back({cases[k], {said.of[k].kind, said.of[k].text}});
  }
  munmap(memory, sizeof(Said));
}

}  // namespace

Outcome judge_all(const std::vector<Case>& cases, bool compiles) {
  const tests::TemporaryFolder cache;  // of verdicts on what the optimizer makes
  setenv("IMBREX_CACHE", cache.path().c_str(), 1);
  Outcome outcome;
  for (size_t begin = 0; begin < cases.size(); begin += kBatch)
    judge_batch({cases.begin() + static_cast<std::ptrdiff_t>(begin),
                 cases.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kBatch, cases.size()))},
                compiles, outcome);
  return outcome;
}

}  // namespace imbrex::attack
