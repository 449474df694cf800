// The interpreter, compiled kernels and their calls.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "imbrex/c/objects.h"
#include "imbrex/c/targets.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/runtime/aot_library.h"
#include "imbrex/runtime/kernel.h"

struct imbrex_compiled {
  imbrex::runtime::CompiledKernel kernel;
};

struct imbrex_bound {
  imbrex::runtime::Call call;
  bool has_dims = false;              // that it was given, by name
  std::vector<void*> addresses = {};  // for imbrex_rebind
};

namespace imbrex::c {
namespace {

void require_count(const ir::Program& program, size_t count) {
  if (count == program.tensors.size()) return;
  std::string names;
  for (const ir::Tensor& tensor : program.tensors) names += (names.empty() ? "" : ", ") + tensor.name;
  throw UserError(
      "tensor-missing",
      fmt::format("kernel '{}' is called with {} tensors ({}); got {}", program.name, program.tensors.size(), names, count),
      "one array for each of them, in that order");
}

std::vector<int64_t> numbers(const int64_t* values, size_t count) {
  return count == 0 ? std::vector<int64_t>() : std::vector<int64_t>(&needed(values, "shape"), values + count);
}

runtime::TensorView view_of(const imbrex_array& array) {
  runtime::TensorView view;
  view.data = array.data;
  view.dtype = dtype_of(array.dtype);
  view.shape = numbers(array.shape, array.rank);
  if (array.strides) view.strides = numbers(array.strides, array.rank);
  view.writable = array.is_read_only == 0;
  return view;
}

// Calls `copy` with the place of each row of elements in the caller's memory, in order; rows are as long as the last axis.
void each_row(const imbrex_array& array, size_t element_bytes, const std::function<void(std::byte*, int64_t, int64_t)>& copy) {
  std::vector<int64_t> strides(array.rank, 1);
  for (size_t axis = array.rank; axis-- > 1;) strides[axis - 1] = strides[axis] * array.shape[axis];
  if (array.strides) strides.assign(array.strides, array.strides + array.rank);
  std::vector<int64_t> position(array.rank, 0);
  for (const int64_t extent : numbers(array.shape, array.rank))
    if (extent <= 0) return;
  const size_t last = array.rank - 1;
  for (bool more = true; more;) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < last; ++axis) offset += position[axis] * strides[axis];
    copy(static_cast<std::byte*>(array.data) + offset * static_cast<int64_t>(element_bytes), array.shape[last], strides[last]);
    more = false;
    for (size_t axis = last; axis-- > 0 && !more;) {
      if (++position[axis] < array.shape[axis])
        more = true;
      else
        position[axis] = 0;
    }
  }
}

enum class Direction { from_caller, to_caller };
void copy_elements(const imbrex_array& array, Array& dense, Direction direction) {
  const size_t size = static_cast<size_t>(bytes_of(dense.dtype));
  std::byte* element = dense.bytes.data();
  each_row(array, size, [&](std::byte* row, int64_t count, int64_t stride) {
    for (int64_t i = 0; i < count; ++i, element += size) {
      std::byte* theirs = row + i * stride * static_cast<int64_t>(size);
      if (direction == Direction::from_caller)
        std::memcpy(element, theirs, size);
      else
        std::memcpy(theirs, element, size);
    }
  });
}

Array dense_copy(const imbrex_array& array, const ir::Tensor& tensor) {
  if (array.rank == 0 || array.rank != tensor.shape.size())
    throw UserError(
        "tensor-shape",
        fmt::format("tensor '{}' has {} axes, and the array given for it {}", tensor.name, tensor.shape.size(), array.rank),
        "an array with as many axes");
  if (dtype_of(array.dtype) != tensor.dtype)
    throw UserError("tensor-dtype",
                    fmt::format("tensor '{}' is {}, and the array given for it {}", tensor.name, name_of(tensor.dtype),
                                name_of(dtype_of(array.dtype))),
                    fmt::format("an array of {}", name_of(tensor.dtype)));
  Array dense = Array::zeros(tensor.dtype, numbers(array.shape, array.rank));
  if (dense.size() > 0) needed(static_cast<std::byte*>(array.data), "arrays.data");
  copy_elements(array, dense, Direction::from_caller);
  return dense;
}

void bind_all(imbrex_bound& bound, const imbrex_array* arrays, size_t count, const imbrex_dim_value* dims, size_t dim_count) {
  runtime::Call& call = bound.call;
  const imbrex_kernel& table = call.table();
  if (count != static_cast<size_t>(table.tensor_count))
    throw UserError("tensor-missing",
                    fmt::format("kernel '{}' is called with {} tensors; got {}", table.name, table.tensor_count, count),
                    "one array for each of them, in the order of the call");
  call.forget_dims();
  bound.has_dims = dim_count > 0;
  for (size_t i = 0; i < dim_count; ++i)
    call.set_dim(&needed(needed(dims, "dims").name ? dims[i].name : nullptr, "dims.name"), dims[i].value);
  for (size_t i = 0; i < count; ++i) call.bind(table.tensors[i].name, view_of((&needed(arrays, "arrays"))[i]));
  call.check();
}

// Whether an array is what is bound, but for its address.
bool is_alike(const imbrex_array& array, const runtime::TensorView& view) {
  return array.rank == view.shape.size() && array.dtype == dtype_of(view.dtype) && array.strides && array.shape &&
         (array.is_read_only == 0 || !view.writable) && std::equal(view.shape.begin(), view.shape.end(), array.shape) &&
         std::equal(view.strides.begin(), view.strides.end(), array.strides);
}

