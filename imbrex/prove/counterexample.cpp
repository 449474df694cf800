#include "imbrex/prove/counterexample.h"

#include <isl/point.h>
#include <isl/set.h>

#include <algorithm>

namespace imbrex::prove {
namespace {

constexpr int64_t kMostPoints = 4096;  // of a set that is no few boxes

unsigned u(size_t n) { return static_cast<unsigned>(n); }

isl_val* number(const isl::set& like, int64_t value) { return isl_val_int_from_si(isl_set_get_ctx(like.get()), value); }

isl::set at_dims(isl::set set, const std::vector<int64_t>& dims) {
  for (size_t i = 0; i < dims.size(); ++i)
    set = isl::manage(isl_set_fix_val(set.copy(), isl_dim_param, u(i), number(set, dims[i])));
  return set;
}

// The first coordinates have these values, and are left out.
isl::set at_first(isl::set set, const std::vector<int64_t>& values) {
  for (size_t i = 0; i < values.size(); ++i)
    set = isl::manage(isl_set_fix_val(set.copy(), isl_dim_set, u(i), number(set, values[i])));
  return project_out(set, 0, values.size());
}

std::vector<int64_t> position_of(isl_point* point, size_t count) {
  std::vector<int64_t> result;
  for (size_t i = 0; i < count; ++i) {
    isl_val* value = isl_point_get_coordinate_val(point, isl_dim_set, static_cast<int>(i));
    result.push_back(isl_val_get_num_si(value));
    isl_val_free(value);
  }
  return result;
}

// The points of a set at fixed dimensions in some order, the first `most` of them; whether these are all.
std::pair<std::vector<std::vector<int64_t>>, bool> points_of(const isl::set& set, int64_t most) {
  struct Found {
    std::vector<std::vector<int64_t>> points;
    size_t most, count;
  } found{{}, static_cast<size_t>(most), coordinates_of(set)};
  const isl_stat status = isl_set_foreach_point(
      set.get(),
      [](isl_point* point, void* user) {
        auto& all = *static_cast<Found*>(user);
        const bool is_over = all.points.size() == all.most;
        if (!is_over) all.points.push_back(position_of(point, all.count));
        isl_point_free(point);
        return is_over ? isl_stat_error : isl_stat_ok;
      },
      &found);
  return {std::move(found.points), status == isl_stat_ok};
}

ElementBox around(const isl::set& set) {
  ElementBox box;
  for (size_t k = 0; k < coordinates_of(set); ++k) {
    const auto end = [&](const isl::set& one) {
      isl_point* point = isl_set_sample_point(one.copy());
      const int64_t value = position_of(point, 1).front();
      isl_point_free(point);
      return value;
    };
    const isl::set axis = only_axis(set, 0, coordinates_of(set), k);
    box.first.push_back(end(axis.lexmin()));
    box.last.push_back(end(axis.lexmax()));
  }
  return box;
}

isl::set elements_of(const ElementBox& box, const isl::set& like) {
  isl::set set = isl::manage(isl_set_universe(isl_set_get_space(like.get())));
  for (size_t k = 0; k < box.first.size(); ++k) {
    set = isl::manage(isl_set_lower_bound_val(set.copy(), isl_dim_set, u(k), number(like, box.first[k])));
    set = isl::manage(isl_set_upper_bound_val(set.copy(), isl_dim_set, u(k), number(like, box.last[k])));
  }
  return set;
}

// A set at fixed dimensions as boxes; whether these hold nothing else.
std::pair<std::vector<ElementBox>, bool> boxes_of(const isl::set& set) {
  std::vector<ElementBox> boxes;
  bool is_exact = true;
  if (set.is_empty()) return {boxes, is_exact};
  const isl::set coalesced = isl::manage(isl_set_coalesce(set.copy()));
  coalesced.foreach_basic_set([&](const isl::basic_set& part) {
    const isl::set one(part);
    const ElementBox box = around(one);
    if (one.is_equal(elements_of(box, set).intersect_params(isl::manage(isl_set_params(one.copy()))))) {
      boxes.push_back(box);
      return;
    }
    auto [points, are_all] = points_of(one, kMostPoints);
    is_exact = is_exact && are_all;
    if (!are_all) boxes.push_back(box);
    if (are_all)
      for (std::vector<int64_t>& point : points) boxes.push_back({point, point});
  });
  return {std::move(boxes), is_exact};
}

std::vector<std::pair<std::string, int64_t>> iteration_of(const Access& access, const std::vector<int64_t>& binders) {
  std::vector<std::pair<std::string, int64_t>> iteration;
  for (size_t i = 0; i < access.binders.size(); ++i) {
    const bool is_tiled = access.binders[i].loop && access.binders[i].loop->tile > 0;
    iteration.emplace_back(access.binders[i].name + (is_tiled ? ".index" : ""), binders.at(i));
  }
  return iteration;
}

class Maker {
 public:
  Maker(const Subject& subject, const Fault& fault) : subject_(subject), fault_(fault) {}

