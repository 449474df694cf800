#include "imbrex/prove/possible.h"

#include <isl/ctx.h>
#include <isl/options.h>

#include <memory>

#include "imbrex/prove/affine.h"

namespace imbrex::prove {
namespace {

constexpr uint64_t kMostOperations = 200000;

struct FreeContext {
  void operator()(isl_ctx* ctx) const { isl_ctx_free(ctx); }
};

}  // namespace

bool can_hold(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<std::string>& free) {
  ir::Program program;
  program.dims = dims;
  const LoopsByName no_loops;
  const std::unique_ptr<isl_ctx, FreeContext> ctx(isl_ctx_alloc());
  isl_options_set_on_error(ctx.get(), ISL_ON_ERROR_CONTINUE);  // the C++ interface throws
  isl_ctx_set_max_operations(ctx.get(), kMostOperations);
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

}  // namespace imbrex::prove
