#include "imbrex/prove/coordinates.h"

#include <isl/constraint.h>
#include <isl/set.h>

namespace imbrex::prove {
namespace {

unsigned u(size_t n) { return static_cast<unsigned>(n); }

}  // namespace

size_t coordinates_of(const isl::set& set) { return static_cast<size_t>(isl_set_dim(set.get(), isl_dim_set)); }

std::vector<std::string> names_of(const std::vector<Binder>& binders) {
  std::vector<std::string> names;
  names.reserve(binders.size());
  for (const Binder& binder : binders) names.push_back(binder.name);
  return names;
}

std::string element_name(size_t axis) { return "." + std::to_string(axis); }

isl::set project_out(const isl::set& set, size_t first, size_t count) {
  return isl::manage(isl_set_project_out(set.copy(), isl_dim_set, u(first), u(count)));
}

isl::set with_free(const isl::set& set, size_t first, size_t count) {
  return isl::manage(isl_set_insert_dims(set.copy(), isl_dim_set, u(first), u(count)));
}

isl::set with_free_binders(const isl::set& set, size_t binders, size_t count) { return with_free(set, binders, count - binders); }

isl::set only_axis(const isl::set& set, size_t before, size_t axes, size_t axis) {
  return project_out(project_out(set, before + axis + 1, axes - axis - 1), before, axis);
}

isl::set cylinder(const isl::set& axis_set, size_t before, size_t axes, size_t axis) {
  return with_free(with_free(axis_set, before, axis), before + axis + 1, axes - axis - 1);
}

isl::set equal_coordinates(const isl::set& set, size_t first, size_t second) {
  return isl::manage(isl_set_equate(set.copy(), isl_dim_set, static_cast<int>(first), isl_dim_set, static_cast<int>(second)));
}

isl::set less_coordinate(const isl::set& set, size_t first, size_t second) {
  isl_constraint* less = isl_constraint_alloc_inequality(isl_local_space_from_space(isl_set_get_space(set.get())));
  less = isl_constraint_set_coefficient_si(less, isl_dim_set, static_cast<int>(first), -1);
  less = isl_constraint_set_coefficient_si(less, isl_dim_set, static_cast<int>(second), 1);
  return isl::manage(isl_set_add_constraint(set.copy(), isl_constraint_set_constant_si(less, -1)));
}

isl::set in_later_iterations(const isl::set& set, size_t prefix) {
  // [binders, later iteration, elements] beside [binders, iteration, elements]
  const isl::set both = with_free(set, prefix - 1, 1);
  return project_out(less_coordinate(both, prefix, prefix - 1), prefix, 1);
}

isl::set side_by_side(const isl::set& a_set, size_t a_binders, const isl::set& b_set, size_t b_binders) {
  return with_free(a_set, a_binders, b_binders).intersect(with_free(b_set, 0, a_binders));
}

}  // namespace imbrex::prove
