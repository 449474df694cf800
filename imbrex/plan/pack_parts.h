// Which parts of a right side the iterations of loops take, and the loops that pack each part once.
//
// A loop chooses parts by its variable. The loop that packs is the same one, but where
//   - only `h // 4` says what is taken: four iterations take the same, and the loop that packs has a fourth of them;
//   - another loop says how many parts there are (the keys before a row): the loop that packs has the most that there can be.
// What is packed of a part may have more columns than a product takes of it, never another inner axis. Where more is packed than
// is taken, all of it lies in the tensor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "imbrex/plan/planner.h"

namespace imbrex::plan {

// A place before a loop around a product.
struct PackPlace {
  const ir::Statement* loop = nullptr;
  std::vector<const ir::Loop*> loops;  // from that one to the product, outermost first
  bool is_conditional = false;         // a condition between them decides whether the product is computed
  bool by_all = false;                 // all workers come there
};

struct PackParts {
  std::vector<const ir::Loop*> loops;  // outermost first: those around the product, or the plan's own
  ir::ExprPtr right;                   // the part, by their variables
  ir::IndexExpr part;                  // its number, by the variables of the loops around the product
  ir::IndexExpr part_packed;           // the same by the variables of `loops`
  ir::IndexExpr count;
};

// How many iterations in a row take the same slice: n where the loop's variable is in it only as `variable // n`, 1 where it is
// in it otherwise, 0 where it is not.
int64_t iterations_of_a_part(const ir::Loop& loop, const std::vector<ir::Axis>& slice);

// The parts of a product's right side; `why` it cannot be packed there, "" if it can. `fresh` gives a name that the program does
// not have.
PackParts parts_of_right_side(Planner& planner, const ir::Statement& product, const PackPlace& place,
                              const std::function<std::string(const std::string& stem)>& fresh, std::string& why);

// Whether they are the same parts, in the same order, of one right side.
bool are_same(const PackParts& a, const PackParts& b);

}  // namespace imbrex::plan
