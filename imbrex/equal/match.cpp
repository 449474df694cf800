#include "imbrex/equal/match.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/ir/rename.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"

namespace imbrex::equal {
namespace {

[[noreturn]] void refuse(const SourceLine& where, std::string message, std::string hint) {
  throw UserError(
      {Diagnostic{"not-comparable", where, "the kernels cannot be compared: " + std::move(message), std::move(hint), {}, false}});
}

template <class Named>
std::string listed(const std::vector<Named>& all) {
  std::string text;
  for (const Named& each : all) text += (text.empty() ? "" : ", ") + each.name;
  return text.empty() ? "none" : text;
}

// By name of B's: the one of A that it stands for.
template <class Named>
std::map<std::string, const Named*> matched(const std::vector<Named>& a, const std::vector<Named>& b, bool by_order,
                                            const char* what) {
  const std::string hint =
      by_order || a.size() != b.size() ? "kernels that have as many" : "--by-order, to match them by their positions";
  if (by_order && a.size() != b.size())
    refuse({}, fmt::format("A has {} {} ({}), B has {} ({})", a.size(), what, listed(a), b.size(), listed(b)), hint);
  std::map<std::string, const Named*> result;
  for (size_t i = 0; i < b.size(); ++i) {
    const auto found = by_order ? a.begin() + static_cast<std::ptrdiff_t>(i)
                                : std::find_if(a.begin(), a.end(), [&](const Named& each) { return each.name == b[i].name; });
    if (found == a.end()) refuse({}, fmt::format("B's {} is none of A's {}: {}", b[i].name, what, listed(a)), hint);
    result[b[i].name] = &*found;
  }
  for (const Named& each : a)
    if (std::none_of(result.begin(), result.end(), [&](const auto& entry) { return entry.second == &each; }))
      refuse({}, fmt::format("A's {} is none of B's {}: {}", each.name, what, listed(b)), hint);
  return result;
}

std::vector<ir::Tensor> with_role(const ir::Program& program, ir::Role role) {
  std::vector<ir::Tensor> found;
  std::copy_if(program.tensors.begin(), program.tensors.end(), std::back_inserter(found),
               [&](const ir::Tensor& tensor) { return tensor.role == role; });
  return found;
}

std::string type_of(const ir::Tensor& tensor) {
  std::string shape;
  for (const ir::IndexExpr& extent : tensor.shape) shape += (shape.empty() ? "" : ", ") + ir::to_text(extent);
  return fmt::format("{} {}[{}]", name_of(tensor.role), name_of(tensor.dtype), shape);
}

ir::IndexExpr elements_of(const ir::Tensor& tensor) {
  ir::IndexExpr all = ir::constant(1);
  for (const ir::IndexExpr& extent : tensor.shape) all = ir::mul(all, extent);
  return all;
}

bool same_shape(const ir::Tensor& a, const ir::Tensor& b) {
  return std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end(),
                    [](const auto& x, const auto& y) { return ir::same(x, y); });
}

}  // namespace

ir::Program with_interface_of(const ir::Program& a, const ir::Program& b, bool by_order) {
  std::map<std::string, std::string> names;
  for (const auto& [name, dim] : matched(a.dims, b.dims, by_order, "dimensions")) names[name] = dim->name;
  std::map<std::string, ir::Tensor> tensors;  // A's, by the name in B
  std::vector<ir::Tensor> in_a[3], in_b[3];
  constexpr ir::Role kRoles[] = {ir::Role::input, ir::Role::output, ir::Role::inout};
  constexpr const char* kWhat[] = {"inputs", "outputs", "inouts"};
  for (size_t i = 0; i < 3; ++i) {
    in_a[i] = with_role(a, kRoles[i]), in_b[i] = with_role(b, kRoles[i]);
    for (const auto& [name, tensor] : matched(in_a[i], in_b[i], by_order, kWhat[i])) {
      names[name] = tensor->name;
      tensors[name] = *tensor;
    }
  }
  // Names inside B make way for those of A.
  std::set<std::string> taken;
  for (const auto& [name, now] : names) taken.insert(now), taken.insert(name);
  ir::for_each_name(b.body, [&](const std::string& name) { taken.insert(name); });
  const auto unique = [&](const std::string& name) {
    for (int i = 2;; ++i)
      if (const std::string now = fmt::format("{}_{}", name, i); taken.insert(now).second) return now;
  };
  std::set<std::string> of_a;
  for (const auto& [name, now] : names) of_a.insert(now);
  ir::for_each_name(b.body, [&](const std::string& name) {
    if (!names.contains(name)) names[name] = of_a.contains(name) ? unique(name) : name;
  });
  std::vector<ir::Statement> views;
  ir::Program result = b;
  for (ir::Tensor& tensor : result.tensors) {
    const ir::Tensor& as = tensors.at(tensor.name);
    ir::Program alone;  // its shape in A's dimensions
    alone.tensors = {tensor};
    ir::Tensor own =
        ir::renamed(alone, [&](const std::string& name) { return names.contains(name) ? names.at(name) : name; }).tensors[0];
    if (own.dtype != as.dtype || !ir::same(elements_of(own), elements_of(as)))
      refuse(b.where(tensor.origin), fmt::format("{} is {} in A and {} in B", as.name, type_of(as), type_of(own)),
             "tensors of one type and one number of elements");
    if (same_shape(own, as)) continue;
    const std::string inside = unique(as.name);
    ir::Statement view{ir::View{inside, as.name, own.shape}, {}, tensor.origin};
    views.push_back(view);
    names[tensor.name] = inside;
  }
  result = ir::renamed(std::move(result), [&](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  });
  // A's declarations in A's order, with B's places.
  std::map<std::string, int> origins;
  for (const ir::Tensor& tensor : b.tensors) origins[tensors.at(tensor.name).name] = tensor.origin;
  result.tensors = a.tensors;
  for (ir::Tensor& tensor : result.tensors) tensor.origin = origins.at(tensor.name);
  std::vector<ir::Dim> dims;
  for (const ir::Dim& dim : a.dims)
    dims.push_back(*std::find_if(result.dims.begin(), result.dims.end(), [&](const ir::Dim& d) { return d.name == dim.name; }));
  result.dims = std::move(dims);
  result.body.insert(result.body.begin(), views.begin(), views.end());
  require(ir::verify(result).empty(), "a kernel under other names verifies");
  return result;
}

}  // namespace imbrex::equal
