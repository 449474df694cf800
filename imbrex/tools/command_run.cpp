// imbrex run: makes or reads inputs, runs a kernel, and judges what came out.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/ir/visit.h"
#include "imbrex/prove/prove.h"
#include "imbrex/runtime/compiler.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/file.h"
#include "imbrex/runtime/trace.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/contest.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/expose.h"
#include "imbrex/tools/layer_subject.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/memory_room.h"
#include "imbrex/tools/needed_for.h"
#include "imbrex/tools/packed_layer.h"
#include "imbrex/tools/progress.h"
#include "imbrex/tools/replay.h"
#include "imbrex/tools/report.h"
#include "imbrex/tools/subject.h"
#include "imbrex/tools/subject_inputs.h"
#include "imbrex/tools/timeline.h"

namespace imbrex::tools {
namespace {

struct RunOptions {
  SubjectOptions subject;
  std::optional<int64_t> batch, sequence, tokens;
  std::vector<std::string> dims;
  std::string backend = "host", save, replay, trace, checkpoint, packed;
  std::optional<int64_t> layer;
  MachineOptions machine;
  int64_t threads = 0, repeat = 20;
  uint64_t seed = 1;
  bool json = false, verbose = false, unproven = false, as_written = false, checked = false;

  bool interprets() const { return backend == "interpreter" || checked; }
};

// Outputs larger than this are not compared with the interpreter unless nothing else can judge them: it is slow.
constexpr int64_t most_elements_to_interpret = 3'000'000;

// Nor such an output beside what an entry's judge looks at between the stages.
constexpr int64_t most_elements_beside_stages = 1'000'000;

constexpr int runs_that_must_agree = 3;
constexpr size_t most_slices_of_a_worker = 1 << 18;

// One run of the command, its parts in the order in which they happen.
class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {}

  int operator()() {
    if (options_.interprets() && !options_.machine.isa.empty())
      throw UserError("unknown-isa",
                      fmt::format("--isa {} with the interpreter, which has no instruction sets", options_.machine.isa),
                      options_.checked ? "--checked alone, or --isa alone" : "--backend interpreter alone, or --isa alone");
    require_weights_to_keep();
    interprets_ = options_.interprets() || !has_compiler();
    choose_subject();
    prove();
    make_inputs();
    if (interprets_)
      interpret();
    else
      run_on_this_machine();
    judge();
    if (!report_.pass() && !interprets_ && has_stages(exposed_program())) look_inside();
    save();
    progress_.clear();
    if (options_.json)
      fmt::print("{}\n", json_of(report_));
    else
      print_screen(report_, options_.verbose);
    return report_.pass() ? 0 : 1;
  }

 private:
  // --packed is of weights that are packed: those of a checkpoint's layer, where code runs.
  void require_weights_to_keep() const {
    if (options_.packed.empty()) return;
    if (options_.checkpoint.empty())
      throw UserError(
          "option-value",
          fmt::format("--packed {} without --checkpoint: packed weights are kept of a checkpoint's layer alone", options_.packed),
          "the same with --checkpoint DIR, or without --packed");
    if (options_.interprets())
      throw UserError("option-value",
                      fmt::format("--packed {} with the interpreter, which takes weights as they are", options_.packed),
                      "the same without --packed");
  }

  // Without one the interpreter runs what asks for nothing that code alone has. UserError "no-compiler" otherwise.
  bool has_compiler() {
    try {
      runtime::find_compiler("", runtime::Cache());
      return true;
    } catch (const UserError& error) {
      if (!options_.machine.isa.empty() || !options_.trace.empty() || !options_.packed.empty() || options_.as_written) throw;
      Diagnostic warning = error.diagnostics().front();
      warning.is_warning = true;
      warning.message += "; the interpreter runs the kernel instead, slowly";
      fmt::print(stderr, "{}\n", render(warning));
      return false;
    }
  }

