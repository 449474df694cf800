#include "imbrex/plan/unequal_tasks.h"

#include <algorithm>
#include <set>
#include <string>

#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using Kind = ir::Index::Kind;

// Whether a name of `varying` is in `e`, but for the size of a span.
bool varies(const ir::IndexExpr& e, const std::set<std::string>& varying) {
  if (!e || e->kind == Kind::constant || e->kind == Kind::span_size) return false;
  if (e->kind == Kind::name || e->kind == Kind::span_begin || e->kind == Kind::span_index) return varying.contains(e->name);
  return varies(e->a, varying) || varies(e->b, varying);
}

}  // namespace

bool has_unequal_tasks(const std::vector<const ir::Loop*>& nest) {
  std::set<std::string> varying;  // what differs from task to task
  for (const ir::Loop* loop : nest) varying.insert(loop->variable);
  bool unequal = false;
  ir::for_each_statement(nest.back()->body, [&](const ir::Statement& s) {
    if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) varying.insert(read->name);
    if (const auto* loop = std::get_if<ir::Loop>(&s.node)) {
      unequal = unequal || varies(loop->extent, varying);
      if (varies(loop->begin, varying)) varying.insert(loop->variable);
    }
    if (const auto* branch = std::get_if<ir::If>(&s.node))
      unequal = unequal || std::any_of(branch->condition.begin(), branch->condition.end(), [&](const ir::Comparison& comparison) {
                  return varies(comparison.left, varying) || varies(comparison.right, varying);
                });
    return !unequal;
  });
  return unequal;
}

}  // namespace imbrex::plan
