#include "imbrex/plan/parallel_nest.h"

#include <algorithm>
#include <set>
#include <string>

namespace imbrex::plan {
namespace {

// Its bounds are the same in all iterations of the loops around it.
bool is_rectangular(const ir::Loop& loop, const std::vector<const ir::Loop*>& around) {
  std::set<std::string> used = ir::names_in(loop.begin);
  used.merge(ir::names_in(loop.extent));
  return std::none_of(around.begin(), around.end(), [&](const ir::Loop* each) { return used.contains(each->variable); });
}

}  // namespace

ParallelNest parallel_nest(const ir::Loop& outermost) {
  ParallelNest nest{{&outermost}, {}};
  const ir::Block* body = &outermost.body;
  std::vector<const ir::Statement*> passed;
  while (body->size() == 1) {
    const ir::Statement& only = body->front();
    if (const auto* at = std::get_if<ir::At>(&only.node)) {
      passed.push_back(&only);
      body = &at->body;
      continue;
    }
    const auto* loop = std::get_if<ir::Loop>(&only.node);
    if (!loop || loop->kind != ir::Loop::Kind::parallel || !is_rectangular(*loop, nest.loops)) break;
    nest.scopes.insert(nest.scopes.end(), passed.begin(), passed.end());
    passed.clear();
    nest.loops.push_back(loop);
    body = &loop->body;
  }
  return nest;
}

}  // namespace imbrex::plan
