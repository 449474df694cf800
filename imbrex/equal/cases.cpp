#include "imbrex/equal/cases.h"

#include <algorithm>

#include "imbrex/ir/place.h"
#include "imbrex/prove/possible.h"

namespace imbrex::equal {
namespace {

constexpr size_t kMostCases = 16;

bool is_on_dimensions(const ir::Condition& condition, const ir::Program& program) {
  return std::all_of(condition.begin(), condition.end(), [&](const ir::Comparison& comparison) {
    const auto names = ir::names_in(comparison);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return std::any_of(program.dims.begin(), program.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; });
    });
  });
}

// The position of the first branch on dimensions at the top level.
std::optional<size_t> first_branch(const ir::Program& program) {
  for (size_t i = 0; i < program.body.size(); ++i)
    if (const auto* branch = std::get_if<ir::If>(&program.body[i].node); branch && is_on_dimensions(branch->condition, program))
      return i;
  return std::nullopt;
}

Case taken(const Case& of, size_t position, const ir::Block& block, const ir::Condition& where) {
  Case result = of;
  ir::Block& body = result.program.body;
  const auto at = body.erase(body.begin() + static_cast<std::ptrdiff_t>(position));
  body.insert(at, block.begin(), block.end());
  result.where.insert(result.where.end(), where.begin(), where.end());
  // What is at most a constant is so for the optimizer's algebra, too.
  for (const ir::Comparison& comparison : where)
    for (ir::Dim& dim : result.program.dims) {
      const auto most = ir::constant_value(comparison.right);
      const bool is_bound = comparison.left->kind == ir::Index::Kind::name && comparison.left->name == dim.name && most;
      if (is_bound && comparison.compare == ir::Compare::le) dim.max = std::min(dim.most(), *most);
      if (is_bound && comparison.compare == ir::Compare::lt) dim.max = std::min(dim.most(), *most - 1);
    }
  return result;
}

}  // namespace

std::vector<Case> cases_of(const ir::Program& program) {
  std::vector<Case> open{{{}, program}}, done;
  while (!open.empty()) {
    const Case next = std::move(open.back());
    open.pop_back();
    if (!prove::can_hold(program.dims, next.where)) continue;
    const auto position = first_branch(next.program);
    if (!position) {
      done.push_back(next);
      continue;
    }
    if (open.size() + done.size() >= kMostCases) return {{{}, program}};
    const ir::If branch = std::get<ir::If>(next.program.body[*position].node);
    open.push_back(taken(next, *position, branch.then_block, branch.condition));
    // The first comparison fails, or it holds and the second fails, ...
    ir::Condition until;
    for (const ir::Comparison& comparison : branch.condition) {
      ir::Condition where = until;
      where.push_back(ir::negated(comparison));
      open.push_back(taken(next, *position, branch.else_block, where));
      until.push_back(comparison);
    }
  }
  return done;
}

}  // namespace imbrex::equal
