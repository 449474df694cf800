#include "imbrex/prove/witness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <isl/aff.h>
#include <isl/point.h>
#include <isl/set.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"
#include "imbrex/prove/coordinates.h"

namespace imbrex::prove {
namespace {

unsigned u(size_t n) { return static_cast<unsigned>(n); }

isl::set only_dims(const isl::set& set) { return project_out(set, 0, coordinates_of(set)); }

isl::set fix_dim(const isl::set& set, size_t dim, int64_t value) {
  return isl::manage(isl_set_fix_val(set.copy(), isl_dim_param, u(dim), isl_val_int_from_si(isl_set_get_ctx(set.get()), value)));
}

// The values that one dimension takes in the set, as a set over one coordinate.
isl::set values_of_dim(const isl::set& set, size_t dim) {
  isl_set* dims = only_dims(set).release();
  dims = isl_set_move_dims(dims, isl_dim_set, 0, isl_dim_param, u(dim), 1);
  return isl::manage(isl_set_project_out(dims, isl_dim_param, 0, static_cast<unsigned>(isl_set_dim(dims, isl_dim_param))));
}

std::optional<int64_t> first_coordinate(const isl::set& set) {
  if (set.is_empty()) return std::nullopt;
  isl_point* point = isl_set_sample_point(set.copy());
  isl_val* value = isl_point_get_coordinate_val(point, isl_dim_set, 0);
  const int64_t result = isl_val_get_num_si(value);
  isl_val_free(value);
  isl_point_free(point);
  return result;
}

std::optional<int64_t> least_value(const isl::set& values) { return first_coordinate(values.lexmin()); }

isl::set bounded(const isl::set& values, int64_t bound, bool from_below) {
  isl_val* v = isl_val_int_from_si(isl_set_get_ctx(values.get()), bound);
  return isl::manage(from_below ? isl_set_lower_bound_val(values.copy(), isl_dim_set, 0, v)
                                : isl_set_upper_bound_val(values.copy(), isl_dim_set, 0, v));
}

std::vector<int64_t> least_coordinates(const isl::set& set) {
  std::vector<int64_t> result;
  if (coordinates_of(set) == 0) return result;
  isl_point* point = isl_set_sample_point(isl_set_lexmin(set.copy()));
  for (size_t i = 0; i < coordinates_of(set); ++i) {
    isl_val* value = isl_point_get_coordinate_val(point, isl_dim_set, static_cast<int>(i));
    result.push_back(isl_val_get_num_si(value));
    isl_val_free(value);
  }
  isl_point_free(point);
  return result;
}

// The set's dimensions, chosen one after the other by `choose` among the values that remain possible.
template <class Choose>
Witness fixing_dims(const ir::Program& program, isl::set set, const Choose& choose) {
  Witness witness;
  for (size_t i = 0; i < program.dims.size(); ++i) {
    const int64_t value = choose(program.dims[i], values_of_dim(set, i));
    witness.dims.push_back(value);
    set = fix_dim(set, i, value);
  }
  witness.coordinates = least_coordinates(set);
  return witness;
}

// True if the set constrains this dimension beyond its declaration, or its coordinates depend on it.
bool depends_on(const ir::Program& program, const isl::set& set, size_t dim) {
  (void)program;
  return isl_set_involves_dims(set.get(), isl_dim_param, u(dim), 1) == isl_bool_true;
}

std::string dims_text(const ir::Program& program, const isl::set& set, const std::vector<int64_t>& dims) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < dims.size(); ++i)
    if (depends_on(program, set, i)) texts.push_back(fmt::format("{}={}", program.dims[i].name, dims[i]));
  return fmt::format("{}", fmt::join(texts, ", "));
}

// All values of the one dimension that satisfy its declaration.
isl::set declared(const ir::Program& program, const isl::set& like) {
  isl_set* all = isl_set_universe(isl_set_get_space(only_dims(like).get()));
  for (size_t i = 0; i < program.dims.size(); ++i) {
    all = isl_set_lower_bound_si(all, isl_dim_param, u(i), 1);
    all = isl_set_upper_bound_val(all, isl_dim_param, u(i),
                                  isl_val_int_from_si(isl_set_get_ctx(like.get()), program.dims[i].most()));
  }
  return isl::manage(all);
}

