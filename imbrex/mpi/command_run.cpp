#include "imbrex/mpi/command_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/mpi/agreement.h"
#include "imbrex/mpi/loaded.h"
#include "imbrex/mpi/shared_rows.h"
#include "imbrex/mpi/timing.h"
#include "imbrex/mpi/together.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/layer_subject.h"

namespace imbrex::mpi {
namespace {

using tools::Tensors, tools::TensorShape;

constexpr int64_t kMostMeasuredRounds = 9;  // of each way, before one is chosen

// Where the ranks of a machine are not bound to processors of their own, they share them.
int threads_of_rank(int64_t wanted, const World& world) {
  const int threads = tools::threads_of(wanted);
  const auto online = static_cast<int>(std::thread::hardware_concurrency());
  return wanted == 0 && threads >= online ? std::max(1, threads / world.ranks_here()) : threads;
}

class Run {
 public:
  // Chooses this rank's part.
  Run(const RunOptions& options, const World& world)
      : options_(options), world_(world), machine_(options.machine.to_run()), executor_(threads_of_rank(options.threads, world)) {
    choose_part();
  }

  // What the layer and --set decide.
  const Values& decided() const { return decided_; }

  // Reads and packs it.
  void load() {
    loaded_.emplace(subject_of(part_.count), part_.first, *model_, options_, processor_, options_.packed);
    const bool is_one = world_.ranks() == 1 && options_.share == "auto";
    if (options_.share != "none" && !is_one)
      shared_.emplace(part_program(division().of_rows), part_program(division().of_units), options_.tokens, *loaded_, processor_,
                      world_);
  }

  // Of the inputs that every rank has whole.
  const std::map<std::string, uint64_t>& digests() const { return loaded_->digests; }

  int operator()() {
    Loaded& part = *loaded_;
    say_how_it_is_divided(part);
    choose_who_computes_rows();
    time();
    const bool are_equal = have_equal_outputs(part);
    if (!options_.gathers && !options_.verifies && options_.save.empty()) return are_equal ? 0 : 1;
    const Tensors whole = gather(part);
    const bool is_verified = !options_.verifies || !world_.is_first() || verify(whole);
    if (world_.is_first() && !options_.save.empty())
      tools::write_tensors(options_.save, "outputs", whole, {{"kernel", options_.subject.name}});
    return are_equal && is_verified ? 0 : 1;
  }

 private:
  const kernels::Division& division() const {
    const std::string& name = options_.subject.name;
    const kernels::Entry& entry = tools::is_tile_file(name) ? tools::entry_of(name) : kernels::find_kernel(name);
    if (entry.division) return *entry.division;
    std::vector<std::string> shared;
    for (const kernels::Entry& each : kernels::registry())
      if (each.division) shared.push_back(each.name);
    throw UserError("unknown-option", fmt::format("'{}' is no kernel that ranks can share", name),
                    fmt::format("{}", fmt::join(shared, " or ")));
  }

  void choose_part() {
    division();  // another kernel is refused before its checkpoint is read
    model_.emplace(options_.checkpoint);
    chosen_ = options_.subject;
    tools::decide_by_layer(chosen_, *model_, options_.layer);
    const tools::Subject whole = tools::subject_of(chosen_);
    decided_.emplace("the variant", whole.variant);
    for (const auto& [name, value] : whole.options) decided_.emplace(name, kernels::text_of(value));
    units_ = kernels::integer(whole.options, division().option);
    part_ = part_of_units(units_, division().option, world_.rank(), world_.ranks());
  }

  tools::Subject subject_of(int64_t units) const {
    tools::SubjectOptions chosen = chosen_;
    chosen.settings[division().option] = std::to_string(units);
    return tools::subject_of(chosen);
  }

  // Of one of the kernels that this one consists of, with its options where that has them.
  ir::Program part_program(const std::string& name) const {
    tools::SubjectOptions chosen = chosen_;
    chosen.name = name;
    chosen.settings[division().option] = std::to_string(part_.count);
    const std::vector<kernels::OptionInfo>& options = tools::entry_of(name).options;
    std::erase_if(chosen.settings, [&](const auto& setting) {
      return std::none_of(options.begin(), options.end(), [&](const auto& option) { return option.name == setting.first; });
    });
    return tools::subject_of(chosen).program;
  }

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (world_.is_first()) fmt::print(format, std::forward<Args>(args)...);
  }

  void say_how_it_is_divided(const Loaded& part) {
    say("{} of '{}', layer {}: {}\n", options_.subject.name, options_.checkpoint, options_.layer, part.description);
    const int threads = executor_.threads();
    const std::string isas = by_ranks(world_.texts_of_all(part.isa())),
                      threads_each = by_ranks(world_.texts_of_all(fmt::format("{} thread{}", threads, threads == 1 ? "" : "s")));
    const bool is_each = world_.is_equal(static_cast<uint64_t>(threads));
    say("{} rank{} on {}, {}{}, {} = {}, T = {}\n", world_.ranks(), world_.ranks() == 1 ? "" : "s", isas, threads_each,
        is_each ? " each" : "", division().option, units_, options_.tokens);
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
    say_what_was_compared(part);
    if (!file) return;  // what of it differs by rank, each says
    if (!file->problem.empty()) fmt::print(stderr, "rank {}: '{}' is not mapped: {}\n", world_.rank(), file->path, file->problem);
    if (!file->why_not_kept.empty())
      fmt::print(stderr, "rank {}: packed weights are not kept: {}\n", world_.rank(), file->why_not_kept);
  }

