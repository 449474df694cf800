#include "imbrex/optimize/budget.h"

namespace imbrex::optimize {
namespace {

thread_local Budget* innermost = nullptr;

}  // namespace

Budget::Budget(uint64_t steps) : around_(innermost), steps_(steps) { innermost = this; }

Budget::~Budget() { innermost = around_; }

void Budget::spend(uint64_t steps) {
  for (Budget* budget = innermost; budget != nullptr; budget = budget->around_)
    if ((budget->spent_ += steps) > budget->steps_) throw OutOfBudget{budget->steps_};
}

}  // namespace imbrex::optimize
