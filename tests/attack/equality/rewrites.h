// Rewrites of programs that keep every bit of every output, by what analysis.h knows of them.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis.h"
#include "random/places.h"
#include "random/random_kernel.h"

namespace imbrex::attack {

struct Rewrite {
  const char* name;
  // False where the program has no place for it, or the one that was drawn does not do; the program may then be anything.
  bool (*apply)(ir::Program& program, test::Random& random);
};
const std::vector<Rewrite>& rewrites_of_loops();
const std::vector<Rewrite>& rewrites_of_values();
const std::vector<Rewrite>& rewrites_of_storage();

struct Rewritten {
  std::vector<std::string> steps;
  ir::Program program;  // parsed from its own text; verified
  std::string text;
};
// Up to `most` steps, drawn by the seed. None where no rewrite applies.
std::optional<Rewritten> rewritten(const ir::Program& program, int64_t most, uint64_t seed);

// The program as its own text is read; none where that is no program.
std::optional<ir::Program> read_again(const ir::Program& program, const std::string& name);

// ---- for those who write rewrites ---------------------------------------------------------------------------------------------

// Names that a program does not have.
class Fresh {
 public:
  explicit Fresh(const ir::Program& program);
  std::string operator()(const std::string& stem);
  // The same statements; what they declare has other names.
  ir::Block copy(const ir::Block& block);

 private:
  std::set<std::string> taken_;
};

// The statements of a loop's body for another span.
ir::Block with_span(ir::Block body, const std::string& span, const ir::IndexExpr& begin, const ir::IndexExpr& size);

// One of those for which `fits`.
template <class Items, class Fits>
auto* drawn(Items& items, test::Random& random, Fits fits) {
  std::vector<decltype(&items[0])> found;
  for (auto& item : items)
    if (fits(item)) found.push_back(&item);
  return found.empty() ? nullptr : found[static_cast<size_t>(random.below(static_cast<int64_t>(found.size())))];
}
template <class Choices>
auto pick(test::Random& random, const Choices& choices) {
  return choices[static_cast<size_t>(random.below(static_cast<int64_t>(std::size(choices))))];
}

// A node of a statement's value.
struct Node {
  test::Place place;
  const ir::Expr* expr = nullptr;
  const ir::Expr* parent = nullptr;  // null for the whole value
  size_t argument = 0;               // of the parent
};
std::vector<Node> nodes_of(ir::Program& program);
ir::ExprPtr* value_of(ir::Statement& statement);
// The node itself, to be used in what replaces it.
ir::ExprPtr pointer_to(const Node& node);
void replace(const Node& node, const ir::ExprPtr& by);
// True if the node is the sum or product that another continues: it stays what it is.
bool is_continued(const Node& node);

// Columns [begin, begin + size) of a value, computed from those of its operands; null where that is not possible.
ir::ExprPtr columns_of(const ir::ExprPtr& e, const ir::IndexExpr& begin, const ir::IndexExpr& size);
// Rows of a load, or of loads beside each other.
ir::ExprPtr rows_of(const ir::ExprPtr& e, const ir::IndexExpr& begin, const ir::IndexExpr& size);

}  // namespace imbrex::attack
