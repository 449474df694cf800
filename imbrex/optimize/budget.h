// The elementary steps of the optimizer's own algebra (index expressions, terms, matching) are counted, so that every program
// ends, and ends the same on every machine: what takes more stays as its author wrote it.
#pragma once

#include <cstdint>
#include <string>

namespace imbrex::optimize {

// Of a whole program, and of one segment of it: some seconds of a processor, and a hundred times what the kernels of the library
// take.
constexpr uint64_t kStepsOfProgram = 4000000, kStepsOfSegment = 2000000;

// Thrown where a budget is spent.
struct OutOfBudget {
  uint64_t steps;  // of the budget
};

// Thrown where the algebra does not reach, which is no defect: what it was for stays as written.
struct GivenUp {
  std::string reason;
};

// For what runs on this thread while it lives. Its steps count for the budget around it, too.
class Budget {
 public:
  explicit Budget(uint64_t steps);
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  ~Budget();

  uint64_t spent() const { return spent_; }
  // Nothing is counted where there is no budget.
  static void spend(uint64_t steps = 1);

 private:
  Budget* around_;
  uint64_t steps_, spent_ = 0;
};

}  // namespace imbrex::optimize
