#include "imbrex/prove/confirm.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "imbrex/base/numbers.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/visit.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {
namespace {

constexpr int64_t kMostElements = 1 << 20;  // of all arguments of one run
constexpr int64_t kMostWork = 1'000'000;    // of one run
constexpr int kPatterns = 24;

using Arrays = std::map<std::string, Array>;
using Dims = std::map<std::string, int64_t>;

// Arguments of the shapes that the dimensions give, all zeros; none where they are too large to try.
std::optional<Arrays> arguments(const ir::Program& program, const Dims& dims) {
  Arrays arrays;
  int64_t total = 0;
  for (const ir::Tensor& tensor : program.tensors) {
    std::vector<int64_t> shape;
    int64_t elements = 1;
    for (const ir::IndexExpr& extent : tensor.shape) {
      const auto value = ir::checked_evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); });
      if (!value || *value > kMostElements) return std::nullopt;
      shape.push_back(std::max<int64_t>(0, *value));
      elements *= shape.back();
      if (elements > kMostElements) return std::nullopt;
    }
    if ((total += elements) > kMostElements) return std::nullopt;
    arrays[tensor.name] = Array::zeros(tensor.dtype, shape);
  }
  return arrays;
}

// Patterns of small numbers, one after the other: constants, positions forwards and backwards, a few pseudo-random ones.
int32_t element(int pattern, size_t tensor, size_t position, size_t count, const std::vector<int64_t>& values) {
  const auto p = static_cast<int64_t>(position), n = static_cast<int64_t>(count);
  switch (pattern) {
    case 0: return 0;
    case 1: return static_cast<int32_t>(p);
    case 2: return static_cast<int32_t>(n - 1 - p);
    case 3: return 1;
    case 4: return static_cast<int32_t>(p / 2);
    case 5: return static_cast<int32_t>((p + 1) % std::max<int64_t>(1, n));
    case 6: return -1;
    case 7: return static_cast<int32_t>(n);
    default: break;
  }
  uint64_t hash = ((static_cast<uint64_t>(pattern) * 1000003 + position) * 31 + tensor) * 0x9e3779b97f4a7c15ULL;
  hash ^= hash >> 29;
  if (pattern % 2 == 0 && !values.empty()) return static_cast<int32_t>(values[hash % values.size()]);
  return static_cast<int32_t>(hash % 9) - 1;
}

void fill(const ir::Program& program, Arrays& arrays, int pattern, const std::vector<int64_t>& values) {
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& tensor = program.tensors[i];
    if (!holds_indices(tensor.dtype) || tensor.role == ir::Role::output) continue;
    Array& array = arrays.at(tensor.name);
    const auto count = static_cast<size_t>(array.size());
    for (size_t k = 0; k < count; ++k) set_index_at(array, static_cast<int64_t>(k), element(pattern, i, k, count, values));
  }
}

// The tensors' elements from which the indices of these executions are read get the values that they have there.
void pin(Arrays& arrays, const Dims& dims, const std::vector<Suspicion::Execution>& executions) {
  LoopsByName loops;
  for (const Suspicion::Execution& execution : executions)
    for (const ir::Binder& binder : execution.place->binders)
      if (binder.loop) loops[binder.name] = binder.loop;
  for (const Suspicion::Execution& execution : executions) {
    Dims known = dims;
    for (size_t i = 0; i < execution.place->binders.size() && i < execution.binders.size(); ++i) {
      const ir::Binder& binder = execution.place->binders[i];
      if (binder.read && arrays.count(binder.read->tensor)) {
        Array& array = arrays.at(binder.read->tensor);
        int64_t offset = 0;
        bool inside = holds_indices(array.dtype) && array.shape.size() == binder.read->position.size();
        for (size_t k = 0; inside && k < array.shape.size(); ++k) {
          const auto at = ir::checked_evaluate(resolve(binder.read->position[k], loops), [&](const ir::Index& leaf) {
            const auto value = known.find(leaf.name);
            return value == known.end() ? int64_t{-1} : value->second;
          });
          inside = at && *at >= 0 && *at < array.shape[k];
          if (inside) offset = offset * array.shape[k] + *at;
        }
        if (inside) set_index_at(array, offset, execution.binders[i]);
      }
      known[binder.name] = execution.binders[i];
    }
  }
}

}  // namespace

std::optional<Confirmed> Confirmer::counterexample(const Suspicion& suspicion, const std::string& hint) const {
  std::vector<Dims> all_dims;
  const auto add = [&](const auto& value_of) {
    Dims dims;
    for (size_t i = 0; i < program_.dims.size(); ++i)
      dims[program_.dims[i].name] = std::clamp<int64_t>(value_of(i), 1, program_.dims[i].most());
    if (std::find(all_dims.begin(), all_dims.end(), dims) == all_dims.end()) all_dims.push_back(std::move(dims));
  };
  if (suspicion.dims) add([&](size_t i) { return suspicion.dims->at(i); });
  for (const int64_t size : {1, 2, 3, 5, 8, 17}) add([&](size_t) { return size; });

  // Numbers that may be there several times, where others may not.
  std::vector<int64_t> excepted;
  ir::for_each_statement(program_.body, [&](const ir::Statement& statement) {
    const auto* elements = std::get_if<ir::AssumeElements>(&statement.node);
    if (elements && elements->except) excepted.insert(excepted.end(), 2, *elements->except);
    return true;
  });

  interpret::Options options;
  options.checked = true;
  for (const Dims& dims : all_dims) {
    std::vector<int64_t> values = suspicion.elements;
    for (const auto& [name, value] : dims) values.insert(values.end(), {value, value - 1});
    values.insert(values.end(), excepted.begin(), excepted.end());
    for (int pattern = 0; pattern < kPatterns; ++pattern)
      for (const bool pinned : {true, false}) {
        if (pinned && (suspicion.executions.empty() || &dims != &all_dims[0])) continue;
        if (work_left_ <= 0) return std::nullopt;
        std::optional<Arrays> arrays = arguments(program_, dims);
        if (!arrays) break;
        fill(program_, *arrays, pattern, values);
        if (pinned) pin(*arrays, dims, suspicion.executions);
        options.most_work = std::min(kMostWork, work_left_);
        int64_t work = 0;
        options.work = &work;
        std::optional<Diagnostic> found;
        try {
          interpret::run(program_, dims, *arrays, options);
        } catch (const interpret::Fault& fault) {
          if (fault.diagnostics().at(0).id == suspicion.id) found = fault.diagnostics().at(0);
        } catch (const interpret::OutOfWork&) {
        }
        work_left_ -= work + 100;
        if (!found) continue;
        std::string sizes;
        for (const ir::Dim& dim : program_.dims)
          sizes += fmt::format("{}{}={}", sizes.empty() ? "" : ", ", dim.name, dims.at(dim.name));
        found->message += fmt::format("; so with {}{}data that the assumptions allow", sizes, sizes.empty() ? "" : " and ");
        found->hint = hint;
        return Confirmed{*found, suspicion.dims && &dims == &all_dims[0]};
      }
  }
  return std::nullopt;
}

}  // namespace imbrex::prove
