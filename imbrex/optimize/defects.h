// Where the optimizer itself failed: it threw, found no end, or made what does not verify or is not proven. What it failed on
// stays as its author wrote it, so a defect costs speed and nothing else; tests count them, and expect none.
#pragma once

#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/ir/program.h"

namespace imbrex::optimize {

struct Defect {
  std::string pass;      // "dissolving and scheduling", ...
  std::string happened;  // what it threw, or why its program was refused
  SourceLine where = {};
};
using Defects = std::vector<Defect>;

// Runs `work`; what it throws becomes a defect of `pass`. Whether there was none.
template <class Work>
bool without_defect(const char* pass, Defects& defects, Work work);

// The program, or an InternalError that says why it is none.
ir::Program verified(ir::Program program);

// For people: what a part that stays as written is told as.
std::string text_of(const Defect& defect);

}  // namespace imbrex::optimize

#include "imbrex/optimize/budget.h"

template <class Work>
bool imbrex::optimize::without_defect(const char* pass, Defects& defects, Work work) {
  try {
    work();
    return true;
  } catch (const OutOfBudget& spent) {
    defects.push_back({pass, "it takes more than " + std::to_string(spent.steps) + " steps"});
  } catch (const std::exception& error) {
    defects.push_back({pass, error.what()});
  }
  return false;
}