  std::vector<Counterexample> make() const {
    if (fault_.outside_on) return outside();
    std::vector<Counterexample> all = at(smallest(subject_.program, fault_.where));
    if (all.empty() || !fault_.executions.empty() || !all.front().touches.empty()) return all;
    isl::set written = isl::manage(isl_set_params(fault_.where.copy()));
    written = written.subtract(written);
    for (const Access& store : subject_.accesses.all)
      if (is_store(store)) written = written.unite(isl::manage(isl_set_params(subject_.may(store).copy())));
    const isl::set both = fault_.where.intersect_params(written);
    if (both.is_empty()) return all;
    for (Counterexample& each : at(smallest(subject_.program, both))) all.push_back(std::move(each));
    return all;
  }

 private:
  bool is_store(const Access& access) const { return access.writes && access.memory == fault_.memory; }

  std::optional<Counterexample> begin(const std::string& tensor, const std::vector<ir::IndexExpr>& shape,
                                      const std::vector<Binder>& binders, const Witness& at) const {
    Counterexample result;
    result.diagnostic = fault_.diagnostic;
    for (size_t i = 0; i < subject_.program.dims.size(); ++i) result.dims[subject_.program.dims[i].name] = at.dims[i];
    result.tensor = tensor;
    for (const ir::IndexExpr& extent : shape) {
      const auto value = subject_.value_at(binders, extent, at);
      if (!value) return std::nullopt;
      result.shape.push_back(std::max<int64_t>(0, *value));
    }
    return result;
  }

  Counterexample::Touch touch(const Access& access, const std::vector<int64_t>& binders) const {
    return {subject_.where(access.origin),
            text_of_access(subject_.program, access),
            access.writes,
            iteration_of(access, binders),
            {}};
  }

  std::vector<Counterexample> at(const Witness& where) const {
    const std::vector<Binder> none;
    const Access* first = fault_.executions.empty() ? nullptr : fault_.executions.front();
    auto result = begin(fault_.memory->tensor->name, fault_.memory->tensor->shape, first ? first->binders : none, where);
    if (!result) return {};
    isl::set bad = at_dims(fault_.where, where.dims);
    auto next = where.coordinates.begin();
    for (const Access* access : fault_.executions) {
      const std::vector<int64_t> binders(next, next + static_cast<std::ptrdiff_t>(access->binders.size()));
      next += static_cast<std::ptrdiff_t>(access->binders.size());
      bad = at_first(bad, binders);
      Counterexample::Touch touched = touch(*access, binders);
      touched.elements = boxes_of(at_first(at_dims(subject_.may(*access), where.dims), binders)).first;
      result->touches.push_back(std::move(touched));
    }
    std::tie(result->elements, result->is_exact) = boxes_of(bad);
    if (fault_.executions.size() < 2) add_stores(*result, where);
    return {std::move(*result)};
  }

  void add_stores(Counterexample& to, const Witness& where) const {
    for (const Access& store : subject_.accesses.all) {
      if (!is_store(store)) continue;
      const isl::set touched = at_dims(subject_.may(store), where.dims);
      const size_t axes = coordinates_of(touched) - store.binders.size();
      const isl::set executions = project_out(touched, store.binders.size(), axes);
      auto binders = points_of(executions, Counterexample::kMostTouches).first;
      std::sort(binders.begin(), binders.end());
      for (const std::vector<int64_t>& each : binders) {
        if (to.touches.size() == Counterexample::kMostTouches) return;
        to.touches.push_back(touch(store, each));
        to.touches.back().elements = boxes_of(at_first(touched, each)).first;
      }
    }
  }

  // The slice as it was written, beyond the extents.
  std::vector<Counterexample> outside() const {
    const Access& access = *fault_.executions.front();
    const Witness where = smallest(subject_.program, fault_.where);
    auto result = begin(access.name, access.shape, access.binders, where);
    if (!result) return {};
    ElementBox box;
    for (size_t k = 0; k < access.slice.size(); ++k) {
      const ir::Axis& axis = access.slice[k];
      const bool is_listed = axis.kind == ir::Axis::Kind::by;
      if (is_listed && k != *fault_.outside_on) return {};
      const auto first = is_listed ? where.coordinates.back() : subject_.value_at(access.binders, axis.begin, where);
      const auto size = is_listed ? 1 : subject_.value_at(access.binders, axis.size, where);
      if (!first || !size) return {};
      box.first.push_back(*first);
      box.last.push_back(*first + *size - 1);
    }
    Counterexample::Touch touched = touch(access, where.coordinates);
    touched.elements = {box};
    const size_t k = *fault_.outside_on;
    if (box.first[k] < 0) {
      result->elements.push_back(box);
      result->elements.back().last[k] = std::min<int64_t>(box.last[k], -1);
    }
    if (box.last[k] >= result->shape[k]) {
      result->elements.push_back(box);
      result->elements.back().first[k] = std::max(box.first[k], result->shape[k]);
    }
    result->touches.push_back(std::move(touched));
    return {std::move(*result)};
  }

  const Subject& subject_;
  const Fault& fault_;
};

}  // namespace

std::vector<Counterexample> counterexamples_of(const Subject& subject, const Fault& fault) {
  return Maker(subject, fault).make();
}

}  // namespace imbrex::prove
