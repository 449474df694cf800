#include "imbrex/prove/integers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "imbrex/ir/ranges.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"

namespace imbrex::prove {
namespace {

// The dimensions on which an expression depends, also through the loops around it.
std::set<std::string> dims_behind(const Subject& subject, const ir::IndexExpr& e) {
  std::set<std::string> dims, seen;
  std::vector<ir::IndexExpr> open{e};
  while (!open.empty()) {
    const ir::IndexExpr next = open.back();
    open.pop_back();
    for (const std::string& name : ir::names_in(next)) {
      if (!seen.insert(name).second) continue;
      const auto loop = subject.accesses.loops.find(name);
      if (loop != subject.accesses.loops.end())
        open.insert(open.end(), {loop->second->begin, loop->second->extent});
      else if (std::any_of(subject.program.dims.begin(), subject.program.dims.end(),
                           [&](const ir::Dim& dim) { return dim.name == name; }))
        dims.insert(name);
    }
  }
  return dims;
}

// The declarations with which the expression stays within 64 bits: one maximum for all dimensions in it.
std::string hint_for(const Subject& subject, const ir::Place& place, const ir::IndexExpr& e) {
  const ir::Spelling say(subject.program);
  const std::set<std::string> names = dims_behind(subject, e);
  ir::Program limited = subject.program;
  const auto fits = [&](int64_t most) {
    for (size_t i = 0; i < limited.dims.size(); ++i)
      if (names.count(limited.dims[i].name)) limited.dims[i].max = std::min(most, subject.program.dims[i].most());
    return !ir::Ranges(limited, place).overflow_in(e);
  };
  if (names.empty() || !fits(1))
    return fmt::format("say with `{}`, before this line, where the indices in it lie; or compute with smaller numbers",
                       say.word("assume"));
  int64_t good = 1, bad = ir::kMaxDim + 1;
  for (const ir::Dim& dim : subject.program.dims) bad = std::max(bad, dim.most());
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  std::vector<std::string> declarations;
  for (const std::string& name : names) declarations.push_back(fmt::format("`{}`", say.dim(name, good)));
  return fmt::format("declare a smaller maximum: {}", fmt::join(declarations, ", "));
}

Diagnostic overflow(const Subject& subject, const Computed& statement, const Computed::Each& each, const ir::IndexExpr& culprit,
                    const ir::Ranges& ranges) {
  std::set<std::string> seen;
  std::vector<std::string> texts;
  ir::substitute(culprit, [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    const ir::IndexExpr e = std::make_shared<ir::Index>(leaf);
    const ir::Range range = ranges.of(e);
    if (seen.insert(ir::to_text(e)).second)
      texts.push_back(fmt::format("{} can be {}..{}", ir::to_text(e), range.least, range.greatest));
    return std::nullopt;
  });
  return {"index-overflow",
          subject.where(each.origin),
          fmt::format("`{}` can leave 64 bits{}{}", ir::to_text(culprit), texts.empty() ? "" : ": ", fmt::join(texts, ", ")),
          hint_for(subject, statement, each.index),
          {},
          false};
}

// How often the loop runs together with those around it, where all these numbers are constants; others count as 1.
__int128 constant_trips_of_nest(const Computed& statement) {
  __int128 trips = constant_trips(*statement.loop).value_or(1);
  for (const Binder& binder : statement.binders)
    if (binder.loop && trips < kEndlessTrips) trips *= std::max<int64_t>(1, constant_trips(*binder.loop).value_or(1));
  return trips;
}

// What the tensor takes with the smallest dimensions, as far as its extents are of dimensions alone.
__int128 least_bytes(const Subject& subject, const ir::Tensor& tensor) {
  constexpr __int128 kEnough = __int128{1} << 63;
  const ir::Ranges ranges(subject.program, ir::Place{});
  __int128 bytes = static_cast<__int128>(bytes_of(tensor.dtype));
  for (const ir::IndexExpr& extent : tensor.shape) {
    const std::set<std::string> names = ir::names_in(extent);
    const bool is_known = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return std::any_of(subject.program.dims.begin(), subject.program.dims.end(),
                         [&](const ir::Dim& dim) { return dim.name == name; });
    });
    if (!is_known) return 0;
    bytes = std::min(kEnough, bytes * std::max<int64_t>(0, ranges.of(extent).least));
  }
  return bytes;
}

// No call can have such a tensor: those of a call, and its workspace, are below 2^62 bytes.
Findings tensors_beyond_all_calls(const Subject& subject) {
  Findings findings;
  for (const auto& [name, memory] : subject.accesses.memories)
    if (least_bytes(subject, *memory.tensor) >= __int128{1} << 62)
      findings.diagnostics.push_back(
          {"index-overflow",
           subject.where(memory.origin),
           fmt::format("{} takes 2^62 bytes or more whatever the dimensions are, and no call has as many", name),
           "declare smaller extents",
           {},
           false});
  return findings;
}

}  // namespace

Findings check_integers(const Subject& subject) {
  Findings findings = tensors_beyond_all_calls(subject);
  for (const Computed& statement : subject.accesses.computed) {
    findings.examined += statement.all.size();
    if (statement.loop && constant_trips_of_nest(statement) >= kEndlessTrips)
      findings.diagnostics.push_back(
          {"endless-loop",
           subject.where(statement.origin),
           fmt::format("the loop over {} runs at least {} times together with those around it, more than any machine finishes",
                       statement.loop->variable, kEndlessTrips),
           fmt::format("let it run less often than {} times", kEndlessTrips),
           {},
           false});
    if (statement.all.empty()) continue;
    const ir::Ranges ranges(subject.program, statement);
    for (const Computed::Each& each : statement.all)
      if (const ir::IndexExpr culprit = ranges.overflow_in(each.index)) {
        findings.diagnostics.push_back(overflow(subject, statement, each, culprit, ranges));
        break;  // one for a statement: its expressions have parts in common
      }
  }
  return findings;
}

}  // namespace imbrex::prove
