#include "imbrex/interpret/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace imbrex::interpret {
namespace {

// Returns the name of a dimension that is 0; "" if there is none.
std::string bind_dims(State& state, const std::map<std::string, int64_t>& dims) {
  std::string zero;
  for (const ir::Dim& dim : state.program.dims) {
    const auto given = dims.find(dim.name);
    if (given == dims.end())
      throw UserError("dim-missing", fmt::format("dimension `{}` of kernel `{}` has no value", dim.name, state.program.name),
                      "give one, at least 1");
    if (given->second < 0 || given->second > dim.most())
      throw UserError("dim-range",
                      fmt::format("dimension `{}` of kernel `{}` is {}", dim.name, state.program.name, given->second),
                      fmt::format("a value from 1 to {}", dim.most()));
    state.indices[dim.name].begin = given->second;
    if (given->second == 0) zero = dim.name;
  }
  return zero;
}

void require_given(const ir::Program& program, const ir::Tensor& tensor, const std::vector<int64_t>& extents,
                   const std::map<std::string, Array>& tensors) {
  const std::string wanted = to_text(tensor.dtype, extents);
  const auto given = tensors.find(tensor.name);
  if (given == tensors.end())
    throw UserError("tensor-missing",
                    fmt::format("{} `{}` of kernel `{}` is not given", name_of(tensor.role), tensor.name, program.name),
                    fmt::format("give an array {}", wanted));
  const Array& array = given->second;
  if (array.dtype != tensor.dtype || array.shape != extents ||
      array.bytes.size() != static_cast<size_t>(array.size() * bytes_of(array.dtype)))
    throw UserError("tensor-shape",
                    fmt::format("{} `{}` of kernel `{}` is {}", name_of(tensor.role), tensor.name, program.name,
                                to_text(array.dtype, array.shape)),
                    fmt::format("give an array {}", wanted));
}

}  // namespace

bool bind_arguments(State& state, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors) {
  const std::string zero = bind_dims(state, dims);
  for (const ir::Tensor& tensor : state.program.tensors) {
    const std::vector<int64_t> extents = state.shape(tensor.shape);
    if (tensor.role == ir::Role::output)
      tensors[tensor.name] = Array::zeros(tensor.dtype, extents);
    else
      require_given(state.program, tensor, extents, tensors);
    if (!zero.empty() && tensor.role != ir::Role::input && std::find(extents.begin(), extents.end(), 0) == extents.end())
      throw UserError("dim-range",
                      fmt::format("dimension `{}` of kernel `{}` is 0, but {} `{}` has elements then", zero, state.program.name,
                                  name_of(tensor.role), tensor.name),
                      "a value of at least 1");
    auto storage = std::make_shared<Storage>();
    storage->declared = &tensor;
    storage->array = &tensors[tensor.name];
    storage->has_values = tensor.role != ir::Role::output;
    storage->watch(state.options.checked);
    state.views[tensor.name] = {std::move(storage), extents};
  }
  return zero.empty();
}

}  // namespace imbrex::interpret
