// imbrex run: makes or reads inputs, runs a kernel, and judges what came out.
#include <fmt/format.h>

#include <algorithm>

#include "imbrex/base/error.h"
#include "imbrex/runtime/proof.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/expose.h"
#include "imbrex/tools/front_check.h"
#include "imbrex/tools/numbers.h"
#include "imbrex/tools/progress.h"
#include "imbrex/tools/report.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct RunOptions {
  SubjectOptions subject;
  std::optional<int64_t> batch, sequence, tokens;
  std::vector<std::string> dims;
  std::string backend = "host", isa, save, replay;
  int64_t threads = 0, repeat = 20;
  uint64_t seed = 1;
  bool json = false, verbose = false, unproven = false;
};

// Outputs larger than this are not compared with the interpreter unless nothing else can judge them: it is slow.
constexpr int64_t most_elements_to_interpret = 3'000'000;

// One run of the command, its parts in the order in which they happen.
class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {}

  int operator()() {
    choose_subject();
    prove();
    make_inputs();
    if (options_.backend == "host")
      run_on_this_machine();
    else
      interpret();
    judge();
    save();
    progress_.clear();
    if (options_.json)
      fmt::print("{}\n", json_of(report_));
    else
      print_screen(report_, options_.verbose);
    return report_.pass() ? 0 : 1;
  }

 private:
  void choose_subject() {
    SubjectOptions chosen = options_.subject;
    std::map<std::string, int64_t> given = settings_of(options_.dims, "--dim");
    int64_t batch = options_.batch.value_or(64), sequence = options_.sequence.value_or(2);
    const bool wants_tokens = options_.tokens || options_.batch || options_.sequence;
    if (options_.tokens && (options_.batch || options_.sequence))
      throw UserError("dimension-value", "--tokens says the same as --batch times --seq; both were given", "one of them");
    if (!options_.replay.empty() && chosen.name == front_name) {
      if (wants_tokens || chosen.sizes.count("hidden") || chosen.sizes.count("heads") || chosen.sizes.count("q_lora"))
        throw UserError("dimension-value", "sizes were given, but a replay takes them from its tensors",
                        "--replay without sizes");
      const FrontLayer layer = front_layer_in(options_.replay);
      chosen.sizes.insert(layer.options.begin(), layer.options.end());
      if (chosen.preset.empty()) chosen.preset = layer.preset;  // for eps
      given["T"] = layer.tokens;
    } else if (options_.tokens) {
      given["T"] = *options_.tokens;
    } else if (wants_tokens || chosen.name == front_name) {
      given["T"] = checked_product(batch, sequence);
      report_.batch = batch;
      report_.sequence = sequence;
    }
    subject_ = subject_of(chosen);
    dims_ = dims_of(subject_.program, given);
    report_.kernel = subject_.name;
    report_.variant = subject_.variant;
    report_.preset = subject_.preset;
    report_.dims = dims_;
    report_.seed = options_.seed;
    report_.backend = options_.backend;
    outputs_ = shapes_of(subject_.program, dims_, {ir::Role::output, ir::Role::inout});
  }

  static int64_t checked_product(int64_t batch, int64_t sequence) {
    int64_t tokens = 0;
    if (batch < 1 || sequence < 1 || __builtin_mul_overflow(batch, sequence, &tokens))
      throw UserError("dimension-value", fmt::format("--batch {} times --seq {} is no number of tokens", batch, sequence),
                      "both at least 1");
    return tokens;
  }

  void prove() {
    if (options_.unproven) return;
    progress_.say("proving");
    report_.proof = runtime::require_proof(subject_.program, {});
  }

  void make_inputs() {
    const std::vector<TensorShape> wanted = shapes_of(subject_.program, dims_, {ir::Role::input, ir::Role::inout});
    progress_.say(options_.replay.empty() ? "making inputs" : "reading inputs");
    if (!options_.replay.empty()) {
      inputs_ = read_inputs(options_.replay, wanted);
      expected_ = read_expected(options_.replay, outputs_);
    } else {
      inputs_ = subject_.is_front() ? synthetic_layer(wanted, options_.seed) : synthetic_inputs(wanted, options_.seed);
    }
    for (const auto& [name, array] : inputs_) report_.bytes += static_cast<double>(array.bytes.size());
    for (const TensorShape& spec : outputs_)
      report_.bytes += static_cast<double>(Array{spec.dtype, spec.shape, {}}.size() * bytes_of(spec.dtype));
    if (subject_.is_front()) report_.operations = front_operations(inputs_);
  }

  // Two for each multiply-add.
  static double front_operations(const Tensors& inputs) {
    const auto extent = [&](const char* name, size_t axis) { return static_cast<double>(inputs.at(name).shape[axis]); };
    const double tokens = extent("x", 0), hidden = extent("x", 1), q_lora = extent("wq_a", 1);
    return 2 * tokens * (hidden * (q_lora + extent("wkv", 1)) + q_lora * extent("wq_b", 1));
  }

  // What the kernel stores between its stages, so that each can be judged on the inputs it really had.
  ir::Program exposed_program() {
    std::vector<std::string> exposed;
    if (!subject_.is_front()) return subject_.program;
    return with_temporaries_as_outputs(subject_.program, {"token_x_bf16", "qr_bf16"}, exposed);
  }

  runtime::CompiledKernel compiled(const ir::Program& program, target::Isa isa) {
    progress_.say("compiling");
    return runtime::compile(program, {.isa = isa, .prove = false, .cache = {}, .flags = {}});
  }

  void run_on_this_machine() {
    HostOptions host{.isa = isa_of(options_.isa),
                     .threads = threads_of(options_.threads),
                     .warm_up = 2,
                     .repeat = static_cast<int>(options_.repeat)};
    report_.isa = target::name_of(host.isa);
    report_.isa_description = target::description_of(host.isa);
    report_.threads = host.threads;

    const runtime::CompiledKernel kernel = compiled(subject_.program, host.isa);
    const bool was_cached = kernel.module().from_cache;
    (was_cached ? report_.compile_cached_seconds : report_.compile_cold_seconds) = kernel.module().seconds;
    for (const Diagnostic& warning : kernel.module().warnings) fmt::print(stderr, "{}\n", render(warning));
    if (!was_cached) {
      const runtime::CompiledKernel again = compiled(subject_.program, host.isa);
      if (again.module().from_cache) report_.compile_cached_seconds = again.module().seconds;
    }

    runtime::Executor executor(host.threads);
    progress_.say("running");
    HostRun run = run_on_host(kernel, dims_, inputs_, outputs_, host, executor);
    report_.seconds = run.seconds;
    actual_ = std::move(run.outputs);
    note_bits(run.same_bits, "in every run");

    const ir::Program exposed = exposed_program();
    if (exposed.tensors.size() != subject_.program.tensors.size()) {
      host.warm_up = host.repeat = 0;
      const auto shapes = shapes_of(exposed, dims_, {ir::Role::output, ir::Role::inout});
      HostRun inside = run_on_host(compiled(exposed, host.isa), dims_, inputs_, shapes, host, executor);
      bool same = true;
      for (const auto& [name, array] : actual_) same = same && inside.outputs.at(name).bytes == array.bytes;
      note_bits(same, "with its intermediate tensors visible");
      observed_ = std::move(inside.outputs);
    }
    if (elements() <= most_elements_to_interpret || (!subject_.is_front() && !subject_.reference)) compare_with_interpreter();
  }

  void interpret() {
    progress_.say("interpreting");
    double seconds = 0;
    observed_ = run_in_interpreter(exposed_program(), dims_, inputs_, seconds);
    for (const TensorShape& spec : outputs_) actual_.emplace(spec.name, observed_.at(spec.name));
    report_.seconds = {seconds};
  }

  int64_t elements() const {
    int64_t sum = 0;
    for (const auto& [name, array] : inputs_) sum += array.size();
    for (const auto& [name, array] : actual_) sum += array.size();
    return sum;
  }

  void compare_with_interpreter() {
    progress_.say("interpreting");
    double seconds = 0;
    const Tensors defined = run_in_interpreter(subject_.program, dims_, inputs_, seconds);
    bool same = true;
    for (const TensorShape& spec : outputs_) {
      OutputResult result = compare_bits(spec.name, actual_.at(spec.name), defined.at(spec.name));
      same = same && result.pass();
      interpreted_.push_back(std::move(result));
    }
    note_bits(same, "to the interpreter");
  }

  void note_bits(bool equal, const std::string& what) {
    std::string& text = equal ? report_.bits : report_.bits_differ;
    text += (text.empty() ? "" : ", ") + what;
  }

  void judge() {
    if (subject_.is_front()) return judge_front();
    if (expected_ || subject_.reference) return judge_by_values();
    report_.compared_with = "the interpreter";
    report_.outputs = interpreted_;
    if (options_.backend == "interpreter")  // its own definition: there is nothing else to compare with
      for (const auto& [name, array] : actual_) report_.outputs.push_back(compare_bits(name, array, array));
  }

  void judge_front() {
    for (const auto& [name, array] : actual_) observed_.insert_or_assign(name, array);
    const int64_t tokens = dims_.at("T");
    progress_.say("comparing with the reference");
    const FrontCheck check{.inputs = inputs_,
                           .outputs = observed_,
                           .expected = expected_ ? &*expected_ : nullptr,
                           .eps = subject_.eps,
                           .keep_expected = !options_.save.empty()};
    report_.front = check_front(
        check, [&](int64_t done) { progress_.say(fmt::format("comparing with the reference, {} of {} tokens", done, tokens)); });
    report_.outputs = report_.front->outputs;
    report_.compared_with = expected_ ? "expected.safetensors" : "the reference";
  }

  // Against values computed in double: each kernel of nn/ rounds its result to at most bf16 and works in f32 before.
  void judge_by_values() {
    progress_.say("comparing with the reference");
    const Tensors expected = expected_ ? *expected_ : subject_.reference(inputs_);
    report_.compared_with = expected_ ? "expected.safetensors" : "the reference";
    for (const TensorShape& spec : outputs_)
      report_.outputs.push_back(compare_values(spec.name, actual_.at(spec.name), expected.at(spec.name)));
    if (!options_.save.empty()) expected_ = expected;
  }

  void save() {
    if (options_.save.empty()) return;
    progress_.say("saving");
    const std::map<std::string, std::string> metadata = {{"kernel", report_.kernel},
                                                         {"variant", report_.variant},
                                                         {"preset", report_.preset},
                                                         {"seed", std::to_string(options_.seed)}};
    write_tensors(options_.save, "inputs", inputs_, metadata);
    const Tensors* expected = expected_ ? &*expected_ : report_.front ? &report_.front->expected : nullptr;
    if (expected != nullptr) write_tensors(options_.save, "expected", *expected, metadata);
    write_tensors(options_.save, "outputs", actual_, metadata);
  }

  const RunOptions& options_;
  Progress progress_;
  RunReport report_;
  Subject subject_;
  std::map<std::string, int64_t> dims_;
  std::vector<TensorShape> outputs_;
  Tensors inputs_, actual_, observed_;
  std::optional<Tensors> expected_;
  std::vector<OutputResult> interpreted_;
};

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("run", "Runs a kernel on seeded or saved inputs and checks its outputs");
  auto o = std::make_shared<RunOptions>();
  o->subject.add_to(*command);
  command->add_option("--batch", o->batch, "Sequences; tokens are batch times seq (default 64)");
  command->add_option("--seq", o->sequence, "Tokens of each sequence (default 2)");
  command->add_option("--tokens", o->tokens, "Tokens T, instead of --batch and --seq");
  command->add_option("--dim", o->dims, "A dimension of any other kernel: NAME=VALUE");
  command->add_option("--backend", o->backend, "host or interpreter")->check(CLI::IsMember({"host", "interpreter"}));
  command->add_option("--isa", o->isa, "Instruction set: scalar, avx2 or avx512 (default: the best of this machine)");
  command->add_option("--threads", o->threads, "Threads (default: one for each processor)");
  command->add_option("--seed", o->seed, "Seed of the inputs (default 1)");
  command->add_option("--repeat", o->repeat, "Timed runs (default 20)")->check(CLI::Range(1, 1000000));
  command->add_option("--save", o->save, "Folder to write inputs, expected and outputs to");
  command->add_option("--replay", o->replay, "Folder to read inputs, and expected where it is there, from");
  command->add_flag("--unproven", o->unproven, "Without the proof; says so in the output");
  command->add_flag("--json", o->json, "JSON instead of the screen");
  command->add_flag("--verbose", o->verbose, "Histograms of errors and every stage");
  command->callback([o, &status] { status = Run(*o)(); });
}

}  // namespace imbrex::tools
