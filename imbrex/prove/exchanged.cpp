#include "imbrex/prove/exchanged.h"

#include <isl/aff.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/val.h>

#include <algorithm>
#include <memory>

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

// As constant + sum of coefficient * dimension.
std::optional<IndexExpr> linear(const ir::Program& program, isl_pw_aff* value) {
  struct Found {
    int pieces = 0;
    isl_aff* aff = nullptr;
  } found;
  isl_pw_aff_foreach_piece(
      value,
      [](isl_set* domain, isl_aff* aff, void* user) {
        isl_set_free(domain);
        Found& f = *static_cast<Found*>(user);
        if (f.pieces++ == 0)
          f.aff = aff;
        else
          isl_aff_free(aff);
        return isl_stat_ok;
      },
      &found);
  if (!found.aff) return std::nullopt;
  const std::unique_ptr<isl_aff, decltype(&isl_aff_free)> aff(found.aff, isl_aff_free);
  if (found.pieces != 1 || isl_aff_dim(aff.get(), isl_dim_div) != 0) return std::nullopt;
  bool is_whole = true;
  const auto number = [&](isl_val* v) {
    is_whole = is_whole && isl_val_is_int(v);
    const int64_t n = isl_val_get_num_si(v);
    isl_val_free(v);
    return n;
  };
  IndexExpr sum = ir::constant(number(isl_aff_get_constant_val(aff.get())));
  for (size_t i = 0; i < program.dims.size(); ++i) {
    const int64_t coefficient = number(isl_aff_get_coefficient_val(aff.get(), isl_dim_param, static_cast<int>(i)));
    sum = ir::add(ir::mul(ir::constant(coefficient), ir::named(program.dims[i].name)), sum);
  }
  return is_whole ? std::optional(sum) : std::nullopt;
}

// The number of positions along an axis, if they are an interval whose length depends on dimensions alone.
std::optional<IndexExpr> length_of(const ir::Program& program, const isl::set& positions) {
  // Between the least and the greatest there is nothing else.
  isl_map* not_before = isl_map_lex_le(isl_set_get_space(positions.get()));
  isl_map* not_behind = isl_map_lex_ge(isl_set_get_space(positions.get()));
  const isl::set interval =
      isl::manage(isl_set_intersect(isl_set_apply(positions.copy(), not_before), isl_set_apply(positions.copy(), not_behind)));
  if (!interval.is_subset(positions)) return std::nullopt;
  isl_pw_aff* last = isl_set_dim_max(positions.copy(), 0);
  isl_pw_aff* length = isl_pw_aff_sub(last, isl_set_dim_min(positions.copy(), 0));
  isl_set* universe = isl_set_params(isl_set_copy(positions.get()));
  length = isl_pw_aff_coalesce(isl_pw_aff_gist(length, universe));
  const auto result = length ? linear(program, length) : std::nullopt;
  isl_pw_aff_free(length);
  return result ? std::optional(ir::add(*result, ir::constant(1))) : std::nullopt;
}

// Numbers that exist for each element of the set, such as the iterations that touch it. To do away with them takes time that
// grows beyond all measure with how many they are, and that isl does not count as operations.
constexpr int kMostExisting = 6;
int most_existing(const isl::set& set) {
  int most = 0;
  isl_set_foreach_basic_set(
      set.get(),
      [](isl_basic_set* each, void* user) {
        int& found = *static_cast<int*>(user);
        found = std::max(found, static_cast<int>(isl_basic_set_dim(each, isl_dim_div)));
        isl_basic_set_free(each);
        return isl_stat_ok;
      },
      &most);
  return most;
}

// None where the tensor's extents are not affine.
std::optional<isl::set> all_elements(const Subject& subject, const Access& access) {
  try {
    return subject.relations.instances(access);
  } catch (const NotAffine&) {
    return std::nullopt;
  }
}

}  // namespace

isl::set by_instance(const Access& access, const isl::set& part) {
  isl::set set = part;
  for (size_t d = access.binders.size(); d-- > 0;)
    if (d >= access.memory->depth || !access.binders[d].loop) set = project_out(set, d, 1);
  return set.coalesce();
}

Quantity bytes_exchanged(const Subject& subject, const Access& access, const isl::set& of_part) {
  const bool is_simple = most_existing(of_part) <= kMostExisting;
  const isl::set part = is_simple ? of_part : isl::manage(isl_set_remove_unknown_divs(of_part.copy()));
  const ir::Tensor& tensor = *access.memory->tensor;
  std::vector<const ir::Loop*> loops;
  for (size_t d = 0; d < access.memory->depth; ++d)
    if (access.binders[d].loop) loops.push_back(access.binders[d].loop);
  const size_t instances = loops.size(), axes = tensor.shape.size();
  const std::optional<isl::set> whole = all_elements(subject, access);

  isl::set box = whole ? *whole : isl::manage(isl_set_universe(isl_set_get_space(part.get())));
  bool is_exact = is_simple;
  Quantity bytes(bytes_of(tensor.dtype));
  for (size_t axis = 0; axis < axes; ++axis) {
    const isl::set touched = only_axis(part, instances, axes, axis);
    std::optional<IndexExpr> length;
    if (!whole || !only_axis(*whole, instances, axes, axis).is_subset(touched)) {
      length = length_of(subject.program, project_out(touched, 0, instances));
      is_exact = is_exact && length;
      box = box.intersect(cylinder(touched, instances, axes, axis));
    }
    bytes = bytes * Quantity::of(length.value_or(tensor.shape[axis]));
  }
  for (size_t d = loops.size(); d-- > 0;) bytes = bytes.summed_over(*loops[d]);
  if (!is_exact || !box.is_subset(part)) bytes.mark_at_most();
  return bytes;
}

}  // namespace imbrex::prove
