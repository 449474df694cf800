// The set of elements that each access touches, in each of its executions. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <functional>

#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {

class Relations {
 public:
  Relations(isl_ctx* ctx, const ir::Program& program, const Accesses& accesses)
      : ctx_(ctx), program_(program), accesses_(accesses) {}

  const ir::Program& program() const { return program_; }
  const Accesses& accesses() const { return accesses_; }
  // Of the same program, with nothing found before: for an access that differs from all of the program's.
  Relations fresh() const { return {ctx_, program_, accesses_}; }
  Frame frame(std::vector<std::string> coordinates) const { return {ctx_, program_, accesses_.loops, std::move(coordinates)}; }

  // Over [one coordinate per binder, one per axis of the memory's shape]: what each execution touches, for some value of the
  // indices read from data. Throws NotAffine where the access cannot be put in affine terms even with its loops of a constant
  // number of iterations (at most kMostExpanded combinations) expanded.
  isl::set of(const Access& access) const;
  // Over [binders]: the executions in which the non-empty slice, as written, leaves its tensor's extent on an axis.
  isl::set outside(const Access& access, size_t axis) const;
  // Over [binders]: the executions of a place in which the comparison holds.
  isl::set where(const ir::Place& place, const ir::Comparison& comparison) const;
  // Over [one coordinate per axis]: the tensor's elements, for the dimensions that the program's assumptions allow.
  isl::set elements(const Memory& memory) const;
  // Over [the loops around the memory's creation, one coordinate per axis]: the elements of all its instances. `access` is one to
  // it.
  isl::set instances(const Access& access) const;
  // Over [binders of a, binders of b, elements]: the part in which indices that both read from one input agree with it.
  isl::set with_consistent_indices(const isl::set& pairs, const Access& a, const Access& b) const;
  // Of the loops that had to be expanded, the one of most iterations; null if there is none.
  const Binder* most_expanded() const { return most_expanded_.loop ? &most_expanded_ : nullptr; }

 private:
  // Calls `build` with each combination of iterations of the loops that have to be expanded, and unites the results.
  isl::set expanded(const ir::Place& place, const std::function<isl::set(const Fixed&)>& build) const;
  // Over [binders, `elements` free coordinates]: when the access' statement runs.
  isl::set executions(const ir::Place& place, size_t elements, const Fixed& fixed) const;
  isl::set executions_of(const ir::Place& place, const Fixed& fixed) const;
  // The dimensions that the program's assumptions allow.
  isl::set allowed_dimensions() const;

  isl_ctx* ctx_;
  const ir::Program& program_;
  const Accesses& accesses_;
  mutable std::map<std::string, isl::set> executions_;  // found before; statements of one block share them
  mutable Binder most_expanded_;
};

}  // namespace imbrex::prove