  void choose_subject() {
    const SubjectOptions& chosen = options_.subject;
    std::map<std::string, int64_t> given = settings_of(options_.dims, "--dim");
    int64_t batch = options_.batch.value_or(64), sequence = options_.sequence.value_or(2);
    const bool wants_tokens = options_.tokens || options_.batch || options_.sequence;
    if ((options_.tokens && (options_.batch || options_.sequence)) || (wants_tokens && given.count("T")))
      throw UserError("dimension-value", "--tokens, --batch times --seq, and --dim T all say the same; more than one was given",
                      "one of them");
    if (options_.tokens) {
      given["T"] = *options_.tokens;
    } else if (wants_tokens || (entry_of(chosen.name).has_batches && !given.count("T") && options_.replay.empty())) {
      given["T"] = checked_product(batch, sequence);
      report_.batch = batch;
      report_.sequence = sequence;
    }
    if (options_.layer && options_.checkpoint.empty())
      throw UserError("option-value", fmt::format("--layer {} is a layer of no checkpoint", *options_.layer), "--checkpoint DIR");
    if (!options_.checkpoint.empty()) {
      open_checkpoint();
      dims_ = dims_of(subject_.program, given, 0);
    } else if (options_.replay.empty()) {
      subject_ = subject_of(chosen);
      dims_ = dims_of(subject_.program, given, 0);
    } else {
      Replay replay = replay_of(chosen, options_.replay, given);
      subject_ = std::move(replay.subject);
      dims_ = std::move(replay.dims);
    }
    report_.kernel = subject_.name;
    report_.variant = subject_.variant;
    report_.preset = subject_.preset;
    report_.options = subject_.options;
    report_.changed = subject_.changed;
    report_.dims = dims_;
    report_.seed = options_.seed;
    report_.backend = interprets_ ? "interpreter" : options_.backend;
    report_.checked = options_.checked;
    outputs_ = shapes_of(subject_.program, dims_, {ir::Role::output, ir::Role::inout});
  }

  // Of the layer, with the preset whose options are nearest to it.
  void open_checkpoint() {
    SubjectOptions chosen = options_.subject;
    from_checkpoint_of(chosen.name);
    if (!options_.replay.empty())
      throw UserError("option-value", "--checkpoint and --replay both say what the inputs are", "one of them");
    progress_.say("opening the checkpoint");
    model_.emplace(options_.checkpoint);
    decide_by_layer(chosen, *model_, layer());
    subject_ = subject_of(chosen);
  }

  int64_t layer() const { return options_.layer.value_or(0); }

  static int64_t checked_product(int64_t batch, int64_t sequence) {
    int64_t tokens = 0;
    if (batch < 1 || sequence < 1 || __builtin_mul_overflow(batch, sequence, &tokens))
      throw UserError(
          "dimension-value",
          fmt::format("--batch {} and --seq {}: each is at least 1, and their product, the number of tokens, fits 64 bits", batch,
                      sequence),
          "--batch 1 --seq 128");
    return tokens;
  }

  void prove() {
    if (options_.unproven) return runtime::require_accepted_unproven(subject_.program);
    progress_.say("proving");
    report_.proof = runtime::require_accepted(subject_.program, {});
    std::vector<std::string> sizes;
    for (const ir::Dim& dim : subject_.program.dims)
      sizes.push_back(dim.max ? fmt::format("{} from 1 to {}", dim.name, *dim.max) : fmt::format("every {} >= 1", dim.name));
    report_.proven_sizes = sizes.empty() ? "its one size" : fmt::format("{}", fmt::join(sizes, ", "));
  }

