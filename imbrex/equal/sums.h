// Terms that differ in the order of additions alone.
//
// A sum of f32 numbers is the same sum as another if both add the same terms: `a + (b + c)` and `(c + a) + b`, a row_sum and a
// col_sum, a sum over k in 0..n and the sum of those over 0..m and over m..n. Their results differ by rounding: where n terms are
// added, each of the two is within (n - 1) u / (1 - (n - 1) u) of the exact sum, times the sum of the terms' absolute values,
// with u = 2^-24 (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, section 4.2).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::equal {

// A pair of sums that add the same terms in another order.
struct SameSum {
  optimize::TermId a = optimize::kNoTerm, b = optimize::kNoTerm;
  ir::IndexExpr terms;  // how many are added
};

class Sums {
 public:
  explicit Sums(optimize::Terms& terms) : terms_(terms) {}

  // The sums in which the two differ, if they differ in nothing else.
  std::optional<std::vector<SameSum>> differences(optimize::TermId a, optimize::TermId b);

 private:
  struct Addend {
    std::string key;       // of the term that is added, or of the factors of each product
    ir::IndexExpr extent;  // null for one term; else the sum over .k in 0..extent
    std::vector<optimize::TermId> body;
    optimize::Reduction reduction = optimize::Reduction::row_sum;
  };
  const std::string& key(optimize::TermId id);
  std::string key_of_sum(optimize::TermId id);
  std::vector<Addend> addends(optimize::TermId id);
  void collect(optimize::TermId id, std::vector<Addend>& all);
  void join_neighbours(std::vector<Addend>& all);
  bool is_sum(optimize::TermId id) const;
  ir::IndexExpr count(optimize::TermId id);
  void compare(optimize::TermId a, optimize::TermId b, std::vector<SameSum>& found);

  optimize::Terms& terms_;
  std::map<optimize::TermId, std::string> keys_;
  std::map<std::pair<optimize::TermId, optimize::TermId>, bool> compared_;
};

}  // namespace imbrex::equal