  void say_what_was_compared(const Loaded& part) const {
    std::vector<std::string> names;
    for (const auto& [name, digest] : part.digests) names.push_back(name);
    if (world_.ranks() > 1) say("PASS {}: the same bits in all ranks\n", fmt::join(names, ", "));
  }

  // Tokens of a rank, of which there are at most two numbers.
  std::string tokens_of_ranks() const {
    const auto [least, most] = std::minmax_element(shared_->rows().begin(), shared_->rows().end());
    return *least == *most ? std::to_string(*most) : fmt::format("{} or {}", *least, *most);
  }

  void say_what_is_faster(const BothWays& times, bool shares) const {
    say("what does not belong to {} ({}), both ways, medians of {} rounds, each of its slowest rank:\n", division().option,
        fmt::join(shared_->names(), ", "), measured_rounds());
    say("  --share tokens: {} = {} for {} of {} tokens a rank + {} to exchange {} + {} for the rank's {}\n",
        milliseconds(times.shared()), milliseconds(times.rows), tokens_of_ranks(), options_.tokens, milliseconds(times.exchange),
        mebibytes(shared_->bytes()), milliseconds(times.units), division().option);
    say("  --share none:   {}, all {} tokens on every rank\n", milliseconds(times.whole), options_.tokens);
    const double chosen = shares ? times.shared() : times.whole, other = shares ? times.whole : times.shared();
    say("chosen: --share {}, {} ({:.0f} %) faster\n", shares ? "tokens" : "none", milliseconds(other - chosen),
        100 * (other - chosen) / other);
  }
  int64_t measured_rounds() const { return std::min(options_.repeat, kMostMeasuredRounds); }

  // What does not belong to units is of all ranks: whether each computes it of all rows, or of some.
  void choose_who_computes_rows() {
    if (options_.share == "auto" && shared_) {
      const BothWays times = measure(*loaded_, *shared_, measured_rounds(), world_);
      const bool shares = world_.first_says(times.shared() < times.whole);
      say_what_is_faster(times, shares);
      if (!shares) shared_.reset();
    } else if (shared_) {
      say("--share tokens: {} for {} of {} tokens a rank, and an exchange of {}\n", fmt::join(shared_->names(), ", "),
          tokens_of_ranks(), options_.tokens, mebibytes(shared_->bytes()));
    } else if (world_.ranks() > 1) {
      say("--share none: what does not belong to {}, of all {} tokens on every rank\n", division().option, options_.tokens);
    }
    loaded_->forget_outputs();  // those of the way that is not taken, too
  }

  // All begin together; a round takes as long as its slowest rank.
  void time() {
    const auto run = [&] { return shared_ ? shared_->run() : loaded_->run(); };
    run();
    std::vector<double> rounds;
    for (int64_t i = 0; i < options_.repeat; ++i) {
      world_.barrier();
      rounds.push_back(world_.most(run()));
    }
    say("run {} (median of {} rounds, each of its slowest rank)\n", milliseconds(median(rounds)), rounds.size());
  }

  bool is_divided(const std::string& tensor) const { return division().tensors.contains(tensor); }

  // What all ranks compute, they compute alike: another processor gives the same bits. Where ranks share rows, this compares what the
  // exchange left.
  bool have_equal_outputs(const Loaded& part) {
    bool all = true;
    for (const auto& [name, array] : part.outputs) {
      if (is_divided(name)) continue;
      const bool equal = world_.is_equal(digest_of(array.bytes.data(), array.bytes.size()));
      say("{} {}: the same bits in all ranks{}\n", equal ? "PASS" : "FAIL", name, shared_ ? ", after the exchange" : "");
      all = all && equal;
    }
    return all;
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
    Loaded alone(subject_of(units_), 0, *model_, options_, processor_, tools::kNoPackedFile);
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
  const Processor processor_{machine_, executor_};
  std::optional<checkpoint::Checkpoint> model_;
  tools::SubjectOptions chosen_;
  Values decided_;
  int64_t units_ = 0;
  Part part_;
  std::optional<Loaded> loaded_;
  std::optional<SharedRows> shared_;  // where ranks share rows
};

}  // namespace

std::shared_ptr<const RunOptions> add_run(CLI::App& app) {
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
  command
      ->add_option(
          "--share", o->share,
          "Who computes what does not belong to heads: tokens, each rank that of some tokens, and all exchange it; none, "
          "each rank all of it; auto (default), what a measurement finds faster")
      ->check(CLI::IsMember({"auto", "tokens", "none"}));
  command->add_option("--packed", o->packed, "As of `imbrex run`: the folder that keeps each rank's packed weights, or off");
  command->add_option("--save", o->save, "The same, and write outputs.safetensors into this folder");
  return o;
}

int run(const RunOptions& options, const World& world) {
  require_agreement(world, told(options),
                    "the same kernel and options on every rank, but for folders, --threads, --isa, --machine");
  std::optional<Run> run;
  together(world, [&] { run.emplace(options, world); });
  require_agreement(world, run->decided(), "the same checkpoint, --variant and --set on every rank");
  together(world, [&] { run->load(); });
  require_equal_tensors(world, run->digests());
  return (*run)();
}

}  // namespace imbrex::mpi
