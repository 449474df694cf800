// imbrex explain: what the optimizer made of a kernel, and why.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "imbrex/base/checked.h"
#include "imbrex/base/utf8.h"
#include "imbrex/ir/authors_scopes.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/report/temporaries.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/measure_scopes.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ExplainOptions {
  SubjectOptions subject;
  MachineOptions machine;
  std::optional<int64_t> tokens;
  int64_t threads = 0;
  bool measure = false, unproven = false;
};

struct Scope {
  std::string name;
  SourceLine where;
  std::vector<std::string> stores;  // tensors, in order
  std::vector<ir::AuthorsScope> authors;
};

std::vector<Scope> scopes_of(const ir::Program& program) {
  std::map<std::string, std::string> base_of;
  std::vector<Scope> scopes;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* view = std::get_if<ir::View>(&statement.node))
      base_of[view->name] = base_of.contains(view->base) ? base_of.at(view->base) : view->base;
    const auto* at = std::get_if<ir::At>(&statement.node);
    if (!at) return true;
    Scope scope{at->name, program.where(statement.origin), {}, ir::authors_scopes(program, statement)};
    const auto base = [&](const std::string& tensor) { return base_of.contains(tensor) ? base_of.at(tensor) : tensor; };
    ir::for_each_statement(at->body, [&](const ir::Statement& inner) {
      if (const auto* store = std::get_if<ir::Store>(&inner.node)) {
        const std::string tensor = base(store->tensor);
        if (std::find(scope.stores.begin(), scope.stores.end(), tensor) == scope.stores.end()) scope.stores.push_back(tensor);
      }
      return true;
    });
    scopes.push_back(std::move(scope));
    return false;
  });
  return scopes;
}

