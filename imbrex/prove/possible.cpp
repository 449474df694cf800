#include "imbrex/prove/possible.h"

#include <isl/ctx.h>
#include <isl/options.h>
#include <isl/set.h>

#include <memory>

#include "imbrex/prove/affine.h"

namespace imbrex::prove {
namespace {

constexpr uint64_t kMostOperations = 200000, kMostOperationsOfCover = 2'000'000;

struct FreeContext {
  void operator()(isl_ctx* ctx) const { isl_ctx_free(ctx); }
};

class Context {
 public:
  explicit Context(uint64_t most_operations) : ctx_(isl_ctx_alloc()) {
    isl_options_set_on_error(ctx_.get(), ISL_ON_ERROR_CONTINUE);  // the C++ interface throws
    isl_ctx_set_max_operations(ctx_.get(), most_operations);
  }
  isl_ctx* get() const { return ctx_.get(); }

 private:
  std::unique_ptr<isl_ctx, FreeContext> ctx_;
};

}  // namespace

bool can_hold(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<std::string>& free) {
  ir::Program program;
  program.dims = dims;
  const LoopsByName no_loops;
  const Context ctx(kMostOperations);
  try {
    const Frame frame(ctx.get(), program, no_loops, free);
    isl::set all = frame.universe();
    for (const ir::Comparison& comparison : conditions) {
      try {
        frame.forget_undefined();
        const isl::set points = frame.holds(comparison);
        frame.require_defined(all);
        all = all.intersect(points);
      } catch (const NotAffine&) {
      }
    }
    return !all.is_empty();
  } catch (const isl::exception&) {
    return true;  // the budget is spent
  }
}

bool cover(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<ir::IndexExpr>& shape,
           const std::vector<Box>& boxes, const std::vector<std::string>& names) {
  ir::Program program;
  program.dims = dims;
  const LoopsByName no_loops;
  const size_t axes = shape.size();
  std::vector<std::string> places;
  for (size_t d = 0; d < axes; ++d) places.push_back(".place" + std::to_string(d));
  std::vector<std::string> both = places;
  both.insert(both.end(), names.begin(), names.begin() + static_cast<std::ptrdiff_t>(axes));
  const Context ctx(kMostOperationsOfCover);
  try {
    const Frame of_places(ctx.get(), program, no_loops, places), of_both(ctx.get(), program, no_loops, both);
    isl::set all = of_places.universe();
    for (size_t d = 0; d < axes; ++d) all = all.intersect(of_places.between(ir::constant(0), ir::named(places[d]), shape[d]));
    for (const ir::Comparison& comparison : conditions) {
      try {
        const isl::set points = of_places.holds(comparison);
        of_places.require_defined(all);
        all = all.intersect(points);
      } catch (const NotAffine&) {  // not narrowed: it is asked of more places
        of_places.forget_undefined();
      }
    }
    isl::set covered = of_places.empty();
    for (const Box& box : boxes) {
      isl::set points = of_both.universe();
      for (size_t d = 0; d < axes; ++d) {
        const ir::IndexExpr i = ir::named(names[d]);
        points = points.intersect(of_both.between(ir::constant(0), i, box.count[d]));
        points =
            points.intersect(of_both.equal(ir::named(places[d]), ir::add(box.least[d], ir::mul(ir::constant(box.step[d]), i))));
      }
      of_both.require_defined(points);
      covered = covered.unite(isl::manage(
          isl_set_project_out(points.release(), isl_dim_set, static_cast<unsigned>(axes), static_cast<unsigned>(axes))));
    }
    return all.is_subset(covered);
  } catch (const NotAffine&) {
    return false;
  } catch (const isl::exception&) {
    return false;  // the budget is spent
  }
}

}  // namespace imbrex::prove
