// imbrex bench: a kernel beside what the machine can do and what plain loops do, in interleaved rounds, so that all of them see
// the same neighbours and clocks.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "imbrex/base/error.h"
#include "imbrex/runtime/buffer.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/plain_front.h"
#include "imbrex/tools/probes.h"
#include "imbrex/tools/progress.h"
#include "imbrex/tools/report.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct BenchOptions {
  SubjectOptions subject;
  std::vector<int64_t> tokens;
  std::string isa;
  int64_t threads = 0, rounds = 15;
  uint64_t seed = 1;
  bool json = false, no_plain = false, unproven = false;
};

// Something that is run once a round and timed.
struct Contestant {
  std::string name;
  std::function<double()> run;  // seconds
  bool hot = true, cold = true;
  std::vector<double> hot_seconds, cold_seconds;
};

constexpr int64_t plain_column_block = 64;

// One kernel at one size.
class Bench {
 public:
  Bench(const BenchOptions& options, const Subject& subject, const runtime::CompiledKernel& kernel, runtime::Executor& executor,
        std::map<std::string, int64_t> dims)
      : options_(options), subject_(subject), call_(kernel), executor_(executor), dims_(std::move(dims)) {
    const auto wanted = shapes_of(subject.program, dims_, {ir::Role::input, ir::Role::inout});
    inputs_ = subject.is_front() ? synthetic_layer(wanted, options.seed) : synthetic_inputs(wanted, options.seed);
    for (auto& [name, array] : inputs_) call_.bind(name, runtime::TensorView::of(array));
    for (const TensorShape& spec : shapes_of(subject.program, dims_, {ir::Role::output}))
      call_.bind(spec.name,
                 runtime::TensorView::of(outputs_.emplace(spec.name, Array::zeros(spec.dtype, spec.shape)).first->second));
    for (const auto& [name, value] : dims_) call_.set_dim(name, value);
    add_contestants();
  }

  void measure(Progress& progress) {
    for (Contestant& contestant : contestants_)
      if (contestant.hot) contestant.run();
    for (int64_t round = 0; round < options_.rounds; ++round) {
      progress.say(fmt::format("{}, round {} of {}", title(), round + 1, options_.rounds));
      for (Contestant& contestant : contestants_)
        if (contestant.hot) contestant.hot_seconds.push_back(hot_time(contestant));
      for (Contestant& contestant : contestants_)
        if (contestant.cold) contestant.cold_seconds.push_back(cold_time(contestant));
    }
  }

  void print() const {
    fmt::print("{}\n  {:<12}{:>12}{:>18}{:>12}{:>18}\n", title(), "", "hot ms", "of the kernel", "cold ms", "of the kernel");
    for (const Contestant& c : contestants_)
      fmt::print("  {:<12}{:>12}{:>18}{:>12}{:>18}\n", c.name, milliseconds(c.hot_seconds),
                 ratio(c.hot_seconds, kernel().hot_seconds), milliseconds(c.cold_seconds),
                 ratio(c.cold_seconds, kernel().cold_seconds));
  }

  nlohmann::json json() const {
    nlohmann::json out = {{"dims", dims_}};
    for (const Contestant& c : contestants_) {
      if (!c.hot_seconds.empty()) out["hot_ms"][c.name] = 1e3 * median(c.hot_seconds);
      if (!c.cold_seconds.empty()) out["cold_ms"][c.name] = 1e3 * median(c.cold_seconds);
    }
    return out;
  }

 private:
  void add_contestants() {
    const int threads = threads_of(options_.threads);
    contestants_.push_back(
        {"kernel", [this, threads] { return timed([&] { call_.run(executor_, threads); }); }, true, true, {}, {}});
    if (!subject_.is_front()) return;
    const auto extent = [&](const char* name, size_t axis) { return static_cast<double>(inputs_.at(name).shape[axis]); };
    const double tokens = extent("x", 0), int8 = tokens * extent("wq_b", 0) * extent("wq_b", 1);
    const double bf16 = tokens * extent("x", 1) * (extent("wq_a", 1) + extent("wkv", 1));
    contestants_.push_back(
        {"peak", [this, threads, int8, bf16] { return time_peak(executor_, threads, int8, bf16); }, true, false, {}, {}});

    int64_t weight_bytes = 0;
    for (const char* name : {"wq_a", "wq_b", "wkv"}) weight_bytes += static_cast<int64_t>(inputs_.at(name).bytes.size());
    weights_ = runtime::Buffer(static_cast<size_t>(weight_bytes));
    std::fill_n(static_cast<char*>(weights_.data()), weight_bytes, char{1});
    contestants_.push_back(
        {"stream",
         [this, threads, weight_bytes] { return time_stream(executor_, threads, weights_.data(), weight_bytes); },
         true,
         true,
         {},
         {}});

    if (options_.no_plain || inputs_.at("wq_a").shape[1] % plain_column_block != 0) return;
    plain_.emplace(inputs_, static_cast<float>(subject_.eps));
    contestants_.push_back({"plain loops", [this, threads] { return plain_->run(executor_, threads); }, true, false, {}, {}});
  }

