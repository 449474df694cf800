// Counts that depend on dimensions: sums of products of index expressions, printed with like terms together ("10240*T + 4096")
// and evaluated for given dimensions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

using DimValues = std::map<std::string, int64_t>;

// None where a name has no value, or where a step leaves 64 bits or divides by 0.
std::optional<int64_t> value_of(const ir::IndexExpr& e, const DimValues& values);

class Quantity {
 public:
  Quantity() = default;
  Quantity(int64_t value) { add_term({}, value); }
  // Over dimensions and spans. Sums and products are multiplied out; what else there is stays whole.
  static Quantity of(const ir::IndexExpr& e);

  Quantity operator+(const Quantity& other) const;
  Quantity operator*(const Quantity& other) const;

  // The sum over all iterations of a tiled or integer loop: exact where its variable stands in a product as `t.size` of any power
  // and beside it at most once as it is; elsewhere with the largest value of what names it, and marked as at most that.
  Quantity summed_over(const ir::Loop& loop) const;

  // None if a dimension without a value occurs. At most 2^56, which stands for all that is more.
  std::optional<int64_t> at(const DimValues& dims) const;
  std::string text() const;
  // Calls visit(coefficient, factors) for each product of the sum.
  using Powers = std::vector<std::pair<ir::IndexExpr, int>>;
  template <class Visit>
  void for_each_term(const Visit& visit) const {
    for (const auto& [key, term] : terms_) {
      Powers factors;
      for (const auto& [text, factor] : term.factors) factors.push_back(factor);
      visit(term.coefficient, factors);
    }
  }
  bool is_known() const { return unknown_ == Unknown::no; }
  bool is_at_most() const { return at_most_; }
  void mark_at_most() { at_most_ = true; }

 private:
  using Factors = std::map<std::string, std::pair<ir::IndexExpr, int>>;  // by text, with powers
  struct Term {
    Factors factors;
    int64_t coefficient;
  };
  enum class Unknown : uint8_t { no, too_large, too_long };  // a coefficient beyond 64 bits; more terms than anyone reads
  void add_term(const Factors& factors, int64_t coefficient);
  void give_up(Unknown why);

  std::map<std::string, Term> terms_;  // by the factors' text
  Unknown unknown_ = Unknown::no;
  bool at_most_ = false;  // an upper bound, not exact
};

// The number of iterations.
ir::IndexExpr trips(const ir::Loop& loop);
std::string bytes_text(int64_t bytes);  // "12.5 KiB"

}  // namespace imbrex::prove
