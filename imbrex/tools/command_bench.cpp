// imbrex bench: a kernel beside what the machine can do and what plain loops do, in interleaved rounds, so that all of them see
// the same neighbours and clocks.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "imbrex/base/error.h"
#include "imbrex/base/utf8.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/contest.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_description.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/options_json.h"
#include "imbrex/tools/peers.h"
#include "imbrex/tools/progress.h"
#include "imbrex/tools/replay.h"
#include "imbrex/tools/report.h"
#include "imbrex/tools/subject.h"
#include "imbrex/tools/subject_inputs.h"

namespace imbrex::tools {
namespace {

struct BenchOptions {
  SubjectOptions subject;
  std::vector<int64_t> tokens;
  std::vector<std::string> dims;
  std::string replay;
  MachineOptions machine;
  int64_t threads = 0, rounds = 15;
  uint64_t seed = 1;
  bool json = false, no_plain = false, no_cold = false, as_written = false, peers = false, unproven = false;
};

struct Kernels {
  runtime::CompiledKernel optimized;
  std::optional<runtime::CompiledKernel> as_written;
};

// One kernel at one size.
class Bench {
 public:
  Bench(const BenchOptions& options, const Subject& subject, const Kernels& kernels, runtime::Executor& executor,
        std::map<std::string, int64_t> dims)
      : options_(options),
        subject_(subject),
        executor_(executor),
        threads_(threads_of(options.threads)),
        dims_(std::move(dims)),
        contest_(executor, threads_) {
    if (options.replay.empty())
      inputs_ = made_inputs(subject, dims_, options.seed);
    else
      inputs_ = read_inputs(options.replay, shapes_of(subject.program, dims_, {ir::Role::input, ir::Role::inout}), subject.name);
    add_kernel("kernel", kernels.optimized, optimized_);
    if (kernels.as_written) add_kernel("as written", *kernels.as_written, as_written_);
    add_rivals();
  }

  void measure(Progress& progress) {
    contest_.measure(options_.rounds, !options_.no_cold, [&](int64_t round) {
      progress.say(fmt::format("{}, round {} of {}", title(), round + 1, options_.rounds));
    });
  }

  void print() const {
    fmt::print("{}\n  {:<12}{:>11}{:>16}{:>11}{:>8}{:>11}{:>11}{:>8}\n", title(), "", "hot ms", "spread", "roofline", "won",
               "cold ms", "roofline", "won");
    for (const Contestant& c : contest_.contestants())
      fmt::print("  {:<12}{:>11}{:>16}{:>11}{:>8}{:>11}{:>11}{:>8}\n", c.name, milliseconds(c.hot_seconds), spread(c.hot_seconds),
                 share_of_limit(median(c.hot_seconds), limit_of(contest_, false).seconds), won(c, false),
                 milliseconds(c.cold_seconds), share_of_limit(median(c.cold_seconds), limit_of(contest_, true).seconds),
                 won(c, true));
    print_limits();
    if (peer_) fmt::print("  {}\n", peer_->accuracy);
  }

  nlohmann::json json() const {
    nlohmann::json out = {{"dims", dims_}, {"contestants", nlohmann::json::object()}};
    for (const Contestant& c : contest_.contestants()) {
      nlohmann::json& entry = out["contestants"][c.name] = nlohmann::json::object();
      if (!c.what.empty()) entry["what"] = c.what;
      if (!c.hot_seconds.empty()) entry["hot"] = json_of(c, false);
      if (!c.cold_seconds.empty()) entry["cold"] = json_of(c, true);
    }
    for (const bool cold : {false, true}) {
      const Limit limit = limit_of(contest_, cold);
      if (limit.seconds == 0) continue;
      out["limit_ms"][cold ? "cold" : "hot"] = 1e3 * limit.seconds;
      out["limit_by"][cold ? "cold" : "hot"] = limit.what;
    }
    if (peer_) out["peer_accuracy"] = peer_->accuracy;
    return out;
  }
  std::string peer_description() const { return peer_ ? peer_->description : ""; }

 private:
  void add_kernel(const char* name, const runtime::CompiledKernel& kernel, std::optional<KernelRunner>& runner) {
    runner.emplace(kernel, dims_, inputs_, shapes_of(subject_.program, dims_, {ir::Role::output, ir::Role::inout}), executor_,
                   threads_);
    contest_.add({.name = name, .run = [&runner] { return runner->run(); }});
  }