  void make_inputs() {
    const std::vector<TensorShape> wanted = shapes_of(subject_.program, dims_, {ir::Role::input, ir::Role::inout});
    // Packed weights and workspaces are known when there is code.
    require_room({{"inputs", bytes_in(wanted)},
                  {"expected outputs", options_.replay.empty() ? 0 : bytes_in(outputs_)},
                  {"weights before they are transposed", model_ ? bytes_in(wanted) : 0},
                  {interprets_ ? "the interpreter's copies of inputs" : "outputs, 2 times,",
                   interprets_ ? bytes_in(wanted) : 2 * bytes_in(outputs_)}});
    progress_.say(options_.replay.empty() ? "making inputs" : "reading inputs");
    if (model_) {
      read_layer(wanted);
    } else if (!options_.replay.empty()) {
      inputs_ = read_inputs(options_.replay, wanted, subject_.name);
      expected_ = read_expected(options_.replay, outputs_, subject_.name);
    } else {
      inputs_ = made_inputs(subject_, dims_, options_.seed);
    }
    for (const auto& [name, array] : inputs_) report_.bytes += static_cast<double>(array.bytes.size());
    for (const TensorShape& spec : outputs_)
      report_.bytes += static_cast<double>(Array{spec.dtype, spec.shape, {}}.size() * bytes_of(spec.dtype));
    // Two for each multiply-add.
    if (subject_.entry.least_work) report_.operations = 2 * subject_.entry.least_work(inputs_).multiply_adds();
  }

  void read_layer(const std::vector<TensorShape>& wanted) {
    progress_.say("reading the layer");
    const int threads = threads_of(options_.threads);
    runtime::Executor executor(threads);
    const auto workers = [&](const std::function<void(int, int)>& work) {
      executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { work(ith, nth); });
    };
    kernels::LayerInputs read = subject_.entry.from_checkpoint->inputs(*model_, layer(), 0, wanted, options_.seed, workers);
    inputs_ = std::move(read.inputs);
    weights_by_row_ = std::move(read.weights_by_row);
    identity_ = std::move(read.identity);
    report_.checkpoint = {options_.checkpoint, read.description,     layer(), read.bytes, 0,
                          read.load_seconds,   read.convert_seconds, {},      {}};
    for (const TensorShape& shape : wanted)
      if (!read.made.contains(shape.name)) of_layer_.push_back(shape);
  }

  void pack_or_map(const runtime::CompiledKernel& kernel, int threads, runtime::Executor& executor) {
    const PackedLayer& packed = packed_.emplace(kernel, LayerOperands{inputs_, weights_by_row_, of_layer_, identity_},
                                                options_.packed, *model_, executor, threads);
    report_.checkpoint->packed_bytes = packed.packed_bytes();
    report_.checkpoint->pack_seconds = packed.pack_seconds();
    report_.checkpoint->file = packed.file();
  }

  const PackedTensors* packed_tensors() const { return packed_ ? &packed_->tensors() : nullptr; }

  // With what the kernel stores between its stages as outputs.
  ir::Program exposed_program() {
    std::vector<std::string> exposed;
    return with_temporaries_as_outputs(subject_.program, subject_.entry.stage_tensors, exposed);
  }

  runtime::CompiledKernel compiled(const ir::Program& program, const target::Machine& machine, bool optimize) {
    progress_.say("compiling");
    return runtime::compile(
        program,
        {.target = machine.target, .rates = machine.rates, .optimize = optimize, .prove = false, .cache = {}, .flags = {}});
  }

  void run_on_this_machine() {
    const target::Machine machine = options_.machine.to_run();
    HostOptions host{.threads = threads_of(options_.threads), .warm_up = 0, .repeat = runs_that_must_agree};
    report_.isa = machine.target->name;
    report_.isa_description = machine.target->description;
    report_.machine = machine.rates.name;
    report_.threads = host.threads;

    const bool optimize = !options_.as_written;
    const runtime::CompiledKernel kernel = compiled(subject_.program, machine, optimize);
    const bool was_cached = kernel.module().from_cache;
    (was_cached ? report_.compile_cached_seconds : report_.compile_cold_seconds) = kernel.module().seconds;
    for (const Diagnostic& warning : kernel.module().warnings) fmt::print(stderr, "{}\n", render(warning));
    if (!was_cached) {
      const runtime::CompiledKernel again = compiled(subject_.program, machine, optimize);
      if (again.module().from_cache) report_.compile_cached_seconds = again.module().seconds;
    }

    runtime::Executor executor(host.threads);
    if (model_) pack_or_map(kernel, host.threads, executor);
    weights_by_row_.clear();
    host.packed = packed_tensors();
    progress_.say("running");
    HostRun run = run_on_host(kernel, dims_, inputs_, outputs_, host, executor);
    actual_ = std::move(run.outputs);
    note_bits(run.same_bits, "across runs");

    if (!is_empty()) time(kernel, machine, host, executor);
    if (!options_.trace.empty()) trace(kernel, host, executor);
    compare_with_interpreter();
  }

