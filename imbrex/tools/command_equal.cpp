// imbrex equal: whether two kernels are the same kernel.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "imbrex/base/error.h"
#include "imbrex/equal/equal.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/tools/commands.h"
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

nlohmann::json json_of(const equal::Side& side) { return {{"computes", side.computes}, {"where", json_of(side.where)}}; }

nlohmann::json json_of(const equal::Result& result) {
  nlohmann::json out = {{"verdict", name_of(result.verdict)}, {"sizes", result.sizes}, {"tried", result.tried}};
  out["reasons"] = result.reasons;
  out["conditions"] = nlohmann::json::array();
  for (const equal::Condition& condition : result.conditions)
    out["conditions"].push_back({{"text", condition.text}, {"assumed_by", std::string(1, condition.assumed_by)}});
  if (result.difference)
    out["difference"] = {
        {"output", result.difference->output}, {"a", json_of(result.difference->a)}, {"b", json_of(result.difference->b)}};
  if (const auto& w = result.witness)
    out["witness"] = {{"dims", w->dims}, {"seed", w->seed}, {"output", w->output}, {"place", w->place}, {"a", w->a}, {"b", w->b}};
  out["reordered"] = nlohmann::json::array();
  for (const equal::Reordered& sum : result.reordered)
    out["reordered"].push_back({{"terms", sum.terms}, {"a", json_of(sum.a)}, {"b", json_of(sum.b)}});
  out["kept"] = nlohmann::json::array();
  for (const equal::Kept& kept : result.kept)
    out["kept"].push_back(
        {{"kernel", std::string(1, kept.kernel)}, {"what", kept.what}, {"reason", kept.reason}, {"where", json_of(kept.where)}});
  return out;
}

int run_equal(const EqualOptions& options) {
  const bool is_one_kernel = options.names.size() == 1 && options.variants.size() < 2 && options.presets.size() < 2;
  if (options.against_optimized && !is_one_kernel)
    throw UserError("unknown-option", "--against-optimized compares one kernel with what the optimizer makes of it",
                    "one name, and one variant or preset at most");
  if (!options.against_optimized && is_one_kernel)
    throw UserError("option-value", "equal compares two kernels, and one is given",
                    "a second name, a second --variant, or --against-optimized");
  const ir::Program a = subject_of(subject_number(options, 0)).program;
  const ir::Program b = options.against_optimized ? optimize::optimize(a, options.machine.to_read()).program
                                                  : subject_of(subject_number(options, 1)).program;
  const equal::Result result = equal::compare(a, b, options.how);
  if (options.json)
    fmt::print("{}\n", json_of(result).dump(2));
  else
    fmt::print("{}", result.text());
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
  command->add_flag("--json", o->json, "The verdict as JSON");
  command->callback([o, &status] { status = run_equal(*o); });
}

}  // namespace imbrex::tools
