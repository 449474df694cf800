#include "imbrex/mpi/command_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <set>
#include <thread>

#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/ir/visit.h"
#include "imbrex/mpi/part.h"
#include "imbrex/mpi/together.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/trace.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/layer_subject.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/packed_layer.h"
#include "imbrex/tools/subject.h"

namespace imbrex::mpi {
namespace {

using tools::Tensors, tools::TensorShape;

struct RunOptions {
  tools::SubjectOptions subject;
  tools::MachineOptions machine;
  std::string checkpoint, save, packed;
  int64_t layer = 0, tokens = 128, threads = 0, repeat = 20;
  uint64_t seed = 1;
  bool gathers = false, verifies = false;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", seconds * 1e3); }
std::string mebibytes(int64_t bytes) { return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20)); }

// Where the ranks of a machine are not bound to processors of their own, they share them.
int threads_of_rank(int64_t wanted, const World& world) {
  const int threads = tools::threads_of(wanted);
  const auto online = static_cast<int>(std::thread::hardware_concurrency());
  return wanted == 0 && threads >= online ? std::max(1, threads / world.ranks_here()) : threads;
}

// A kernel with its inputs and outputs in this process.
class Loaded {
 public:
  Loaded(const tools::Subject& subject, int64_t first_unit, checkpoint::Checkpoint& model, const RunOptions& options,
         const target::Machine& machine, runtime::Executor& executor, const std::string& packed_folder)
      : dims_(tools::dims_of(subject.program, {{"T", options.tokens}}, 0)), executor_(executor) {
    runtime::require_accepted(subject.program, {});
    kernel_ = runtime::compile(
        subject.program,
        {.target = machine.target, .rates = machine.rates, .optimize = true, .prove = false, .cache = {}, .flags = {}});
    const auto wanted = tools::shapes_of(subject.program, dims_, {ir::Role::input});
    output_shapes = tools::shapes_of(subject.program, dims_, {ir::Role::output});
    tools::require_room({{"inputs, and weights before they are transposed", 2 * tools::bytes_in(wanted)}});
    const auto workers = [&](const std::function<void(int, int)>& work) {
      executor.run(executor.threads(), [&](int ith, int nth, runtime::Barrier&) { work(ith, nth); });
    };
    kernels::LayerInputs read =
        subject.entry.from_checkpoint->inputs(model, options.layer, first_unit, wanted, options.seed, workers);
    bytes = read.bytes;
    load_seconds = read.load_seconds;
    convert_seconds = read.convert_seconds;
    description = read.description;
    tools::require_room(tools::needs_of_call(*kernel_, dims_, output_shapes, 1, executor.threads()));
    call_ = std::make_unique<runtime::Call>(*kernel_);
    inputs_ = std::move(read.inputs);
    std::vector<TensorShape> of_layer;
    for (const TensorShape& shape : wanted)
      if (!read.made.contains(shape.name)) of_layer.push_back(shape);
    packed.emplace(*kernel_, tools::LayerOperands{inputs_, read.weights_by_row, of_layer, read.identity}, packed_folder, model,
                   executor, executor.threads());
    tools::bind_inputs(*call_, inputs_, output_shapes, &packed->tensors());
    std::erase_if(inputs_, [&](const auto& input) { return call_->packed_bytes(input.first) > 0; });  // bound as they are packed
    for (const TensorShape& output : output_shapes) {
      Array& array = outputs.emplace(output.name, Array::zeros(output.dtype, output.shape)).first->second;
      call_->bind(output.name, runtime::TensorView::of(array));
    }
    for (const auto& [name, value] : dims_) call_->set_dim(name, value);
  }

  double run() {
    const auto begin = std::chrono::steady_clock::now();
    call_->run(executor_, executor_.threads());
    return seconds_since(begin);
  }