  // Where a comparison failed: the kernel once more, compiled so that it stores what it has between its stages. The stages are then
  // judged on what they really had.
  void look_inside() {
    const target::Machine machine = options_.machine.to_run();
    const ir::Program exposed = exposed_program();
    const HostOptions host{.threads = report_.threads, .warm_up = 0, .repeat = 0};
    runtime::Executor executor(host.threads);
    const auto shapes = shapes_of(exposed, dims_, {ir::Role::output, ir::Role::inout});
    HostRun inside = run_on_host(compiled(exposed, machine, !options_.as_written), dims_, inputs_, shapes, host, executor);
    bool same = true;
    for (const auto& [name, array] : actual_) same = same && kernels::compare_bits(name, inside.outputs.at(name), array).pass();
    note_bits(same, "with intermediate tensors exposed");
    observed_ = std::move(inside.outputs);
    judge();
  }

  // Beside what the machine can do at best. `imbrex bench` has other contestants: they must be compiled, which takes seconds.
  void time(const runtime::CompiledKernel& kernel, const target::Machine& machine, const HostOptions& host,
            runtime::Executor& executor) {
    const optimize::Optimized& optimized = kernel.translation().optimized;
    if (optimized.is_scheduled)
      describe_fusion(kernel.translation());
    else if (!options_.as_written)
      report_.unfused_because = optimized.reason;
    report_.defects = optimized.defects;
    KernelRunner runner(kernel, dims_, inputs_, outputs_, executor, host.threads, packed_tensors());
    std::optional<WorkProbes> probes;

    Contest contest(executor, host.threads);
    contest.add({.name = "kernel", .run = [&] { return runner.run(); }});
    if (const auto& least_work = subject_.entry.least_work)
      probes.emplace(least_work(inputs_), *machine.target, executor, host.threads).add_to(contest);
    contest.measure(options_.repeat, false,
                    [&](int64_t round) { progress_.say(fmt::format("timing, round {} of {}", round + 1, options_.repeat)); });
    if (const Contestant* timed = contest.find("kernel")) report_.seconds = timed->hot_seconds;
    report_.limit = limit_of(contest, false);
  }