// The common case of calls of one kind: nothing has to be allocated, and only addresses are checked.
bool move(imbrex_bound& bound, const imbrex_array* arrays, size_t count, size_t dim_count) {
  if (count != static_cast<size_t>(bound.call.table().tensor_count) || !arrays || dim_count > 0 || bound.has_dims) return false;
  bound.addresses.clear();
  for (size_t i = 0; i < count; ++i) {
    const runtime::TensorView* view = bound.call.bound_view(i);
    if (!view || !is_alike(arrays[i], *view)) return false;
    bound.addresses.push_back(arrays[i].data);
  }
  return bound.call.move_to(bound.addresses);
}

}  // namespace
}  // namespace imbrex::c

using namespace imbrex;
using namespace imbrex::c;

imbrex_outcome imbrex_interpret(const imbrex_program* program, const imbrex_array* arrays, size_t array_count,
                                const imbrex_dim_value* dims, size_t dim_count, imbrex_tap_fn tap, void* tap_user,
                                imbrex_error** error) {
  return guarded(error, [&] {
    const ir::Program& subject = needed(program, "program").program;
    require_count(subject, array_count);
    std::map<std::string, Array> tensors;
    for (size_t i = 0; i < array_count; ++i) {
      Array dense = dense_copy((&needed(arrays, "arrays"))[i], subject.tensors[i]);
      if (subject.tensors[i].role != ir::Role::output) tensors[subject.tensors[i].name] = std::move(dense);
      if (subject.tensors[i].role != ir::Role::input && arrays[i].is_read_only)
        throw UserError("tensor-read-only",
                        fmt::format("tensor '{}' is written, and its array is read-only", subject.tensors[i].name),
                        "an array that may be written");
    }
    interpret::Options options;
    if (tap)
      options.tap = [&](const std::string& name, const std::vector<int64_t>& indices, const Array& tile) {
        tap(tap_user, name.c_str(), dtype_of(tile.dtype), tile.bytes.data(), tile.shape[0], tile.shape[1], indices.data(),
            static_cast<int32_t>(indices.size()));
      };
    interpret::run(subject, values_of(dims, dim_count, subject), tensors, options);
    for (size_t i = 0; i < array_count; ++i) {
      const ir::Tensor& tensor = subject.tensors[i];
      if (tensor.role == ir::Role::input) continue;
      Array& made = tensors.at(tensor.name);
      if (made.shape != numbers(arrays[i].shape, arrays[i].rank))
        throw UserError(
            "tensor-shape",
            fmt::format("tensor '{}' is {}, and the array given for it {}", tensor.name, to_text(made.dtype, made.shape),
                        to_text(made.dtype, numbers(arrays[i].shape, arrays[i].rank))),
            "an array of that shape");
      copy_elements(arrays[i], made, Direction::to_caller);
    }
  });
}

imbrex_outcome imbrex_compile(const imbrex_program* program, const imbrex_compile_options* options, imbrex_compiled** compiled,
                              imbrex_error** error) {
  return guarded(error, [&] {
    needed(compiled, "compiled") = nullptr;
    const imbrex_compile_options given = options ? *options : imbrex_compile_options{};
    runtime::CompileOptions how;
    std::optional<target::Machine> machine;
    if (given.target) machine = machine_for(given.target);
    how.target = machine ? machine->target : nullptr;
    how.optimize = !given.as_written;
    how.prove = !given.unproven;
    how.taps = given.taps != 0;
    *compiled = new imbrex_compiled{runtime::compile(needed(program, "program").program, how)};
  });
}

imbrex_outcome imbrex_load(const char* path, imbrex_compiled** compiled, imbrex_error** error) {
  return guarded(error, [&] {
    needed(compiled, "compiled") = nullptr;
    *compiled = new imbrex_compiled{runtime::load_library(&needed(path, "path"))};
  });
}

void imbrex_compiled_free(imbrex_compiled* compiled) { delete compiled; }
const imbrex_kernel* imbrex_compiled_table(const imbrex_compiled* compiled) { return &compiled->kernel.table(); }
int imbrex_compiled_is_from_cache(const imbrex_compiled* compiled) { return compiled->kernel.module().from_cache; }

imbrex_outcome imbrex_bind(const imbrex_compiled* compiled, const imbrex_array* arrays, size_t array_count,
                           const imbrex_dim_value* dims, size_t dim_count, imbrex_bound** bound, imbrex_error** error) {
  return guarded(error, [&] {
    needed(bound, "bound") = nullptr;
    const runtime::CompiledKernel& kernel = needed(compiled, "compiled").kernel;
    auto call = std::make_unique<imbrex_bound>(imbrex_bound{runtime::Call(kernel)});
    bind_all(*call, arrays, array_count, dims, dim_count);
    *bound = call.release();
  });
}

imbrex_outcome imbrex_rebind(imbrex_bound* bound, const imbrex_array* arrays, size_t array_count, const imbrex_dim_value* dims,
                             size_t dim_count, imbrex_error** error) {
  return guarded(error, [&] {
    if (move(needed(bound, "bound"), arrays, array_count, dim_count)) return;
    bind_all(*bound, arrays, array_count, dims, dim_count);
  });
}

imbrex_outcome imbrex_run(imbrex_bound* bound, int threads, imbrex_error** error) {
  return guarded(error, [&] { needed(bound, "bound").call.run(runtime::Executor::shared(), threads); });
}

void imbrex_bound_free(imbrex_bound* bound) { delete bound; }
