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

  // Over [one coordinate per binder, one per axis of the memory's shape]: what each execution touches, for some value of the
  // indices read from data. Throws NotAffine where the access cannot be put in affine terms even with its loops of a constant
  // number of iterations (at most `most_expanded` combinations) expanded.
  isl::set of(const Access& access) const;
  // Over [the first `prefix` binders, elements]: the elements that one or the other of the accesses, all to one memory, touches
  // whatever indices are read behind these binders; several may share the work, one below an index and one from there on. `sets`
  // are theirs.
  struct Touching {
    const Access* access;
    const isl::set* set;
  };
  isl::set certain(const std::vector<Touching>& touching, size_t prefix) const;
  // Over [binders of a, binders of b, elements]: the part in which indices that both read from one input agree with it.
  isl::set with_consistent_indices(const isl::set& pairs, const Access& a, const Access& b) const;
  // Over [binders]: the executions in which the non-empty slice, as written, leaves its tensor's extent on an axis.
  isl::set outside(const Access& access, size_t axis) const;
  // Over [binders]: the executions of a place in which the comparison holds.
  isl::set where(const ir::Place& place, const ir::Comparison& comparison) const;
  // Over [one coordinate per axis]: the tensor's elements, for the dimensions that the program's assumptions allow.
  isl::set elements(const Memory& memory) const;

  // Over [the loops around the memory's creation, one coordinate per axis]: the elements of all its instances. `access` is one to
  // it.
  isl::set instances(const Access& access) const;

  static constexpr int64_t most_expanded = 256;

 private:
  // Calls `build` with each combination of iterations of the loops that have to be expanded, and unites the results.
  isl::set expanded(const ir::Place& place, const std::function<isl::set(const Fixed&)>& build) const;
  // Over [binders, `elements` free coordinates]: when the access' statement runs.
  isl::set executions(const ir::Place& place, size_t elements, const Fixed& fixed) const;
  isl::set executions_of(const ir::Place& place, const Fixed& fixed) const;

  isl::set certain_alone(const std::vector<Touching>& touching, size_t prefix) const;
  // What accesses by index tiles certainly touch: n different indices below n are all of them.
  std::vector<isl::set> certain_by_position(const std::vector<Touching>& touching, size_t prefix) const;
  // Over [the first `binders` binders, elements]: the values of the last one, an index, that assumptions allow.
  isl::set allowed_values(const std::vector<Touching>& touching, size_t binders) const;
  // The dimensions that the program's assumptions allow.
  isl::set allowed_dimensions() const;

  isl_ctx* ctx_;
  const ir::Program& program_;
  const Accesses& accesses_;
  mutable std::map<std::string, isl::set> executions_;  // found before; statements of one block share them
};

// The indices read from data that have a part in what the access touches, or in when it does: they are named there, or tied to
// one that is, by what is assumed of both or by the input that both are read from.
std::set<std::string> indices_with_part(const Accesses& accesses, const Access& access);
// Whether what the access touches, or if, depends on an index read from data.
bool depends_on_data(const Access& access);
// Whether data has a part in what is known of the access: it depends on data, or something is assumed of data before it.
bool has_part_of_data(const ir::Program& program, const Access& access);
// Over [some binders, elements]: the same set over `count` binders, the new ones free.
isl::set with_free_binders(const isl::set& set, size_t binders, size_t count);
// Over [prefix of binders, elements]: the points for which the set has one with the same binders but for the last, which is less.
isl::set in_later_iterations(const isl::set& set, size_t prefix);
// The number of binders that two accesses share.
size_t common_binders(const Access& a, const Access& b);
// Over [binders of a, binders of b, elements]: both execute and touch the same position of a tensor.
isl::set side_by_side(const isl::set& a_set, size_t a_binders, const isl::set& b_set, size_t b_binders);
// The points at which two coordinates are equal; at which the first is less than the second.
isl::set equal_coordinates(const isl::set& set, size_t first, size_t second);
isl::set less_coordinate(const isl::set& set, size_t first, size_t second);
// Over [binders of `later`, elements]: the part of `later` for which some execution of `earlier`, before it in program order,
// touches the same element of the same tensor.
isl::set preceded(const isl::set& later_set, const Access& later, const isl::set& earlier_set, const Access& earlier);
// The part of `earlier` after which some execution of `later` touches the same element.
isl::set followed(const isl::set& earlier_set, const Access& earlier, const isl::set& later_set, const Access& later);

}  // namespace imbrex::prove