  // Seconds of one run until all scopes but `excepted` have ended.
  double seconds_without(const std::set<std::string>& excepted) {
    runtime::TraceCollector collector(executor_.threads(), 1 << 16);
    call_->trace(runtime::TraceCollector::record, &collector);
    run();
    call_->trace(nullptr, nullptr);
    uint64_t begin = UINT64_MAX, end = 0;
    for (int ith = 0; ith < executor_.threads(); ++ith)
      for (const auto& event : collector.events_of(ith)) {
        begin = std::min(begin, event.begin_ns);
        if (scopes_.contains(event.name) && !excepted.contains(event.name)) end = std::max(end, event.end_ns);
      }
    return end > begin ? static_cast<double>(end - begin) * 1e-9 : 0;
  }

  // Of the program that runs: those that store one of these tensors.
  std::set<std::string> scopes_that_store(const std::function<bool(const std::string&)>& is_wanted) {
    std::set<std::string> found;
    ir::for_each_statement(kernel_->translation().program().body, [&](const ir::Statement& statement) {
      const auto* at = std::get_if<ir::At>(&statement.node);
      if (at == nullptr) return true;
      scopes_.insert(at->name);
      ir::for_each_statement(at->body, [&](const ir::Statement& inner) {
        const auto* store = std::get_if<ir::Store>(&inner.node);
        if (store != nullptr && is_wanted(store->tensor)) found.insert(at->name);
        return true;
      });
      return true;
    });
    return found;
  }

  const char* isa() const { return kernel_->table().isa; }
  int64_t packed_bytes() const {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : packed->tensors()) bytes += static_cast<int64_t>(call_->packed_bytes(name));
    return bytes;
  }

  std::vector<TensorShape> output_shapes;
  Tensors outputs;
  int64_t bytes = 0;
  double load_seconds = 0, convert_seconds = 0;
  std::string description;
  std::optional<tools::PackedLayer> packed;

 private:
  std::map<std::string, int64_t> dims_;
  runtime::Executor& executor_;
  std::optional<runtime::CompiledKernel> kernel_;
  std::unique_ptr<runtime::Call> call_;
  Tensors inputs_;
  std::set<std::string> scopes_;
};

class Run {
 public:
  // Reads and packs this rank's part.
  Run(const RunOptions& options, const World& world)
      : options_(options), world_(world), machine_(options.machine.to_run()), executor_(threads_of_rank(options.threads, world)) {
    choose_part();
    loaded_.emplace(subject_of(part_.count), part_.first, *model_, options_, machine_, executor_, options_.packed);
  }

  int operator()() {
    Loaded& part = *loaded_;
    say_how_it_is_divided(part);
    time(part);
    const bool are_equal = have_equal_outputs(part);
    say_what_sharing_would_cost(part);
    if (!options_.gathers && !options_.verifies && options_.save.empty()) return are_equal ? 0 : 1;
    const Tensors whole = gather(part);
    const bool is_verified = !options_.verifies || !world_.is_first() || verify(whole);
    if (world_.is_first() && !options_.save.empty())
      tools::write_tensors(options_.save, "outputs", whole, {{"kernel", options_.subject.name}});
    return are_equal && is_verified ? 0 : 1;
  }

 private:
  const kernels::Division& division() const {
    const kernels::Entry& entry = tools::entry_of(options_.subject.name);
    if (!entry.division)
      throw UserError("unknown-option", fmt::format("'{}' is no kernel that ranks can share", options_.subject.name),
                      "deepseek_v4/qkv_proj_rope");
    return *entry.division;
  }

  void choose_part() {
    tools::from_checkpoint_of(options_.subject.name);
    model_.emplace(options_.checkpoint);
    chosen_ = options_.subject;
    tools::decide_by_layer(chosen_, *model_, options_.layer);
    units_ = kernels::integer(tools::subject_of(chosen_).options, division().option);
    part_ = part_of(units_, division().option, world_.rank(), world_.ranks());
  }

