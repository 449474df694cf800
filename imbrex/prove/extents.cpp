#include "imbrex/prove/extents.h"

#include <fmt/format.h>

#include <set>

#include "imbrex/ir/ranges.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::prove {
namespace {

// When the extent is negative: "" if never, none if that cannot be told.
std::optional<std::string> when_negative(const Subject& subject, const Extent& extent) {
  if (ir::constant_value(extent.extent).value_or(-1) >= 0) return "";
  if (ir::Ranges(subject.program, extent).of(extent.extent).least >= 0) return "";
  try {
    const isl::set bad = subject.relations.where(extent, {extent.extent, ir::Compare::lt, ir::constant(0)});
    if (bad.is_empty()) return "";
    const Witness at = smallest(subject.program, bad);
    const std::string when = when_text(subject.program, bad),
                      iteration = iteration_text(subject.program, extent.binders, at.coordinates);
    return when + (when.empty() || iteration.empty() ? "" : "; ") + iteration;
  } catch (const NotAffine&) {
    return std::nullopt;
  }
}

std::string hint_for(const ir::Spelling& say, const ir::IndexExpr& extent) {
  return fmt::format("put it under `{}`, or write `{}` everywhere", say.when({{extent, ir::Compare::ge, ir::constant(0)}}),
                     say.index(ir::max(extent, ir::constant(0))));
}

}  // namespace

Findings check_extents(const Subject& subject) {
  Findings findings;
  std::set<std::string> reported;  // one statement may count with an extent twice
  for (const Extent& extent : subject.accesses.extents) {
    ++findings.examined;
    const auto when = when_negative(subject, extent);
    if (when && when->empty()) continue;
    const std::string text = ir::to_text(extent.extent);
    if (!reported.insert(fmt::format("{} {} {}", extent.origin, extent.of, text)).second) continue;
    findings.diagnostics.push_back({"negative-extent",
                                    subject.where(extent.origin),
                                    when
                                        ? fmt::format("`{}`, an extent of {}, can be negative: {}", text, extent.of, *when)
                                        : fmt::format("`{}`, an extent of {}, cannot be shown to be at least 0", text, extent.of),
                                    hint_for(ir::Spelling(subject.program), extent.extent),
                                    {},
                                    false});
  }
  return findings;
}

}  // namespace imbrex::prove