isl::set residue(const isl::set& space, size_t dim, int64_t modulus, int64_t remainder) {
  isl_aff* value = isl_aff_var_on_domain(isl_local_space_from_space(isl_set_get_space(space.get())), isl_dim_param, u(dim));
  value = isl_aff_mod_val(value, isl_val_int_from_si(isl_set_get_ctx(space.get()), modulus));
  isl_aff* wanted = isl_aff_val_on_domain(isl_local_space_from_space(isl_set_get_space(space.get())),
                                          isl_val_int_from_si(isl_set_get_ctx(space.get()), remainder));
  return isl::manage(isl_set_from_basic_set(isl_aff_eq_basic_set(value, wanted)));
}

}  // namespace

Witness smallest(const ir::Program& program, const isl::set& set) {
  return fixing_dims(program, set, [](const ir::Dim&, const isl::set& values) { return least_value(values).value_or(1); });
}

Witness nearest(const ir::Program& program, const isl::set& set) {
  return fixing_dims(program, set, [](const ir::Dim& dim, const isl::set& values) {
    if (dim.typical == 0) return least_value(values).value_or(1);
    const auto above = least_value(bounded(values, dim.typical, true));
    const auto below = first_coordinate(bounded(values, dim.typical, false).lexmax());
    if (above && below) return *above - dim.typical <= dim.typical - *below ? *above : *below;
    return above ? *above : below.value_or(1);
  });
}

std::string when_text(const ir::Program& program, const isl::set& set) {
  const std::string least = dims_text(program, set, smallest(program, set).dims);
  const std::string near = dims_text(program, set, nearest(program, set).dims);
  if (least.empty()) return "";
  return near == least ? least : fmt::format("{}, nearest to a typical run {}", least, near);
}

std::string condition_text(const ir::Program& program, const isl::set& set) {
  const isl::set dims = only_dims(set), all = declared(program, set);
  std::vector<size_t> used;
  for (size_t i = 0; i < program.dims.size(); ++i)
    if (depends_on(program, set, i)) used.push_back(i);
  if (dims.is_equal(all)) {
    std::vector<std::string> names;
    for (const size_t i : used) names.push_back(program.dims[i].name);
    return names.empty() ? "" : fmt::format("for every {}", fmt::join(names, " and "));
  }
  if (used.size() != 1) return "";
  const std::string& name = program.dims[used[0]].name;
  const int64_t least = least_value(values_of_dim(dims, used[0])).value_or(1);
  const auto from = [&](const isl::set& s, int64_t first) {
    return isl::manage(
        isl_set_lower_bound_val(s.copy(), isl_dim_param, u(used[0]), isl_val_int_from_si(isl_set_get_ctx(s.get()), first)));
  };
  if (dims.is_equal(from(all, least))) return fmt::format("when {} >= {}", name, least);
  if (dims.is_equal(fix_dim(all, used[0], least))) return fmt::format("when {} = {}", name, least);
  for (int64_t modulus = 2; modulus <= 64; ++modulus) {
    const isl::set class_ = all.intersect(residue(all, used[0], modulus, least % modulus));
    if (dims.is_equal(class_)) {
      if (modulus == 2) return fmt::format("when {} is {}", name, least % 2 ? "odd" : "even");
      return fmt::format("when {} mod {} = {}", name, modulus, least % modulus);
    }
    // Everything but the multiples.
    const isl::set others = all.subtract(residue(all, used[0], modulus, 0));
    if (dims.is_equal(others)) return fmt::format("when {} is not a multiple of {}", name, modulus);
  }
  return "";
}

