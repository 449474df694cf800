// imbrex explain: what the optimizer made of a kernel, and why.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/tools/commands.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

struct ExplainOptions {
  SubjectOptions subject;
  std::optional<int64_t> tokens;
};

struct Scope {
  std::string name;
  SourceLine where;
  std::vector<std::string> stores;  // tensors, in order
};

std::vector<Scope> scopes_of(const ir::Program& program) {
  std::map<std::string, std::string> base_of;
  std::vector<Scope> scopes;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* view = std::get_if<ir::View>(&statement.node))
      base_of[view->name] = base_of.contains(view->base) ? base_of.at(view->base) : view->base;
    const auto* at = std::get_if<ir::At>(&statement.node);
    if (!at) return true;
    Scope scope{at->name, program.where(statement.origin), {}};
    ir::for_each_statement(at->body, [&](const ir::Statement& inner) {
      if (const auto* store = std::get_if<ir::Store>(&inner.node)) {
        const std::string tensor = base_of.contains(store->tensor) ? base_of.at(store->tensor) : store->tensor;
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

// The bytes of a tensor; of one iteration's, where it is created in a loop.
std::optional<int64_t> bytes_of_tensor(const ir::Tensor& tensor, const std::map<std::string, int64_t>& dims) {
  int64_t bytes = bytes_of(tensor.dtype);
  for (const ir::IndexExpr& extent : tensor.shape) {
    for (const std::string& name : ir::names_in(extent))
      if (!dims.contains(name)) return std::nullopt;
    bytes *= ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); });
  }
  return bytes;
}

std::string size_text(std::optional<int64_t> bytes) {
  if (!bytes) return "as large as its loop says";
  if (*bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(*bytes) / (1 << 20));
  return fmt::format("{:.1f} KiB", static_cast<double>(*bytes) / (1 << 10));
}

std::string place_text(const SourceLine& where) { return where.line > 0 ? fmt::format("{}:{}", where.file, where.line) : ""; }

void print_scopes(const char* title, const ir::Program& program) {
  const std::vector<Scope> scopes = scopes_of(program);
  fmt::print("\n{} ({})\n", title, scopes.size());
  for (const Scope& scope : scopes)
    fmt::print("  {:<20} stores {:<40} {}\n", scope.name, joined(scope.stores), place_text(scope.where));
}

void print_became(const ir::Program& before, const ir::Program& after) {
  std::map<std::string, std::vector<std::string>> writers;
  for (const Scope& scope : scopes_of(before))
    for (const std::string& tensor : scope.stores) writers[tensor].push_back(scope.name);
  for (const Scope& scope : scopes_of(after)) {
    std::vector<std::string> from;
    for (const std::string& tensor : scope.stores)
      for (const std::string& name : writers[tensor])
        if (std::find(from.begin(), from.end(), name) == from.end()) from.push_back(name);
    if (from.size() > 1) fmt::print("  {} became one: {}\n", joined(from), scope.name);
  }
}

void print_dropped(const std::vector<ir::Tensor>& dropped, const std::map<std::string, int64_t>& dims) {
  std::string sizes;
  for (const auto& [name, value] : dims) sizes += fmt::format("{}{} = {}", sizes.empty() ? "" : ", ", name, value);
  fmt::print("\nTensors that no longer exist, at {}\n", sizes);
  int64_t total = 0;
  for (const ir::Tensor& tensor : dropped) {
    const auto bytes = bytes_of_tensor(tensor, dims);
    total += bytes.value_or(0);
    fmt::print("  {:<20} {:<5} {}\n", tensor.name, name_of(tensor.dtype), size_text(bytes));
  }
  fmt::print("  {} in all\n", size_text(total));
}

int explain(const ExplainOptions& options) {
  const Subject subject = subject_of(options.subject);
  std::map<std::string, int64_t> given;
  if (options.tokens) given["T"] = *options.tokens;
  const auto dims = dims_of(subject.program, given);
  const optimize::Optimized result = optimize::optimize(subject.program);
  if (!result.is_scheduled) {
    const std::string place = place_text(result.where);
    fmt::print("{} keeps its author's loops: {}\n", subject.program.name, result.reason);
    if (!place.empty()) fmt::print("  {}\n", place);
    return 0;
  }
  fmt::print("{}: {} scopes became {}\n", subject.program.name, result.scopes_before, result.scopes_after);
  print_scopes("Scopes that the author wrote", subject.program);
  print_scopes("Scopes of the optimized program", result.program);
  print_became(subject.program, result.program);
  fmt::print("\nChoices\n");
  for (const optimize::Choice& choice : result.choices)
    fmt::print("  {}: {}\n    {}\n", choice.subject, choice.decision, choice.reason);
  print_dropped(result.dropped, dims);
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("explain", "Says what the optimizer made of a kernel, and why");
  auto o = std::make_shared<ExplainOptions>();
  o->subject.add_to(*command);
  command->add_option("--tokens", o->tokens, "Tokens T, for bytes");
  command->callback([o, &status] { status = explain(*o); });
}

}  // namespace imbrex::tools