  // Those that the kernel's entry has.
  void add_rivals() {
    const kernels::Entry& entry = subject_.entry;
    if (entry.least_work) {
      probes_.emplace(entry.least_work(inputs_), *options_.machine.to_run().target, executor_, threads_);
      probes_->add_to(contest_);
    }
    if (options_.peers) {
      optimized_->run();
      peer_ = peer_contestants(inputs_, optimized_->outputs(), subject_.options, *options_.machine.to_run().target, threads_);
      for (const Contestant& contestant : peer_->contestants) contest_.add(contestant);
    }
    if (options_.no_plain || !entry.plain_loops) return;
    plain_ = entry.plain_loops(inputs_, subject_.options);
    if (plain_.phases.empty()) return;
    contest_.add({.name = "plain loops",
                  .run = [this] { return time_plain_loops(plain_, executor_, threads_); },
                  .cold = false,
                  .warms_up = false});
  }

  std::string title() const {
    std::string text = with_visible_characters(subject_.name);
    for (const auto& [name, value] : dims_) text += fmt::format("  {}={}", name, value);
    return text;
  }

  static const std::vector<double>& times(const Contestant& c, bool cold) { return cold ? c.cold_seconds : c.hot_seconds; }

  nlohmann::json json_of(const Contestant& c, bool cold) const {
    const std::vector<double>& seconds = times(c, cold);
    const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
    nlohmann::json out = {{"median_ms", 1e3 * median(seconds)}, {"min_ms", 1e3 * *least}, {"max_ms", 1e3 * *most}};
    const Contestant& kernel = contest_.contestants().front();
    if (&c != &kernel) out["kernel_won"] = rounds_won(times(kernel, cold), seconds);
    return out;
  }

  // The rounds in which the kernel took less time than `c`.
  std::string won(const Contestant& c, bool cold) const {
    const Contestant& kernel = contest_.contestants().front();
    if (&c == &kernel || times(c, cold).empty()) return "";
    return fmt::format("{}/{}", rounds_won(times(kernel, cold), times(c, cold)), times(c, cold).size());
  }

  static std::string milliseconds(const std::vector<double>& seconds) {
    return seconds.empty() ? "-" : fmt::format("{:.3f}", 1e3 * median(seconds));
  }
  static std::string spread(const std::vector<double>& seconds) {
    if (seconds.empty()) return "-";
    const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
    return fmt::format("{:.2f}-{:.2f}", 1e3 * *least, 1e3 * *most);
  }
  void print_limits() const {
    std::string text;
    for (const bool cold : {false, true})
      if (const Limit limit = limit_of(contest_, cold); limit.seconds > 0)
        text +=
            fmt::format("{}{:.3f} ms {}, {}", text.empty() ? "" : "; ", 1e3 * limit.seconds, cold ? "cold" : "hot", limit.what);
    if (!text.empty()) fmt::print("  roofline: {}\n", text);
  }

