#include "imbrex/report/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/report/html.h"

namespace imbrex::report {
namespace {

int64_t bytes_in(const std::vector<Temporary>& tensors) {
  int64_t bytes = 0;
  for (const Temporary& tensor : tensors) bytes += tensor.bytes;
  return bytes;
}

}  // namespace

Findings::Findings(const ir::Program& program, const PageOptions& options)
    : proof(runtime::judge(program, {.dims = options.dims, .counterexamples = true})) {
  if (!proof.proven) return;
  translation.emplace(runtime::translate(program, {.machine = options.machine, .prove = false}));
  costs = optimize::estimate_scopes(translation->plan, options.dims, options.machine);
  tensors = temporaries_of(program, translation->program(), options.dims);
}

std::vector<Fact> facts_of(const Findings& findings, const PageOptions& options) {
  std::vector<Fact> facts;
  if (findings.proof.proven) {
    facts.push_back({"proven", "for every size", "proven"});
  } else {
    const std::vector<Diagnostic>& all = findings.proof.diagnostics;
    const auto errors = std::count_if(all.begin(), all.end(), [](const Diagnostic& d) { return !d.is_warning; });
    facts.push_back({"refused", counted(errors, "error"), "refused"});
  }
  if (findings.translation) {
    const optimize::Optimized& made = findings.translation->optimized;
    if (made.is_scheduled && made.scopes_before == 0)
      facts.push_back({counted(made.scopes_after, "scope"), "made of loops outside of scopes"});
    else if (made.is_scheduled)
      facts.push_back({fmt::format("{} → {}", made.scopes_before, made.scopes_after), "scopes written, and made"});
    else
      facts.push_back({"as written", "keeps its author's loops"});
    const Temporaries& tensors = findings.tensors;
    if (!tensors.gone.empty()) facts.push_back({bytes_cell(bytes_in(tensors.gone)), "of tensors gone"});
    if (!tensors.kept.empty()) facts.push_back({bytes_cell(bytes_in(tensors.kept)), "of tensors kept"});
    facts.push_back({milliseconds_text(optimize::total_seconds(findings.costs, options.machine)) + " ms",
                     "estimated on " + escaped(options.machine.rates.name)});
  }
  facts.push_back({dims_text(options), "bytes and times are for"});
  return facts;
}

std::string dims_text(const PageOptions& options) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : options.dims) texts.push_back(fmt::format("{} = {}", name, value));
  return texts.empty() ? "its one size" : escaped(fmt::format("{}", fmt::join(texts, ", ")));
}

}  // namespace imbrex::report