std::string counted(int64_t count, const char* noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string size_text(std::optional<int64_t> bytes) {
  if (!bytes) return "size depends on a loop";
  if (*bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(*bytes) / (1 << 20));
  return fmt::format("{:.1f} KiB", static_cast<double>(*bytes) / (1 << 10));
}

std::string place_text(const SourceLine& where) {
  return where.line > 0 ? fmt::format("{}:{}", with_visible_characters(where.file), where.line) : "";
}

void print_scopes(const char* title, const std::vector<Scope>& scopes) {
  fmt::print("\n{} ({})\n", title, scopes.size());
  for (const Scope& scope : scopes)
    fmt::print("  {:<20} stores {:<40} {}\n", with_visible_characters(scope.name), joined(scope.stores), place_text(scope.where));
}

// With the author's scopes, by name and line (the table above has their files), that each does the work of, and their lines.
void print_optimized_scopes(const std::vector<Scope>& scopes) {
  fmt::print("\nScopes of the optimized program ({})\n", scopes.size());
  std::string became;
  for (const Scope& scope : scopes) {
    fmt::print("  {:<20} stores {:<40} from {}\n", with_visible_characters(scope.name), joined(scope.stores),
               text_of(scope.authors));
    if (const std::string lines = ir::lines_text(scope.authors); !lines.empty()) fmt::print("    lines {}\n", lines);
    std::vector<std::string> names;
    for (const ir::AuthorsScope& author : scope.authors) names.push_back(with_visible_characters(author.name));
    if (names.size() > 1) became += fmt::format("  {} became one: {}\n", joined(names), with_visible_characters(scope.name));
  }
  fmt::print("{}", became);
}

void print_dropped(const std::vector<ir::Tensor>& dropped, const std::map<std::string, int64_t>& dims) {
  std::string sizes;
  for (const auto& [name, value] : dims) sizes += fmt::format("{}{} = {}", sizes.empty() ? "" : ", ", name, value);
  fmt::print("\nTensors removed, at {}{}\n", sizes, dropped.empty() ? ": none" : "");
  if (dropped.empty()) return;
  std::optional<int64_t> total = 0;
  for (const ir::Tensor& tensor : dropped) {
    const std::optional<int64_t> bytes = report::bytes_at(tensor, dims);
    total = bytes && total ? checked_add(*total, *bytes) : total;
    fmt::print("  {:<20} {:<5} {}\n", tensor.name, name_of(tensor.dtype), size_text(bytes));
  }
  fmt::print("  {:<26} {}\n", "total", size_text(total));
}

std::string in_parentheses(const SourceLine& where) {
  const std::string place = place_text(where);
  return place.empty() ? "" : fmt::format(" ({})", place);
}

void print_exclusions(const std::vector<optimize::Exclusion>& all) {
  using Kind = optimize::Exclusion::Kind;
  if (!all.empty()) fmt::print("\nNot optimized with the rest\n");
  for (const optimize::Exclusion& exclusion : all)
    fmt::print("  {} {}{}\n    {}\n", exclusion.what,
               exclusion.kind == Kind::as_written ? "stays as written"
               : exclusion.kind == Kind::separate ? "is optimized by itself"
                                                  : "is optimized without what stands before it",
               in_parentheses(exclusion.where), exclusion.reason);
}

void print_choices(const std::vector<optimize::Choice>& choices) {
  if (!choices.empty()) fmt::print("\nChoices: a rule's, unless another is estimated to be more than 5 % faster\n");
  for (const optimize::Choice& choice : choices) {
    fmt::print("  {}: {}{}\n    {}\n", choice.subject, choice.decision, in_parentheses(choice.where), choice.reason);
    for (const std::string& rejected : choice.rejected) fmt::print("    rejected: {}\n", rejected);
  }
}

std::string count_text(double count) {
  const char* units[] = {"", "K", "M", "G", "T"};
  size_t unit = 0;
  while (count >= 1000 && unit + 1 < std::size(units)) count /= 1000, ++unit;
  return fmt::format("{:.3g}{}{}", count, unit ? " " : "", units[unit]);
}

// Each scope, and what the whole should take: phases one after the other, with a barrier before each.
void print_estimates(const plan::Plan& plan, const std::map<std::string, int64_t>& dims, const optimize::Machine& machine,
                     const std::map<std::string, double>* measured) {
  const std::vector<optimize::ScopeCost> scopes = optimize::estimate_scopes(plan, dims, machine);
  const std::string hash = ir::sha256_hex(target::text_of(machine.rates)).substr(0, 12);
  fmt::print("\nEstimated for {} on {} ({}), {}\n", machine.target->name, machine.rates.name, hash,
             counted(machine.rates.cores, "core"));
  fmt::print("  {:<16} {:>6} {:>10} {:>12} {:>9}{}  {}\n", "scope", "tasks", "operations", "from memory", "ms",
             measured ? fmt::format(" {:>9}", "measured") : "", "limited by");
  const double total = optimize::total_seconds(scopes, machine);
  double total_measured = 0;
  size_t phases = 0;
  for (size_t i = 0; i < scopes.size(); ++i) {
    const optimize::ScopeCost& scope = scopes[i];
    if (i == 0 || scopes[i - 1].phase != scope.phase) ++phases;
    std::string beside;
    if (measured) {
      const auto found = measured->find(scope.name);
      if (found != measured->end()) total_measured += found->second;
      beside = found == measured->end() ? fmt::format(" {:>9}", "") : fmt::format(" {:>9.4f}", 1e3 * found->second);
    }
    fmt::print("  {:<16} {:>6} {:>10} {:>12} {:>9.4f}{}  {}\n", with_visible_characters(scope.name), scope.work.tasks,
               count_text(scope.operations), size_text(static_cast<int64_t>(scope.bytes)), 1e3 * scope.estimate.seconds, beside,
               scope.estimate.limit);
  }
  fmt::print("  {:<16} {:>6} {:>10} {:>12} {:>9.4f}{}  with {}\n", "total", "", "", "", 1e3 * total,
             measured ? fmt::format(" {:>9.4f}", 1e3 * total_measured) : "", counted(static_cast<int64_t>(phases), "barrier"));
}

void print_defects(const optimize::Defects& defects) {
  if (!defects.empty()) fmt::print("\nDefects of Imbrex, please report them: the loops of the author stand in\n");
  for (const optimize::Defect& defect : defects)
    fmt::print("  {}{}\n    {}\n", defect.pass, in_parentheses(defect.where), defect.happened);
}

int explain(const ExplainOptions& options) {
  const Subject subject = subject_of(options.subject);
  std::map<std::string, int64_t> given;
  if (options.tokens) given["T"] = *options.tokens;
  const auto dims = dims_of(subject.program, given);
  const optimize::Machine machine = options.measure ? options.machine.to_run() : options.machine.to_read();
  const runtime::Translation translation = runtime::translate(subject.program, {.machine = machine, .prove = !options.unproven});
  const optimize::Optimized& result = translation.optimized;
  if (!result.is_scheduled) {
    fmt::print("{} keeps its author's loops: {}{}\n", with_visible_characters(subject.program.name), result.reason,
               in_parentheses(result.where));
    if (result.exclusions.size() > 1) print_exclusions(result.exclusions);
    print_defects(result.defects);
  } else {
    fmt::print("{}: {} became {}\n", with_visible_characters(subject.program.name), counted(result.scopes_before, "scope"),
               result.scopes_after);
    print_scopes("Scopes that the author wrote", scopes_of(subject.program));
    print_optimized_scopes(scopes_of(result.program));
    print_exclusions(result.exclusions);
    print_defects(result.defects);
    print_choices(result.choices);
    print_dropped(result.dropped, dims);
  }
  std::map<std::string, double> measured;
  if (options.measure) measured = measured_scopes(subject, dims, threads_of(options.threads), machine);
  print_estimates(translation.plan, dims, machine, options.measure ? &measured : nullptr);
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("explain", "Says what the optimizer made of a kernel, and why");
  auto o = std::make_shared<ExplainOptions>();
  o->subject.add_to(*command);
  o->machine.add_to(*command);
  command->add_option("--tokens", o->tokens, "Tokens T, for bytes and estimates; choices are for the typical size");
  command->add_flag("--measure", o->measure, "Also compiles and runs it, and prints each scope's time beside its estimate");
  command->add_flag("--unproven", o->unproven, "Without the proof");
  command->add_option("--threads", o->threads, "Threads for --measure (default: one for each processor)");
  command->callback([o, &status] { status = explain(*o); });
}

}  // namespace imbrex::tools
