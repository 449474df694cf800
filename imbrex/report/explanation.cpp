#include "imbrex/report/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "imbrex/base/checked.h"
#include "imbrex/base/utf8.h"
#include "imbrex/ir/authors_scopes.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/report/html.h"
#include "imbrex/report/temporaries.h"

namespace imbrex::report {
namespace {

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

void add_scopes(std::string& out, const char* title, const std::vector<Scope>& scopes) {
  out += fmt::format("\n{} ({})\n", title, scopes.size());
  for (const Scope& scope : scopes)
    out += fmt::format("  {:<20} stores {:<40} {}\n", with_visible_characters(scope.name), joined(scope.stores),
                       place_text(scope.where));
}

// With the author's scopes, by name and line (the table above has their files), that each does the work of, and their lines.
void add_optimized_scopes(std::string& out, const std::vector<Scope>& scopes) {
  out += fmt::format("\nScopes of the optimized program ({})\n", scopes.size());
  std::string became;
  for (const Scope& scope : scopes) {
    out += fmt::format("  {:<20} stores {:<40} from {}\n", with_visible_characters(scope.name), joined(scope.stores),
                       text_of(scope.authors));
    if (const std::string lines = ir::lines_text(scope.authors); !lines.empty()) out += fmt::format("    lines {}\n", lines);
    std::vector<std::string> names;
    for (const ir::AuthorsScope& author : scope.authors) names.push_back(with_visible_characters(author.name));
    if (names.size() > 1) became += fmt::format("  {} became one: {}\n", joined(names), with_visible_characters(scope.name));
  }
  out += fmt::format("{}", became);
}

void add_dropped(std::string& out, const std::vector<ir::Tensor>& dropped, const std::map<std::string, int64_t>& dims) {
  std::string sizes;
  for (const auto& [name, value] : dims) sizes += fmt::format("{}{} = {}", sizes.empty() ? "" : ", ", name, value);
  out += fmt::format("\nTensors removed, at {}{}\n", sizes, dropped.empty() ? ": none" : "");
  if (dropped.empty()) return;
  std::optional<int64_t> total = 0;
  for (const ir::Tensor& tensor : dropped) {
    const std::optional<int64_t> bytes = report::bytes_at(tensor, dims);
    total = bytes && total ? checked_add(*total, *bytes) : total;
    out += fmt::format("  {:<20} {:<5} {}\n", tensor.name, name_of(tensor.dtype), size_text(bytes));
  }
  out += fmt::format("  {:<26} {}\n", "total", size_text(total));
}

std::string in_parentheses(const SourceLine& where) {
  const std::string place = place_text(where);
  return place.empty() ? "" : fmt::format(" ({})", place);
}

void add_exclusions(std::string& out, const std::vector<optimize::Exclusion>& all) {
  using Kind = optimize::Exclusion::Kind;
  if (!all.empty()) out += fmt::format("\nNot optimized with the rest\n");
  for (const optimize::Exclusion& exclusion : all)
    out += fmt::format("  {} {}{}\n    {}\n", exclusion.what,
                       exclusion.kind == Kind::as_written ? "stays as written"
                       : exclusion.kind == Kind::separate ? "is optimized by itself"
                                                          : "is optimized without what stands before it",
                       in_parentheses(exclusion.where), exclusion.reason);
}

void add_choices(std::string& out, const std::vector<optimize::Choice>& choices) {
  if (!choices.empty()) out += fmt::format("\nChoices: a rule's, unless another is estimated to be more than 5 % faster\n");
  for (const optimize::Choice& choice : choices) {
    out += fmt::format("  {}: {}{}\n    {}\n", choice.subject, choice.decision, in_parentheses(choice.where), choice.reason);
    for (const std::string& rejected : choice.rejected) out += fmt::format("    rejected: {}\n", rejected);
  }
}

// Each scope, and what the whole should take: phases one after the other, with a barrier before each.
void add_estimates(std::string& out, const plan::Plan& plan, const std::map<std::string, int64_t>& dims,
                   const optimize::Machine& machine, const std::map<std::string, double>* measured) {
  const std::vector<optimize::ScopeCost> scopes = optimize::estimate_scopes(plan, dims, machine);
  const std::string hash = ir::sha256_hex(target::text_of(machine.rates)).substr(0, 12);
  out += fmt::format("\nEstimated for {} on {} ({}), {}\n", machine.target->name, machine.rates.name, hash,
                     counted(machine.rates.cores, "core"));
  out += fmt::format("  {:<16} {:>6} {:>10} {:>12} {:>9}{}  {}\n", "scope", "tasks", "operations", "from memory", "ms",
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
    out += fmt::format("  {:<16} {:>6} {:>10} {:>12} {:>9.4f}{}  {}\n", with_visible_characters(scope.name), scope.work.tasks,
                       count_text(scope.operations), size_text(static_cast<int64_t>(scope.bytes)), 1e3 * scope.estimate.seconds,
                       beside, scope.estimate.limit);
  }
  out += fmt::format("  {:<16} {:>6} {:>10} {:>12} {:>9.4f}{}  with {}\n", "total", "", "", "", 1e3 * total,
                     measured ? fmt::format(" {:>9.4f}", 1e3 * total_measured) : "",
                     counted(static_cast<int64_t>(phases), "barrier"));
}

void add_defects(std::string& out, const optimize::Defects& defects) {
  if (!defects.empty()) out += fmt::format("\nDefects of Imbrex, please report them: the loops of the author stand in\n");
  for (const optimize::Defect& defect : defects)
    out += fmt::format("  {}{}\n    {}\n", defect.pass, in_parentheses(defect.where), defect.happened);
}

}  // namespace

std::string explanation_of(const ir::Program& program, const runtime::Translation& translation, const target::Machine& machine,
                           const std::map<std::string, int64_t>& dims, const std::map<std::string, double>& measured) {
  std::string out;
  const optimize::Optimized& result = translation.optimized;
  if (!result.is_scheduled) {
    out += fmt::format("{} keeps its author's loops: {}{}\n", with_visible_characters(program.name), result.reason,
                       in_parentheses(result.where));
    if (result.exclusions.size() > 1) add_exclusions(out, result.exclusions);
    add_defects(out, result.defects);
  } else {
    out += fmt::format("{}: {} became {}\n", with_visible_characters(program.name), counted(result.scopes_before, "scope"),
                       result.scopes_after);
    add_scopes(out, "Scopes that the author wrote", scopes_of(program));
    add_optimized_scopes(out, scopes_of(result.program));
    add_exclusions(out, result.exclusions);
    add_defects(out, result.defects);
    add_choices(out, result.choices);
    add_dropped(out, result.dropped, dims);
  }
  add_estimates(out, translation.plan, dims, machine, measured.empty() ? nullptr : &measured);
  return out;
}

}  // namespace imbrex::report
