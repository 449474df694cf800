// What is computed while a part of a plan runs once, as expressions over the dimensions: the counts of ir/work.h, summed over loops.
#pragma once

#include <array>
#include <vector>

#include "imbrex/plan/plan.h"
#include "imbrex/prove/quantity.h"
#include "imbrex/target/target.h"

namespace imbrex::plan {

struct PhaseWork {
  std::array<prove::Quantity, target::kProductCount> multiply_adds;  // of products, by target::Product
  prove::Quantity operations;                                        // of all else
  prove::Quantity moves;                                             // elements that are brought to other places

  // "512*T multiply-adds of bf16, 20*T operations, 64*T elements moved"; "" where there is none.
  std::string text() const;
};

// How many tasks the loops of a phase have.
prove::Quantity tasks_of(const std::vector<const ir::Loop*>& nest);

// `nest`: the loops around the body that are summed up, outermost first.
PhaseWork work_of(const Plan& plan, const std::vector<const ir::Loop*>& nest, const Body& body);

}  // namespace imbrex::plan
