#include "imbrex/prove/decidable.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/ranges.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::prove {
namespace {

// The author's form of an expression over iteration numbers: a tiled loop's number is `t.index`.
std::string author_text(const Subject& subject, const ir::IndexExpr& e) {
  return ir::Spelling(subject.program).index(ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    const auto loop = subject.accesses.loops.find(leaf.name);
    if (leaf.kind != ir::Index::Kind::name || loop == subject.accesses.loops.end() || loop->second->tile == 0)
      return std::nullopt;
    return ir::span_index(leaf.name);
  }));
}

std::string obstacle(const std::string& text, const ir::IndexExpr& culprit) {
  switch (culprit->kind) {
    case ir::Index::Kind::mul: return fmt::format("`{}` multiplies two numbers that are both unknown", text);
    case ir::Index::Kind::floor_div:
    case ir::Index::Kind::mod: return fmt::format("`{}` divides by something that is not a positive constant", text);
    default: return fmt::format("`{}` is not known as an index", text);
  }
}

std::string shape_text(const std::vector<ir::IndexExpr>& shape) {
  std::string text;
  for (const ir::IndexExpr& extent : shape) text += (text.empty() ? "" : ", ") + ir::to_text(extent);
  return "[" + text + "]";
}

// The two shapes of one memory have no common axis of a constant size below the one that is unknown.
Diagnostic of_view(const Subject& subject, const Access& access) {
  const ir::Tensor& tensor = *access.memory->tensor;
  return {
      "undecidable",
      subject.where(access.origin),
      fmt::format(
          "which elements of {} {} {} touches cannot be decided: rows of its view {} are as long as a number that is unknown",
          tensor.name, shape_text(tensor.shape), text_of_access(subject.program, access), shape_text(access.shape)),
      fmt::format("let the view keep the unknown axes of {}, first and in their order, and split or join those of constant size",
                  tensor.name),
      {},
      false};
}

std::string one_dimension_for(const ir::Spelling& say, const std::string& text) {
  return fmt::format("give the kernel one dimension for it, `{}`, and write ROWS where `{}` stands", say.dim("ROWS"), text);
}

}  // namespace

Diagnostic undecidable(const Subject& subject, const Access& access, const ir::IndexExpr& culprit) {
  const ir::Spelling say(subject.program);
  const std::string text = author_text(subject, culprit);
  const std::set<std::string> names = ir::names_in(culprit);
  if (std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with('.'); }))
    return of_view(subject, access);
  const bool of_dimensions = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(subject.program.dims.begin(), subject.program.dims.end(),
                       [&](const ir::Dim& dim) { return dim.name == name; });
  });
  return {
      "undecidable",
      subject.where(access.origin),
      fmt::format("which elements {} touches cannot be decided: {}", text_of_access(subject.program, access),
                  obstacle(text, culprit)),
      of_dimensions && culprit->kind == ir::Index::Kind::mul
          ? one_dimension_for(say, text)
          : fmt::format("use spans of a constant size, `{}`; or give the loop a constant number of iterations (at most 256); or "
                        "`{}` the offset into an index, and `{}` where it lies",
                        say.call("tiles", "EXTENT, 16"), say.word("read"), say.word("assume")),
      {},
      false};
}

Diagnostic undecidable(const Subject& subject, const Memory& memory, const ir::IndexExpr& culprit) {
  const ir::Tensor& tensor = *memory.tensor;
  const std::string text = author_text(subject, culprit);
  return {"undecidable",
          subject.where(memory.origin),
          fmt::format("which elements {} {} has cannot be decided: {}", tensor.name, shape_text(tensor.shape),
                      obstacle(text, culprit)),
          one_dimension_for(ir::Spelling(subject.program), text),
          {},
          false};
}

bool ranges_show_inside(const Subject& subject, const Access& access, size_t axis) {
  const ir::Axis& checked = access.slice[axis];
  const ir::IndexExpr& extent = access.shape[axis];
  if (checked.kind == ir::Axis::Kind::by) return false;
  const ir::Ranges ranges(subject.program, access);
  if (!ranges.always(checked.begin, ir::Compare::ge, ir::constant(0))) return false;
  const ir::IndexExpr end = ir::add(checked.begin, checked.size);
  if (ir::same(end, extent) || ranges.always(end, ir::Compare::le, extent)) return true;
  const auto greatest = ranges.upper(end);
  return greatest && (ir::same(*greatest, extent) || ranges.always(*greatest, ir::Compare::le, extent));
}

namespace {

// An input is never written, so that only the bounds of what is read of it matter.
bool is_only_read_inside(const Subject& subject, const Access& access) {
  if (access.writes || access.memory->tensor->role != ir::Role::input) return false;
  for (size_t axis = 0; axis < access.slice.size(); ++axis) try {
      if (!subject.relations.outside(access, axis).is_empty()) return false;
    } catch (const NotAffine&) {
      if (!ranges_show_inside(subject, access, axis)) return false;
    }
  return true;
}

}  // namespace

Findings find_undecidable(Subject& subject) {
  Findings findings;
  std::set<std::string> reported;
  for (const Access& access : subject.accesses.all) {
    ++findings.examined;
    try {
      subject.sets.push_back(subject.relations.of(access));
    } catch (const NotAffine& problem) {
      subject.sets.push_back(std::nullopt);
      subject.undecided.insert(access.memory->tensor->name);
      if (is_only_read_inside(subject, access)) continue;
      Diagnostic diagnostic = undecidable(subject, access, problem.culprit);
      if (reported.insert(render(diagnostic)).second) findings.diagnostics.push_back(std::move(diagnostic));
    }
  }
  return findings;
}

}  // namespace imbrex::prove