  template <class F>
  static double timed(F&& run) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  // The second of two runs: the first brings its data back into the caches.
  static double hot_time(Contestant& contestant) {
    if (contestant.name == "kernel" || contestant.name == "stream") contestant.run();
    return contestant.run();
  }

  double cold_time(Contestant& contestant) {
    evict_caches(executor_, threads_of(options_.threads));
    return contestant.run();
  }

  const Contestant& kernel() const { return contestants_.front(); }

  std::string title() const {
    std::string text = subject_.name;
    for (const auto& [name, value] : dims_) text += fmt::format("  {}={}", name, value);
    return text;
  }

  static std::string milliseconds(const std::vector<double>& seconds) {
    return seconds.empty() ? "-" : fmt::format("{:.3f}", 1e3 * median(seconds));
  }
  static std::string ratio(const std::vector<double>& seconds, const std::vector<double>& of) {
    return seconds.empty() || of.empty() ? "-" : fmt::format("{:.3f}", median(seconds) / median(of));
  }

  const BenchOptions& options_;
  const Subject& subject_;
  runtime::Call call_;
  runtime::Executor& executor_;
  std::map<std::string, int64_t> dims_;
  Tensors inputs_, outputs_;
  runtime::Buffer weights_;
  std::optional<PlainFront> plain_;
  std::vector<Contestant> contestants_;
};

int bench(BenchOptions options) {
  if (options.subject.name == front_name && options.tokens.empty()) options.tokens = {1, 8, 64, 128};
  const target::Isa isa = isa_of(options.isa);
  const int threads = threads_of(options.threads);
  const Subject subject = subject_of(options.subject);
  Progress progress;
  progress.say("compiling");
  const runtime::CompiledKernel kernel =
      runtime::compile(subject.program, {.isa = isa, .prove = !options.unproven, .cache = {}, .flags = {}});
  runtime::Executor executor(threads);

  std::vector<std::map<std::string, int64_t>> sizes;
  for (int64_t tokens : options.tokens) sizes.push_back(dims_of(subject.program, {{"T", tokens}}));
  if (sizes.empty()) sizes.push_back(dims_of(subject.program, {}));

  nlohmann::json out = {{"kernel", subject.name},     {"variant", subject.variant},  {"preset", subject.preset},
                        {"threads", threads},         {"isa", target::name_of(isa)}, {"rounds", options.rounds},
                        {"proven", !options.unproven}};
  if (!options.json)
    fmt::print("{}  {}  {}  {}, {} threads, medians of {} interleaved rounds\n", subject.name, subject.preset, subject.variant,
               target::description_of(isa), threads, options.rounds);
  if (!options.json && options.unproven) fmt::print("proof: NONE, --unproven skipped it\n");
  for (const auto& dims : sizes) {
    Bench one(options, subject, kernel, executor, dims);
    one.measure(progress);
    progress.clear();
    if (options.json)
      out["sizes"].push_back(one.json());
    else
      one.print();
  }
  if (options.json) fmt::print("{}\n", out.dump(2));
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("bench", "Times a kernel beside probes of the machine and plain loops");
  auto o = std::make_shared<BenchOptions>();
  o->subject.add_to(*command);
  command->add_option("--tokens", o->tokens, "Tokens T, one or several (default for the front: 1,8,64,128)")->delimiter(',');
  command->add_option("--isa", o->isa, "Instruction set: scalar, avx2 or avx512 (default: the best of this machine)");
  command->add_option("--threads", o->threads, "Threads (default: one for each processor)");
  command->add_option("--rounds", o->rounds, "Interleaved rounds (default 15)")->check(CLI::Range(1, 100000));
  command->add_option("--seed", o->seed, "Seed of the inputs (default 1)");
  command->add_flag("--no-plain", o->no_plain, "Without the plain loops, which take most of the time");
  command->add_flag("--unproven", o->unproven, "Without the proof; says so in the output");
  command->add_flag("--json", o->json, "JSON instead of the table");
  command->callback([o, &status] { status = bench(*o); });
}

}  // namespace imbrex::tools