  tools::Subject subject_of(int64_t units) const {
    tools::SubjectOptions chosen = chosen_;
    chosen.settings[division().option] = std::to_string(units);
    return tools::subject_of(chosen);
  }

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (world_.is_first()) fmt::print(format, std::forward<Args>(args)...);
  }

  void say_how_it_is_divided(const Loaded& part) {
    say("{} of '{}', layer {}: {}\n", options_.subject.name, options_.checkpoint, options_.layer, part.description);
    say("{} rank{} on {}, {} thread{} each, {} = {}, T = {}\n", world_.ranks(), world_.ranks() == 1 ? "" : "s", part.isa(),
        executor_.threads(), executor_.threads() == 1 ? "" : "s", division().option, units_, options_.tokens);
    const auto& file = part.packed->file();
    const bool is_mapped = file && file->is_mapped;
    const std::vector<int64_t> counts = world_.all(part_.count), read = world_.all(part.bytes),
                               packed = world_.all(part.packed_bytes()), mapped = world_.all(is_mapped);
    for (int rank = 0; rank < static_cast<int>(counts.size()); ++rank) {
      const auto r = static_cast<size_t>(rank);
      say("  rank {}: {} = {}, {} read, {} {}\n", rank, division().option, counts[r], mebibytes(read[r]), mebibytes(packed[r]),
          mapped[r] != 0 ? "mapped as packed before" : "packed");
    }
    const double load = world_.most(part.load_seconds), convert = world_.most(part.convert_seconds),
                 pack = world_.most(part.packed->pack_seconds().value_or(0)), map = world_.most(is_mapped ? file->seconds : 0);
    say("load {}, convert {}, pack {}, map {}, of the slowest rank\n", milliseconds(load), milliseconds(convert),
        milliseconds(pack), milliseconds(map));
    if (!file) return;  // what of it differs by rank, each says
    if (!file->problem.empty()) fmt::print(stderr, "rank {}: '{}' is not mapped: {}\n", world_.rank(), file->path, file->problem);
    if (!file->why_not_kept.empty())
      fmt::print(stderr, "rank {}: packed weights are not kept: {}\n", world_.rank(), file->why_not_kept);
  }

  // All begin together; a round takes as long as its slowest rank.
  void time(Loaded& part) {
    part.run();
    std::vector<double> rounds;
    for (int64_t i = 0; i < options_.repeat; ++i) {
      world_.barrier();
      rounds.push_back(world_.most(part.run()));
    }
    say("run {} (median of {} rounds, each of its slowest rank)\n", milliseconds(median(rounds)), rounds.size());
  }

  bool is_divided(const std::string& tensor) const { return division().tensors.contains(tensor); }

  // What all ranks compute, they compute alike: another processor gives the same bits.
  bool have_equal_outputs(const Loaded& part) {
    bool all = true;
    for (const auto& [name, array] : part.outputs) {
      if (is_divided(name)) continue;
      const bool equal = world_.is_equal(digest_of(array.bytes.data(), array.bytes.size()));
      say("{} {}: the same bits in all ranks\n", equal ? "PASS" : "FAIL", name);
      all = all && equal;
    }
    return all;
  }

  // Each rank computes what does not belong to its units, too. They could share that, and send each other what they have.
  void say_what_sharing_would_cost(Loaded& part) {
    if (world_.ranks() == 1) return;
    const auto own = part.scopes_that_store([&](const std::string& tensor) { return is_divided(tensor); });
    const double alone = world_.most(part.seconds_without(own));
    const tools::Subject whole = subject_of(units_);
    const int64_t columns = (division().exchanged_columns(whole.options) + world_.ranks() - 1) / world_.ranks();
    const int64_t bytes = options_.tokens * columns * 4;
    const std::vector<char> mine(static_cast<size_t>(bytes));
    std::vector<char> all(mine.size() * static_cast<size_t>(world_.ranks()));
    std::vector<double> rounds;
    for (int64_t i = 0; i <= options_.repeat && bytes > 0; ++i) {
      world_.barrier();
      const auto begin = std::chrono::steady_clock::now();
      world_.all_gather(mine.data(), bytes, all.data());
      rounds.push_back(world_.most(seconds_since(begin)));
    }
    const double exchange = rounds.empty() ? 0 : median(rounds), shared = alone / world_.ranks() + exchange;
    say("what each rank computes alike takes {}; a part each and an exchange of {} ({} measured) would take {} at least: {} {}\n",
        milliseconds(alone), mebibytes(static_cast<int64_t>(all.size())), milliseconds(exchange), milliseconds(shared),
        milliseconds(std::abs(shared - alone)), shared >= alone ? "more" : "less");
  }

  // For the first rank: all outputs, whole.
  Tensors gather(Loaded& part) {
    Tensors whole;
    const auto begin = std::chrono::steady_clock::now();
    for (const TensorShape& shape : part.output_shapes) {
      const Array& mine = part.outputs.at(shape.name);
      const auto divided = division().tensors.find(shape.name);
      if (divided == division().tensors.end()) {
        whole.emplace(shape.name, mine);
        continue;
      }
      const DividedRows rows = divided_rows(shape, divided->second);
      Array all;
      if (world_.is_first()) {
        std::vector<int64_t> extents = shape.shape;
        extents[divided->second.axis] = units_ * divided->second.per_unit;
        tools::require_room({{"the gathered output", rows.rows * rows.bytes_of_unit * units_}});
        all = Array::zeros(shape.dtype, extents);
      }
      world_.gather_rows(mine.bytes.data(), rows.rows, rows.bytes_of_unit * part_.count, all.bytes.data(),
                         rows.bytes_of_unit * units_, rows.bytes_of_unit * part_.first);
      if (world_.is_first()) whole.emplace(shape.name, std::move(all));
    }
    const double seconds = world_.most(seconds_since(begin));
    say("gathered in {}\n", milliseconds(seconds));
    return whole;
  }

  bool verify(const Tensors& gathered) {
    Loaded alone(subject_of(units_), 0, *model_, options_, machine_, executor_, tools::kNoPackedFile);
    alone.run();
    bool all = true;
    for (const auto& [name, array] : alone.outputs) {
      const bool equal = array.bytes == gathered.at(name).bytes;
      say("{} {}: the same bits as of one process\n", equal ? "PASS" : "FAIL", name);
      all = all && equal;
    }
    return all;
  }

  const RunOptions& options_;
  const World& world_;
  target::Machine machine_;
  runtime::Executor executor_;
  std::optional<checkpoint::Checkpoint> model_;
  tools::SubjectOptions chosen_;
  int64_t units_ = 0;
  Part part_;
  std::optional<Loaded> loaded_;
};

}  // namespace