std::string iteration_text(const ir::Program& program, const std::vector<Binder>& binders,
                           const std::vector<int64_t>& coordinates) {
  const ir::Spelling say(program);
  std::vector<std::string> texts;
  for (size_t i = 0; i < binders.size(); ++i) {
    const bool tiled = binders[i].loop && binders[i].loop->tile > 0;
    texts.push_back(fmt::format("{}{}={}", say.name(binders[i].name), tiled ? ".index" : "", coordinates.at(i)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string element_text(const std::string& tensor, const std::vector<int64_t>& coordinates, size_t first) {
  return fmt::format("{}[{}]", tensor,
                     fmt::join(coordinates.begin() + static_cast<std::ptrdiff_t>(first), coordinates.end(), ", "));
}

// ---- parts of tensors ---------------------------------------------------------------------------------------------------------

namespace {

// A number, or a dimension less a number.
struct Position {
  std::optional<size_t> dim;
  int64_t number = 0;
  friend bool operator==(const Position&, const Position&) = default;

  std::string text(const ir::Program& program) const {
    return dim ? fmt::format("{}-{}", program.dims[*dim].name, number) : fmt::format("{}", number);
  }
  isl_aff* value(const isl::set& like) const {
    isl_local_space* space = isl_local_space_from_space(isl_set_get_space(like.get()));
    if (!dim) return isl_aff_val_on_domain(space, isl_val_int_from_si(isl_set_get_ctx(like.get()), number));
    return isl_aff_add_constant_val(isl_aff_var_on_domain(space, isl_dim_param, u(*dim)),
                                    isl_val_int_from_si(isl_set_get_ctx(like.get()), -number));
  }
};

isl::set interval(const Position& first, const Position& last, const isl::set& like) {
  const auto coordinate = [&] {
    return isl_aff_var_on_domain(isl_local_space_from_space(isl_set_get_space(like.get())), isl_dim_set, 0);
  };
  isl_set* from = isl_set_from_basic_set(isl_aff_ge_basic_set(coordinate(), first.value(like)));
  isl_set* to = isl_set_from_basic_set(isl_aff_le_basic_set(coordinate(), last.value(like)));
  return isl::manage(isl_set_intersect(from, to));
}

// The axis' positions, from a number or the extent less a number to another such one: "T-1", "5..T-1", "448..511". None if they
// are nothing of the kind for some dimensions.
std::optional<std::string> positions_text(const ir::Program& program, const isl::set& positions, const ir::IndexExpr& extent) {
  const Witness at = smallest(program, positions);
  isl::set fixed = positions;
  for (size_t i = 0; i < at.dims.size(); ++i) fixed = fix_dim(fixed, i, at.dims[i]);
  const int64_t first = *first_coordinate(fixed.lexmin()), last = *first_coordinate(fixed.lexmax());
  std::vector<Position> firsts, lasts;
  for (size_t i = 0; i < program.dims.size(); ++i) {
    if (extent->kind != ir::Index::Kind::name || program.dims[i].name != extent->name) continue;
    firsts.push_back({i, at.dims[i] - first});
    lasts.push_back({i, at.dims[i] - last});
  }
  firsts.push_back({std::nullopt, first});
  lasts.push_back({std::nullopt, last});
  for (const Position& from : firsts)
    for (const Position& to : lasts)
      if (interval(from, to, positions).intersect_params(only_dims(positions)).is_equal(positions))
        return from == to ? from.text(program) : from.text(program) + ".." + to.text(program);
  return std::nullopt;
}

}  // namespace

std::string part_text(const ir::Program& program, const isl::set& part, const isl::set& whole, const ir::Tensor& tensor) {
  const size_t axes = tensor.shape.size();
  isl::set box = whole.intersect_params(only_dims(part));
  std::vector<std::string> texts(axes, ":");
  std::vector<size_t> restricted;
  bool is_known = true;
  for (size_t k = 0; k < axes; ++k) {
    const isl::set positions = only_axis(part, 0, axes, k);
    if (positions.is_equal(only_axis(box, 0, axes, k))) continue;
    restricted.push_back(k);
    const auto text = positions_text(program, positions, tensor.shape[k]);
    is_known = is_known && text;
    texts[k] = text.value_or("");
    box = box.intersect(cylinder(positions, 0, axes, k));
  }
  const char* unit = restricted.size() != 1 ? nullptr
                     : axes == 1            ? "element"
                     : restricted[0] == 0   ? "row"
                     : axes == 2            ? "column"
                                            : nullptr;
  if (!is_known || !box.is_subset(part)) {
    const Witness at = smallest(program, part);
    if (unit && box.is_subset(part))
      return fmt::format("some {0}s of {1}, such as {0} {2},", unit, tensor.name, at.coordinates[restricted[0]]);
    return fmt::format("a part of {}, such as {},", tensor.name, element_text(tensor.name, at.coordinates, 0));
  }
  if (restricted.empty()) return tensor.name;
  if (!unit) return fmt::format("{}[{}]", tensor.name, fmt::join(texts, ", "));
  const std::string& text = texts[restricted[0]];
  return fmt::format("{}{} {} of {}", unit, text.find("..") == std::string::npos ? "" : "s", text, tensor.name);
}

}  // namespace imbrex::prove