  const BenchOptions& options_;
  const Subject& subject_;
  runtime::Executor& executor_;
  int threads_;
  std::map<std::string, int64_t> dims_;
  Tensors inputs_;
  std::optional<KernelRunner> optimized_, as_written_;
  std::optional<WorkProbes> probes_;
  std::optional<PeerContestants> peer_;
  kernels::PlainLoops plain_;
  Contest contest_;
};

// "2026-03-14", in UTC.
std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm day = {};
  gmtime_r(&now, &day);
  return fmt::format("{:04}-{:02}-{:02}", 1900 + day.tm_year, 1 + day.tm_mon, day.tm_mday);
}

struct Chosen {
  Subject subject;
  std::vector<std::map<std::string, int64_t>> sizes;
};

Chosen choose(const BenchOptions& options) {
  std::map<std::string, int64_t> given = settings_of(options.dims, "--dim");
  if (!options.tokens.empty() && given.contains("T"))
    throw UserError("dimension-value", "--tokens and --dim T say the same; both were given", "one of them");
  std::vector<int64_t> tokens = options.tokens;
  const bool is_replay = !options.replay.empty();
  if (tokens.empty() && !is_replay && !given.contains("T")) tokens = entry_of(options.subject.name).bench_tokens;
  if (is_replay) {
    if (tokens.size() > 1)
      throw UserError("dimension-value", "several --tokens were given, and a replay is of one size", "--replay without --tokens");
    if (!tokens.empty()) given["T"] = tokens[0];
    Replay replay = replay_of(options.subject, options.replay, given);
    return {std::move(replay.subject), {replay.dims}};
  }
  Chosen chosen{subject_of(options.subject), {}};
  for (const int64_t each : tokens) {
    given["T"] = each;
    chosen.sizes.push_back(dims_of(chosen.subject.program, given));
  }
  if (tokens.empty()) chosen.sizes.push_back(dims_of(chosen.subject.program, given));
  return chosen;
}

// What is measured where no sizes are given: " (default of NAME: 1,8)".
std::string usual_tokens() {
  std::string text;
  for (const kernels::Entry& entry : kernels::registry())
    if (!entry.bench_tokens.empty())
      text += fmt::format("{}default of {}: {}", text.empty() ? "" : "; ", entry.name, fmt::join(entry.bench_tokens, ","));
  return text.empty() ? text : " (" + text + ")";
}

int bench(const BenchOptions& options) {
  const target::Machine machine = options.machine.to_run();
  const int threads = threads_of(options.threads);
  const auto [subject, sizes] = choose(options);
  Progress progress;
  progress.say("compiling");
  if (options.peers) require_peers(subject.entry);
  Kernels kernels = {
      runtime::compile(subject.program,
                       {.target = machine.target, .rates = machine.rates, .prove = !options.unproven, .cache = {}, .flags = {}}),
      {}};
  if (options.as_written)
    kernels.as_written = runtime::compile(
        subject.program,
        {.target = machine.target, .rates = machine.rates, .optimize = false, .prove = false, .cache = {}, .flags = {}});
  runtime::Executor executor(threads);

  nlohmann::json out = {{"kernel", subject.name},
                        {"variant", subject.variant},
                        {"preset", subject.preset},
                        {"options", json_of(subject.options)},
                        {"threads", threads},
                        {"isa", machine.target->name},
                        {"class", target::class_name_of_this_machine(machine.rates)},
                        {"rounds", options.rounds},
                        {"proven", !options.unproven},
                        {"machine", machine_description()}};
  out["date"] = today();
  out["semantics"] = IMBREX_SEMANTICS;
  out["evicted_mib"] = evicted_bytes() >> 20;
  if (options.peers) out["machine"]["peer"] = peer_version();
  const auto print_head = [&] {
    std::string what = with_visible_characters(subject.name);
    for (const std::string& word : {subject.preset, subject.variant, kernels::text_of(subject.changed)})
      if (!word.empty()) what += "  " + word;
    fmt::print("{}  {} on {}, {} threads, medians of {} interleaved rounds\n", what, machine.target->description,
               machine.rates.name, threads, options.rounds);
    if (options.unproven) fmt::print("proof: NONE, --unproven skipped it\n");
  };
  for (const auto& dims : sizes) {
    Bench one(options, subject, kernels, executor, dims);
    if (!options.json && &dims == &sizes.front()) print_head();
    one.measure(progress);
    progress.clear();
    if (const std::string peer = one.peer_description(); !peer.empty()) out["peer"] = peer;
    if (options.json)
      out["sizes"].push_back(one.json());
    else
      one.print();
  }
  if (options.json) fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("bench", "Times a kernel beside probes of the machine and plain loops");
  auto o = std::make_shared<BenchOptions>();
  o->subject.add_to(*command);
  command->add_option("--tokens", o->tokens, "Tokens T, one or several" + usual_tokens())->delimiter(',');
  command->add_option("--dim", o->dims, "A dimension of any kernel: NAME=VALUE");
  command->add_option("--replay", o->replay, "Folder to read inputs from, such as `imbrex run --save` writes");
  o->machine.add_to(*command);
  command->add_option("--threads", o->threads, "Threads (default: one for each processor)");
  command->add_option("--rounds", o->rounds, "Interleaved rounds (default 15)")->check(CLI::Range(1, 100000));
  command->add_option("--seed", o->seed, "Seed of the inputs (default 1)");
  command->add_flag("--no-plain", o->no_plain, "Without the plain loops, which take most of the time");
  command->add_flag("--no-cold", o->no_cold, "Without runs after the caches were emptied");
  command->add_flag("--as-written", o->as_written, "Also the kernel without the optimizer");
  command->add_flag(
      "--peers", o->peers,
      "Also the fastest composition of oneDNN's products that is found (of a kernel that has peers; see docs/performance.md)");
  command->add_flag("--unproven", o->unproven, "Without the proof; says so in the output");
  command->add_flag("--json", o->json, "JSON instead of the table");
  command->callback([o, &status] { status = bench(*o); });
}

}  // namespace imbrex::tools
