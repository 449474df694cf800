// Index expressions as sets of integers. Private to prove/: nothing of isl appears in prove.h.
//
// A Frame is a coordinate system: the program's dimensions are parameters, and named coordinates (iteration numbers of loops,
// indices read from data, element positions of tensors) are set dimensions. It turns comparisons of index expressions into sets.
#pragma once

#include <isl/cpp.h>

#include <map>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// Thrown where an expression is not affine (a product of two unknown numbers, a division by one); holds the smallest such part.
struct NotAffine {
  ir::IndexExpr culprit;
};

// Loops by the name of their variable: what `t.begin` and the like mean.
using LoopsByName = std::map<std::string, const ir::Loop*>;
// Coordinates with known values: iterations of loops that are expanded, at most kMostExpanded combinations.
inline constexpr int64_t kMostExpanded = 256;
// Quotients by a number that is no constant are known where they are among these.
inline constexpr int64_t kLeastQuotient = -2, kGreatestQuotient = 2;
using Fixed = std::map<std::string, int64_t>;

class Frame {
 public:
  Frame(isl_ctx* ctx, const ir::Program& program, const LoopsByName& loops, std::vector<std::string> coordinates);

  // All points: every dimension is at least 1 and at most its declared maximum; coordinates are free.
  isl::set universe() const;
  isl::set empty() const;
  // The points at which the comparison holds, without the universe's constraints. Points at which it cannot be told are not among
  // them: see require_defined().
  isl::set holds(const ir::Comparison& comparison, const Fixed& fixed = {}) const;
  isl::set less_equal(const ir::IndexExpr& a, const ir::IndexExpr& b, const Fixed& fixed = {}) const;
  isl::set less(const ir::IndexExpr& a, const ir::IndexExpr& b, const Fixed& fixed = {}) const;
  isl::set equal(const ir::IndexExpr& a, const ir::IndexExpr& b, const Fixed& fixed = {}) const;
  // begin <= e < end
  isl::set between(const ir::IndexExpr& begin, const ir::IndexExpr& e, const ir::IndexExpr& end, const Fixed& fixed = {}) const;
  // The values of an index read from data before anything is assumed of it.
  isl::set any_int32(const ir::IndexExpr& e) const;
  // The part of the set in which what is assumed holds; the whole set where that is not affine.
  isl::set narrowed(const isl::set& set, const ir::Comparison& assumed, const Fixed& fixed = {}) const;
  // What divides by a number that is no constant is known where the quotient is small. Throws NotAffine if some division since
  // the last call is not known for a point of `context`.
  void require_defined(const isl::set& context) const;
  void forget_undefined() const { undefined_.clear(); }

 private:
  isl::pw_aff value(const ir::IndexExpr& e) const;
  isl::pw_aff divided(const ir::IndexExpr& e) const;
  isl::set resolved_less_equal(const ir::IndexExpr& a, const ir::IndexExpr& b) const;

  isl_ctx* ctx_;
  const ir::Program* program_;
  const LoopsByName* loops_;
  std::vector<std::string> coordinates_;
  struct Undefined {
    isl::set points;
    ir::IndexExpr culprit;
  };
  mutable std::vector<Undefined> undefined_;
};

// The expression over dimensions and coordinates alone: spans replaced by their loop's begin, tile and iteration number, which is
// the coordinate of the loop's name; integer loop variables are coordinates themselves.
ir::IndexExpr resolve(const ir::IndexExpr& e, const LoopsByName& loops, const Fixed& fixed = {});

// The number of iterations if it is a constant.
std::optional<int64_t> constant_trips(const ir::Loop& loop);

}  // namespace imbrex::prove
