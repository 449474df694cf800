// Prefetches: while a product runs, what the rows after it read and write is brought into the L2 cache.
#include <algorithm>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/planner.h"
#include "imbrex/plan/split.h"

namespace imbrex::plan {
namespace {

constexpr int64_t kMostBytesOfRow = 4096;

// The bytes of a row of a slice of an argument, if it is worth prefetching and its place is known before the rows begin.
std::optional<int64_t> bytes_to_prefetch(const Plan& plan, const std::string& name, const std::vector<ir::Axis>& slice) {
  const Tensor& tensor = plan.symbols.tensors.at(name);
  if (tensor.argument < 0 || plan.packed.contains(name) || !has_neighbouring_columns(slice)) return std::nullopt;
  for (const ir::Axis& axis : slice)
    if (axis.kind == ir::Axis::Kind::by || plan.symbols.depends_on_data(axis.begin) || plan.symbols.depends_on_data(axis.size))
      return std::nullopt;
  const auto columns = plan.symbols.fixed(ir::shape_of_slice(slice).columns);
  if (!columns || *columns == 1 || *columns * bytes_of(tensor.dtype) > kMostBytesOfRow) return std::nullopt;
  return *columns * bytes_of(tensor.dtype);
}

// Whether the rows of both begin at the same places.
bool begin_together(const std::vector<ir::Axis>& a, const std::vector<ir::Axis>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const ir::Axis& x, const ir::Axis& y) {
    return x.kind == y.kind && ir::same(x.begin, y.begin) && (&x == &a.back() || ir::same(x.size, y.size));
  });
}

}  // namespace

void add_prefetch(std::vector<Prefetch>& prefetches, const Prefetch& prefetch) {
  const auto known = std::find_if(prefetches.begin(), prefetches.end(), [&](const Prefetch& other) {
    return other.stores == prefetch.stores && other.tensor == prefetch.tensor && begin_together(*other.slice, *prefetch.slice);
  });
  if (known == prefetches.end())
    prefetches.push_back(prefetch);
  else if (prefetch.bytes > known->bytes)
    *known = prefetch;
}

std::vector<Prefetch> plan_prefetches(Planner& planner, std::span<const ir::Statement> after) {
  std::vector<Prefetch> prefetches;
  const auto prefetch = [&](const ir::Statement& s, const std::string& name, const std::vector<ir::Axis>& slice, bool stores) {
    if (const auto bytes = bytes_to_prefetch(planner.plan, name, slice))
      add_prefetch(prefetches, {&s, name, &slice, stores, *bytes});
  };
  for (const ir::Statement& s : after) {
    const auto step = row_step(s);
    if (!step) break;
    ir::for_each_expr(step->value, [&](const ir::Expr& e) {
      if (e.op == ir::Op::load) prefetch(s, e.name, e.slice, false);
    });
    if (const auto* store = std::get_if<ir::Store>(&s.node)) {
      planner.streams(s);
      prefetch(s, store->tensor, store->slice, true);
    }
  }
  return prefetches;
}

}  // namespace imbrex::plan
