// imbrex equal: whether two kernels are the same kernel.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "imbrex/equal/equal.h"
#include "imbrex/equal/match.h"
#include "imbrex/equal/witness.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/layer_folder.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct EqualOptions {
  std::vector<std::string> names, variants, presets;
  SubjectOptions settings;  // these alone
  MachineOptions machine;
  equal::Options how;
  bool against_optimized = false, json = false;
  std::string save;
};

// Kernel number 0 or 1: a variant or preset that is given once is that of both, and so is a name.
SubjectOptions subject_number(const EqualOptions& options, size_t number) {
  const auto of = [&](const std::vector<std::string>& given) {
    return given.empty() ? std::string() : given[std::min(number, given.size() - 1)];
  };
  SubjectOptions subject = options.settings;
  subject.name = of(options.names);
  if (is_tile_file(subject.name) && options.names.size() == 2 && !is_tile_file(options.names[1 - number])) {
    subject.settings.clear();  // those of the registered kernel beside it
    return subject;
  }
  subject.variant = of(options.variants);
  subject.preset = of(options.presets);
  return subject;
}

nlohmann::json json_of(const SourceLine& where) { return {{"file", where.file}, {"line", where.line}}; }

nlohmann::json json_of(const equal::Side& side) {
  nlohmann::json out = {{"computes", side.computes}, {"where", json_of(side.where)}};
  if (!side.scope.empty()) out["scope"] = side.scope;
  return out;
}

// A field that is left out where what is said holds for all sizes.
void put_sizes(nlohmann::json& out, const std::string& sizes) {
  if (!sizes.empty()) out["sizes"] = sizes;
}

nlohmann::json json_of(const equal::Result& result) {
  nlohmann::json out = {{"verdict", name_of(result.verdict)}, {"sizes", result.sizes}, {"tried", result.tried}};
  out["reasons"] = result.reasons;
  out["conditions"] = nlohmann::json::array();
  for (const equal::Condition& condition : result.conditions)
    put_sizes(out["conditions"].emplace_back(
                  nlohmann::json{{"text", condition.text}, {"assumed_by", std::string(1, condition.assumed_by)}}),
              condition.sizes);
  if (result.difference)
    out["difference"] = {
        {"output", result.difference->output}, {"a", json_of(result.difference->a)}, {"b", json_of(result.difference->b)}};
  if (const auto& w = result.witness)
    out["witness"] = {{"dims", w->dims}, {"seed", w->seed}, {"output", w->output}, {"place", w->place}, {"a", w->a}, {"b", w->b}};
  out["reordered"] = nlohmann::json::array();
  for (const equal::Reordered& sum : result.reordered)
    put_sizes(out["reordered"].emplace_back(nlohmann::json{{"terms", sum.terms}, {"a", json_of(sum.a)}, {"b", json_of(sum.b)}}),
              sum.sizes);
  out["kept"] = nlohmann::json::array();
  for (const equal::Kept& kept : result.kept)
    out["kept"].push_back({{"kernel", std::string(1, kept.kernel)},
                           {"what", kept.what},
                           {"reason", kept.reason},
                           {"where", json_of(kept.where)},
                           {"in_both", kept.is_in_both}});
  return out;
}

// The witness as `imbrex run --replay` reads it: the inputs, and what A makes of them to be expected. What B made stands beside
// it.
void save(const equal::Witness& witness, const Subject& a, const ir::Program& b, bool by_order, const std::string& folder) {
  const std::map<std::string, std::string> metadata = {{"kernel", a.name},
                                                       {"variant", a.variant},
                                                       {"preset", a.preset},
                                                       {"options", kernels::text_of(a.options)},
                                                       {"seed", std::to_string(witness.seed)}};
  const Tensors inputs = equal::inputs_of_run(a.program, witness.dims, witness.seed);
  write_tensors(folder, "inputs", inputs, metadata);
  for (const auto& [what, program] :
       {std::pair("expected", a.program), {"outputs", equal::with_interface_of(a.program, b, by_order)}}) {
    Tensors tensors = inputs, made;
    interpret::run(program, witness.dims, tensors);
    for (const ir::Tensor& tensor : program.tensors)
      if (tensor.role != ir::Role::input) made.emplace(tensor.name, std::move(tensors.at(tensor.name)));
    write_tensors(folder, what, made, metadata);
  }
}

// Of what only `equal` knows of its command line.
[[noreturn]] void refuse(const std::string& message) { throw CLI::ValidationError(message); }

int run_equal(const EqualOptions& options) {
  const bool is_one_kernel = options.names.size() == 1 && options.variants.size() < 2 && options.presets.size() < 2;
  if (options.against_optimized && !is_one_kernel)
    refuse(
        "--against-optimized compares one kernel with what the optimizer makes of it: one name, one variant or preset at most");
  if (!options.against_optimized && is_one_kernel)
    refuse("equal compares two kernels, and one is given: a second name, a second --variant, or --against-optimized");
  for (const auto& [option, given] : {std::pair("--variant", options.variants.size()), {"--preset", options.presets.size()}})
    if (given > 2)
      refuse(fmt::format("equal compares two kernels, and {} is given {} times: once for both, or A's and B's", option, given));
  const Subject a = subject_of(subject_number(options, 0));
  const auto optimized = [&] {  // `equal` proves both
    return runtime::translate(a.program, {.machine = options.machine.to_read(), .prove = false}).optimized.program;
  };
  const ir::Program b = options.against_optimized ? optimized() : subject_of(subject_number(options, 1)).program;
  const equal::Result result = equal::compare(a.program, b, options.how);
  const bool saves = !options.save.empty() && result.witness;
  if (saves) save(*result.witness, a, b, options.how.by_order, options.save);
  if (options.json) {
    nlohmann::json out = json_of(result);
    if (saves) out["saved"] = options.save;
    fmt::print("{}\n", out.dump(2));
  } else {
    fmt::print("{}", result.text());
    if (saves)
      fmt::print("             saved in {}: `imbrex run NAME --replay` runs {} on it\n", options.save,
                 options.how.by_order ? "A, whose names the tensors have," : "either of them");
  }
  return result.verdict == equal::Verdict::equal || result.verdict == equal::Verdict::equal_up_to_order ? 0 : 1;
}

}  // namespace

void add_equal(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("equal", "Says whether two kernels give the same bits, for all sizes and all data");
  auto o = std::make_shared<EqualOptions>();
  command->add_option("names", o->names, "A and B: registered kernels (imbrex list) or .tile files; one name is both")
      ->required()
      ->expected(1, 2);
  command->add_option("--variant", o->variants, "A variant of both; given twice, A's and B's")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--preset", o->presets, "A preset of both; given twice, A's and B's")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  o->settings.add_settings_to(*command);
  o->machine.add_to(*command);
  command->add_flag("--by-order", o->how.by_order, "Match dimensions, inputs and outputs by their positions, not by their names");
  command->add_flag("--up-to-order", o->how.up_to_order, "Sums may add the same terms in another order");
  command->add_flag("--against-optimized", o->against_optimized, "Compare one kernel with what the optimizer makes of it");
  command->add_option("--save", o->save,
                      "Folder to write a witness's inputs and both results to, as `imbrex run --replay` reads them");
  command->add_flag("--json", o->json, "The verdict as JSON");
  command->callback([o, &status] { status = run_equal(*o); });
}

}  // namespace imbrex::tools
