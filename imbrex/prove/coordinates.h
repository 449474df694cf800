// Sets by their coordinates: left out, made free, compared. Private to prove/.
//
// Most sets here are over [binders, elements]: one coordinate for each loop and index around an access, the outermost first, and
// behind them one for each axis of the tensor.
#pragma once

#include <isl/cpp.h>

#include <cstddef>
#include <string>
#include <vector>

#include "imbrex/prove/access.h"

namespace imbrex::prove {

size_t coordinates_of(const isl::set& set);  // their number
// Names for a Frame: of binders, and of axes, which no author can write.
std::vector<std::string> names_of(const std::vector<Binder>& binders);
std::string element_name(size_t axis);

// Without the coordinates [first, first + count): the others of any point.
isl::set project_out(const isl::set& set, size_t first, size_t count);
// With `count` more from `first` on, which are free.
isl::set with_free(const isl::set& set, size_t first, size_t count);
// Over [some binders, elements]: the same set over `count` binders, the new ones free.
isl::set with_free_binders(const isl::set& set, size_t binders, size_t count);
// Of the `axes` coordinates behind `before`, only one is left.
isl::set only_axis(const isl::set& set, size_t before, size_t axes, size_t axis);
// The other way round: all of them again, free but for that one.
isl::set cylinder(const isl::set& axis_set, size_t before, size_t axes, size_t axis);

// The points at which two coordinates are equal; at which the first is less than the second.
isl::set equal_coordinates(const isl::set& set, size_t first, size_t second);
isl::set less_coordinate(const isl::set& set, size_t first, size_t second);
// Over [prefix of binders, elements]: the points for which the set has one with the same binders but for the last, which is less.
isl::set in_later_iterations(const isl::set& set, size_t prefix);
// Over [binders of a, binders of b, elements]: both execute and touch the same position of a tensor.
isl::set side_by_side(const isl::set& a_set, size_t a_binders, const isl::set& b_set, size_t b_binders);

}  // namespace imbrex::prove
