#include <fmt/format.h>

#include "imbrex/report/findings.h"
#include "imbrex/report/html.h"
#include "imbrex/report/page.h"

namespace imbrex::report {
namespace {

std::string small(const std::string& html) { return "<div style=\"font-size:.85em\">" + html + "</div>"; }

// The first error alone: the page has all of them.
std::string refusal(const prove::Report& proof) {
  for (const Diagnostic& d : proof.diagnostics) {
    if (d.is_warning) continue;
    const std::string line = d.where.line > 0 ? fmt::format("line {}: ", d.where.line) : "";
    return small(line + sentence(d.message)) + (d.hint.empty() ? "" : small("<b>Try:</b> " + sentence(d.hint)));
  }
  return "";
}

}  // namespace

std::string card_of(const ir::Program& program, const PageOptions& options) {
  const Findings findings(program, options);
  std::string facts;
  for (const Fact& fact : facts_of(findings, options))
    facts += fmt::format("<div><b>{}</b>{}</div>", fact.value, small(fact.what));
  return "<div style=\"display:flex;flex-wrap:wrap;gap:.4em 2em\">" + facts + "</div>" + refusal(findings.proof);
}

}  // namespace imbrex::report