  void describe_fusion(const runtime::Translation& translation) {
    const ir::Program& optimized = translation.program();
    Fusion& fusion = report_.fusion.emplace();
    fusion.scopes_before = scopes_in(subject_.program);
    fusion.scopes_after = scopes_in(optimized);
    fusion.tensors = report::temporaries_of(subject_.program, optimized, dims_);
    fusion.proof = translation.optimized_proof;
    const auto begin = std::chrono::steady_clock::now();
    fusion.equality = equal::compare(subject_.program, optimized, {.are_proven = true, .searches = false});
    fusion.equality_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  static int scopes_in(const ir::Program& program) {
    std::set<std::string> names;
    ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
      if (const auto* at = std::get_if<ir::At>(&statement.node)) names.insert(at->name);
      return true;
    });
    return static_cast<int>(names.size());
  }

  void trace(const runtime::CompiledKernel& kernel, const HostOptions& host, runtime::Executor& executor) {
    progress_.say("tracing");
    require_room({{"slices of the timeline",
                   host.threads * static_cast<int64_t>(most_slices_of_a_worker * sizeof(runtime::TraceCollector::Event))}});
    runtime::TraceCollector collector(host.threads, most_slices_of_a_worker);
    KernelRunner runner(kernel, dims_, inputs_, outputs_, executor, host.threads, packed_tensors());
    for (int run = 0; run < 3; ++run) runner.run();  // caches and threads as in the runs that are timed
    runner.call().trace(runtime::TraceCollector::record, &collector);
    runner.run();
    try {
      runtime::write_file(options_.trace,
                          timeline_json(kernel.translation().program(), dims_, report_.kernel, collector, host.threads));
    } catch (const std::filesystem::filesystem_error& error) {
      throw UserError("file-unwritable", fmt::format("cannot write the timeline: {}", error.what()),
                      "--trace with a file in a folder that you may write to");
    }
  }

  void interpret() {
    progress_.say("interpreting");
    double seconds = 0;
    observed_ = run_in_interpreter(exposed_program(), dims_, inputs_, options_.checked, seconds);
    for (const TensorShape& spec : outputs_) actual_.emplace(spec.name, observed_.at(spec.name));
    report_.seconds = {seconds};
  }

  // Such a call has nothing to write, and does nothing.
  bool is_empty() const {
    return std::any_of(dims_.begin(), dims_.end(), [](const auto& dim) { return dim.second == 0; });
  }

  int64_t elements() const {
    int64_t sum = 0;
    for (const auto& [name, array] : inputs_) sum += array.size();
    for (const auto& [name, array] : actual_) sum += array.size();
    return sum;
  }

  // Bit for bit, but for the bits of a NaN: these are not part of the meaning. What an entry's judge looks at between its stages
  // comes from the interpreter, too, with the outputs that take it no longer than that.
  void compare_with_interpreter() {
    const bool compares_all = elements() <= most_elements_to_interpret || !subject_.reference;
    const ir::Program exposed = exposed_program();
    if (!compares_all && !has_stages(exposed)) return;
    std::set<std::string> wanted;
    for (const ir::Tensor& tensor : exposed.tensors)
      if (tensor.role != ir::Role::input) wanted.insert(tensor.name);
    std::vector<std::string> compared;
    for (const TensorShape& spec : outputs_)
      if (compares_all || Array{spec.dtype, spec.shape, {}}.size() <= most_elements_beside_stages)
        compared.push_back(spec.name);
      else
        wanted.erase(spec.name);
    progress_.say("interpreting");
    double seconds = 0;
    Tensors defined = run_in_interpreter(compares_all ? exposed : needed_for(exposed, wanted), dims_, inputs_, false, seconds);
    bool same = true;
    for (const std::string& name : compared) {
      OutputResult result = kernels::compare_bits(name, actual_.at(name), defined.at(name));
      same = same && result.pass();
      interpreted_.push_back(std::move(result));
    }
    if (!compared.empty())
      note_bits(same, compared.size() == outputs_.size() ? "to the interpreter"
                                                         : fmt::format("to the interpreter in {}", fmt::join(compared, ", ")));
    observed_ = std::move(defined);
  }

  bool has_stages(const ir::Program& exposed) const { return exposed.tensors.size() != subject_.program.tensors.size(); }

  void note_bits(bool equal, const std::string& what) {
    std::string& text = equal ? report_.bits : report_.bits_differ;
    text += (text.empty() ? "" : ", ") + what;
  }

  void judge() {
    if (subject_.entry.judge) return judge_by_entry();
    if (expected_ || subject_.reference) return judge_by_values();
    report_.compared_with = "the interpreter";
    report_.outputs = interpreted_;
    if (interprets_)  // its own definition: there is nothing else to compare with
      for (const auto& [name, array] : actual_) report_.outputs.push_back(kernels::compare_bits(name, array, array));
  }

  void judge_by_entry() {
    for (const auto& [name, array] : actual_) observed_.insert_or_assign(name, array);
    const int64_t tokens = dims_.at("T");
    progress_.say("comparing with the reference");
    require_room({{"the reference's copies of inputs", bytes_in(inputs_)},
                  {"expected outputs", options_.save.empty() ? 0 : bytes_in(outputs_)}});
    const kernels::JudgeRequest request{.inputs = inputs_,
                                        .outputs = observed_,
                                        .expected = expected_ ? &*expected_ : nullptr,
                                        .options = subject_.options,
                                        .keep_expected = !options_.save.empty()};
    report_.judgement = subject_.entry.judge(request, [&](int64_t done) {
      progress_.say(fmt::format("comparing with the reference, {} of {} tokens", done, tokens));
    });
    report_.outputs = report_.judgement->outputs;
    report_.compared_with = expected_ ? "expected.safetensors" : "the reference";
  }

  // Against values computed in double: each kernel of nn/ rounds its result to at most bf16 and works in f32 before.
  void judge_by_values() {
    report_.compared_with = expected_ ? "expected.safetensors" : "the reference";
    progress_.say("comparing with the reference");
    if (!expected_) {
      require_room({{"expected outputs", bytes_in(outputs_)},
                    {"the reference's numbers in double", elements() * static_cast<int64_t>(sizeof(double))}});
      expected_ = subject_.reference(inputs_);
    }
    for (const TensorShape& spec : outputs_)
      report_.outputs.push_back(kernels::compare_values(spec.name, actual_.at(spec.name), expected_->at(spec.name)));
  }

  void save() {
    if (options_.save.empty()) return;
    progress_.say("saving");
    const std::map<std::string, std::string> metadata = {{"kernel", report_.kernel},
                                                         {"variant", report_.variant},
                                                         {"preset", report_.preset},
                                                         {"options", kernels::text_of(report_.options)},
                                                         {"seed", std::to_string(options_.seed)}};
    write_tensors(options_.save, "inputs", inputs_, metadata);
    const Tensors* expected = expected_ ? &*expected_ : report_.judgement ? &report_.judgement->expected : nullptr;
    if (expected != nullptr) write_tensors(options_.save, "expected", *expected, metadata);
    write_tensors(options_.save, "outputs", actual_, metadata);
  }

  const RunOptions& options_;
  bool interprets_ = false;  // as was asked for, or for want of a compiler
  Progress progress_;
  RunReport report_;
  Subject subject_;
  std::map<std::string, int64_t> dims_;
  std::vector<TensorShape> outputs_;
  std::optional<checkpoint::Checkpoint> model_;
  Tensors inputs_, actual_, observed_, weights_by_row_;
  std::vector<TensorShape> of_layer_;  // of the inputs
  std::string identity_;               // of these
  std::optional<PackedLayer> packed_;
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
  command->add_option("--dim", o->dims, "A dimension of any kernel: NAME=VALUE");
  command->add_option("--backend", o->backend, "host or interpreter")->check(CLI::IsMember({"host", "interpreter"}));
  command->add_flag("--checked", o->checked,
                    "In the interpreter, which watches every access: the first wrong one is an error at its line");
  o->machine.add_to(*command);
  command->add_option("--threads", o->threads, "Threads (default: one for each processor)");
  command->add_option("--seed", o->seed, "Seed of the inputs (default 1)");
  command->add_option("--repeat", o->repeat, "Timed rounds (default 20)")->check(CLI::Range(1, 1000000));
  command->add_option("--save", o->save, "Folder to write inputs, expected and outputs to");
  command->add_option("--replay", o->replay, "Folder to read inputs, and expected where it is there, from");
  command->add_option("--checkpoint", o->checkpoint, "Folder of a checkpoint to take the weights from");
  command->add_option("--layer", o->layer, "Its layer (default 0)");
  command->add_option(
      "--packed", o->packed,
      "Folder to keep packed weights in, which the next run maps; off: nowhere (default: that of compiled kernels)");
  command->add_option("--trace", o->trace, "File for a timeline of one run, for Perfetto or chrome://tracing");
  command->add_flag("--as-written", o->as_written, "Without the optimizer");
  command->add_flag("--unproven", o->unproven, "Without the proof; says so in the output");
  command->add_flag("--json", o->json, "JSON instead of the screen");
  command->add_flag("--verbose", o->verbose, "Histograms of errors and every stage");
  command->callback([o, &status] { status = Run(*o)(); });
}

}  // namespace imbrex::tools