void add_run(CLI::App& app, const World& world, int& status) {
  auto* command = app.add_subcommand("run", "Runs a kernel on a layer of a checkpoint, its heads shared by the ranks");
  auto o = std::make_shared<RunOptions>();
  o->subject.add_to(*command);
  command->add_option("--checkpoint", o->checkpoint, "Folder of the checkpoint, which each rank reads its part of")->required();
  command->add_option("--layer", o->layer, "Its layer (default 0)");
  command->add_option("--tokens", o->tokens, "Tokens T (default 128)")->check(CLI::Range(int64_t{0}, int64_t{1} << 24));
  o->machine.add_to(*command);
  command->add_option("--threads", o->threads,
                      "Threads of each rank (default: the processors that it may use, shared by the ranks there)");
  command->add_option("--seed", o->seed, "Seed of activations and positions (default 1)");
  command->add_option("--repeat", o->repeat, "Timed rounds (default 20)")->check(CLI::Range(1, 1000000));
  command->add_flag("--gather", o->gathers, "Bring the divided outputs together in the first rank");
  command->add_flag("--verify", o->verifies, "The same, and compare with the first rank's own run of the whole, bit for bit");
  command->add_option("--packed", o->packed, "As of `imbrex run`: the folder that keeps each rank's packed weights, or off");
  command->add_option("--save", o->save, "The same, and write outputs.safetensors into this folder");
  command->callback([o, &world, &status] {
    std::optional<Run> run;
    together(world, [&] { run.emplace(*o, world); });
    status = (*run)();
  });
}

}  // namespace imbrex::mpi
