// Binding tensors to a compiled kernel, and running it.
#include <fmt/format.h>

#include <cstring>
#include <new>
#include <utility>

#include "imbrex/runtime/call_memory.h"
#include "imbrex/runtime/check_call.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/runtime/tensor_check.h"

namespace imbrex::runtime {
namespace {

[[noreturn]] void fail(const char* id, std::string message, std::string hint) {
  throw UserError(id, std::move(message), std::move(hint));
}

std::string names_of_tensors(const imbrex_kernel& table) {
  std::string text;
  for (int32_t i = 0; i < table.tensor_count; ++i) text += (i == 0 ? "" : ", ") + std::string(table.tensors[i].name);
  return text;
}

[[noreturn]] void fail_workspace(const imbrex_kernel& table, const std::vector<int64_t>& dims, const std::string& size) {
  std::string values;
  for (size_t i = 0; i < dims.size(); ++i) values += fmt::format("{}{} = {}", i == 0 ? "" : ", ", table.dim_names[i], dims[i]);
  fail("out-of-memory", fmt::format("the workspace of kernel `{}` takes {} with {}", table.name, size, values),
       "smaller dimensions");
}

void check_packed_memory(const imbrex_kernel& table, size_t tensor, const void* packed, size_t bytes) {
  const imbrex_tensor_info& info = table.tensors[tensor];
  if (info.packed_bytes == 0)
    fail("packed-size", fmt::format("kernel `{}` takes tensor `{}` as it is, not packed", table.name, info.name), "bind() it");
  if (packed == nullptr)
    fail("tensor-null", fmt::format("the packed form of tensor `{}` is a null pointer", info.name), "its memory");
  if (reinterpret_cast<uintptr_t>(packed) % kAlignment != 0)
    fail("tensor-misaligned",
         fmt::format("the packed form of tensor `{}` is at {}, which is not a multiple of {}", info.name, packed, kAlignment),
         "aligned_alloc(64, ...)");
  if (bytes < info.packed_bytes)
    fail("packed-size",
         fmt::format("the packed form of tensor `{}` takes {} bytes, but {} are given", info.name, info.packed_bytes, bytes),
         fmt::format("packed_bytes(\"{}\")", info.name));
}

}  // namespace

TensorView TensorView::transposed() const {
  if (shape.size() != 2) fail("tensor-shape", fmt::format("{} has no two axes to exchange", to_text(dtype, shape)), "a matrix");
  const std::vector<int64_t> from = strides.empty() ? std::vector<int64_t>{shape[1], 1} : strides;
  if (from.size() != 2)
    fail("tensor-strides", fmt::format("{} has {} strides", to_text(dtype, shape), from.size()), "two strides");
  TensorView view = *this;
  view.shape = {shape[1], shape[0]};
  view.strides = {from[1], from[0]};
  return view;
}

Call::Call(CompiledKernel kernel) : kernel_(std::move(kernel)) {
  bound_.resize(static_cast<size_t>(kernel_.table().tensor_count));
  given_dims_.resize(static_cast<size_t>(kernel_.table().dim_count));
}

size_t Call::index_of(const std::string& tensor) const {
  const imbrex_kernel& table = kernel_.table();
  for (size_t i = 0; i < bound_.size(); ++i)
    if (tensor == table.tensors[i].name) return i;
  fail("unknown-tensor", fmt::format("kernel `{}` has no tensor `{}`", table.name, tensor), "one of " + names_of_tensors(table));
}

Call& Call::bind(const std::string& tensor, const TensorView& view) {
  const size_t index = index_of(tensor);
  const size_t packed = kernel_.table().tensors[index].packed_bytes;
  Bound bound;
  if (packed == 0) {
    bound.view = checked_view(kernel_.table(), index, view, false);
    bound.is_bound = true;
  } else {
    bound.owned.grow_to(packed);
    pack(tensor, view, bound.owned.data(), packed);
    bound.packed = bound.owned.data();
    bound.is_bound = true;
  }
  bound_[index] = std::move(bound);
  checked_ = false;
  return *this;
}

const TensorView* Call::bound_view(size_t tensor) const {
  const Bound& bound = bound_.at(tensor);
  return bound.is_bound && bound.packed == nullptr ? &bound.view : nullptr;
}

bool Call::move_to(const std::vector<void*>& addresses) {
  if (!checked_ || addresses.size() != bound_.size()) return false;
  const imbrex_kernel& table = kernel_.table();
  for (size_t i = 0; i < bound_.size(); ++i)
    if (bound_[i].packed != nullptr || addresses[i] == nullptr ||
        reinterpret_cast<uintptr_t>(addresses[i]) % imbrex_element_bytes(table.tensors[i].dtype) != 0)
      return false;
  const auto exchange = [&](const auto& address_of) {
    for (size_t i = 0; i < bound_.size(); ++i) {
      bound_[i].view.data = address_of(i);
      if (table.tensors[i].role == IMBREX_INPUT)
        tensors_[i].input = bound_[i].view.data;
      else
        tensors_[i].output = bound_[i].view.data;
    }
  };
  moved_from_.clear();
  for (const Bound& bound : bound_) moved_from_.push_back(bound.view.data);
  exchange([&](size_t i) { return addresses[i]; });
  int32_t written = 0, other = 0;
  if (!imbrex_find_overlap(&table, tensors_.data(), dims_.data(), nullptr, 0, &written, &other)) return true;
  exchange([&](size_t i) { return moved_from_[i]; });
  return false;
}

Call& Call::bind_packed(const std::string& tensor, const void* packed, size_t bytes) {
  const size_t index = index_of(tensor);
  check_packed_memory(kernel_.table(), index, packed, bytes);
  Bound bound;
  bound.packed = packed;
  bound.is_bound = true;
  bound_[index] = std::move(bound);
  checked_ = false;
  return *this;
}

Call& Call::set_dim(const std::string& dim, int64_t value) {
  const imbrex_kernel& table = kernel_.table();
  for (size_t i = 0; i < given_dims_.size(); ++i) {
    if (dim != table.dim_names[i]) continue;
    given_dims_[i] = value;
    checked_ = false;
    return *this;
  }
  fail("unknown-dim", fmt::format("kernel `{}` has no dimension `{}`", table.name, dim), "a dimension that it declares");
}

Call& Call::forget_dims() {
  given_dims_.assign(given_dims_.size(), std::nullopt);
  checked_ = false;
  return *this;
}

size_t Call::packed_bytes(const std::string& tensor) const { return kernel_.table().tensors[index_of(tensor)].packed_bytes; }

std::pair<int32_t, TensorView> Call::checked_to_pack(const std::string& tensor, const TensorView& source, const void* packed,
                                                     size_t bytes) const {
  const size_t index = index_of(tensor);
  const imbrex_kernel& table = kernel_.table();
  check_packed_memory(table, index, packed, bytes);
  TensorView view = checked_view(table, index, source, true);
  require(view.shape.size() == 2, "a tensor that is packed is a matrix");
  if (imbrex_check_pack(&table, static_cast<int32_t>(index), view.data, view.strides.data(), packed, 0, 1, nullptr, 0) ==
      IMBREX_OVERLAP)
    fail("tensor-overlap", fmt::format("the packed form of tensor `{}` shares memory with what is packed", tensor),
         "memory of its own for the packed form");
  return {static_cast<int32_t>(index), std::move(view)};
}

void Call::pack(const std::string& tensor, const TensorView& source, void* packed, size_t bytes) const {
  const auto [index, view] = checked_to_pack(tensor, source, packed, bytes);
  kernel_.table().pack(index, view.data, view.strides.data(), packed, 0, 1);
}

void Call::pack(const std::string& tensor, const TensorView& source, void* packed, size_t bytes, Executor& executor,
                int nth) const {
  const auto checked = checked_to_pack(tensor, source, packed, bytes);
  executor.run(nth, [&](int ith, int workers, Barrier&) {
    kernel_.table().pack(checked.first, checked.second.data, checked.second.strides.data(), packed, ith, workers);
  });
}

const std::vector<int64_t>& Call::infer_dims() {
  DimInference inference(kernel_.table());
  for (size_t dim = 0; dim < given_dims_.size(); ++dim)
    if (given_dims_[dim]) inference.add(dim, *given_dims_[dim]);
  for (size_t i = 0; i < bound_.size(); ++i)
    if (bound_[i].is_bound && bound_[i].packed == nullptr) inference.add(i, bound_[i].view.shape);
  dims_ = inference.finish();
  return dims_;
}

void Call::check_all_bound() const {
  const imbrex_kernel& table = kernel_.table();
  for (size_t i = 0; i < bound_.size(); ++i)
    if (!bound_[i].is_bound)
      fail("tensor-missing",
           fmt::format("tensor `{}`, {}, of kernel `{}` is not bound", table.tensors[i].name, wanted_text(table, i), table.name),
           fmt::format("bind(\"{}\", ...)", table.tensors[i].name));
}

// The workspace is memory of its own: this call's, or what run_as() was given.
void Call::check_overlaps() const {
  const imbrex_kernel& table = kernel_.table();
  int32_t written = 0, other = 0;
  if (!imbrex_find_overlap(&table, tensors_.data(), dims_.data(), nullptr, 0, &written, &other)) return;
  fail("tensor-overlap",
       fmt::format("tensor `{}`, which kernel `{}` writes, shares memory with tensor `{}`", table.tensors[written].name,
                   table.name, table.tensors[other].name),
       "memory of its own for each tensor that is written");
}

void Call::check() {
  if (checked_) return;
  check_all_bound();
  infer_dims();
  tensors_.clear();
  for (size_t i = 0; i < bound_.size(); ++i) {
    const Bound& bound = bound_[i];
    const int64_t* strides = bound.view.strides.data();
    if (bound.packed != nullptr)
      tensors_.push_back({bound.packed, nullptr, nullptr});
    else if (kernel_.table().tensors[i].role == IMBREX_INPUT)
      tensors_.push_back({bound.view.data, nullptr, strides});
    else
      tensors_.push_back({nullptr, bound.view.data, strides});
  }
  check_overlaps();
  checked_ = true;
}

size_t Call::workspace_bytes(int nth) {
  require(nth >= 1, "a call runs on at least one thread");
  check();
  const size_t bytes = kernel_.table().workspace_bytes(dims_.data(), nth);
  if (bytes == IMBREX_TOO_LARGE) fail_workspace(kernel_.table(), dims_, "2^62 bytes or more");
  return bytes;
}

void Call::prepare(int nth) {
  const size_t bytes = workspace_bytes(nth);
  try {
    workspace_.grow_to(bytes);
  } catch (const std::bad_alloc&) {
    fail_workspace(kernel_.table(), dims_, fmt::format("{} MiB", bytes >> 20));
  }
  if (poison_) std::memset(workspace_.data(), 0xff, workspace_.size());
  failed_assumption_ = 0;
}

void Call::run_as(int ith, int nth, void (*barrier)(void*), void* barrier_user, void* workspace) {
  require(checked_, "prepare() comes before run_as()");
  require(ith >= 0 && ith < nth && (nth == 1 || barrier != nullptr),
          "a worker has a number below nth, and a barrier where it has company");
  imbrex_call call = {};
  call.dims = dims_.data();
  call.tensors = tensors_.data();
  call.workspace = workspace == nullptr ? workspace_.data() : workspace;
  call.ith = ith;
  call.nth = nth;
  call.barrier = barrier;
  call.barrier_user = barrier_user;
  call.trace = trace_;
  call.trace_user = trace_user_;
  call.tap = tap_;
  call.tap_user = tap_user_;
  call.failed_assumption = &failed_assumption_;
  kernel_.table().run(&call);
}

void Call::check_assumptions() const {
  if (failed_assumption_ == 0) return;
  const auto number = static_cast<size_t>(failed_assumption_);
  const std::vector<Assumption>& all = kernel_.assumptions();
  const Assumption failed =
      number <= all.size() ? all[number - 1] : Assumption{fmt::format("its condition number {}", number), {}};
  Diagnostic found{"assumption-failed",
                   {},
                   fmt::format("kernel `{}` assumes {}, and with this call's data that does not hold; its outputs are not valid",
                               kernel_.table().name, failed.text),
                   "data for which it holds, or a kernel without the assumption",
                   {}};
  if (failed.where.size() == 1) found.where = failed.where[0];
  if (failed.where.size() > 1)
    for (const SourceLine& line : failed.where) found.notes.push_back({line, "assumed here"});
  throw UserError(std::move(found));
}

void Call::run(Executor& executor, int nth) {
  if (nth == 0) nth = executor.threads();
  if (nth < 1 || nth > executor.threads())
    fail("thread-count", fmt::format("a call on {} threads, but the executor has {}", nth, executor.threads()),
         fmt::format("between 1 and {}, or an executor with more", executor.threads()));
  prepare(nth);
  executor.run(nth, [this](int ith, int workers, Barrier& barrier) { run_as(ith, workers, &Barrier::wait_on, &barrier); });
  check_assumptions();
}

Call& Call::trace(imbrex_trace_fn function, void* user) {
  trace_ = function;
  trace_user_ = user;
  return *this;
}

Call& Call::on_tap(imbrex_tap_fn function, void* user) {
  tap_ = function;
  tap_user_ = user;
  return *this;
}

Call& Call::poison_workspace(bool poison) {
  poison_ = poison;
  return *this;
}

void run(const CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors,
         Executor& executor, int nth) {
  const imbrex_kernel& table = kernel.table();
  Call call(kernel);
  for (const auto& [dim, value] : dims) call.set_dim(dim, value);
  for (int32_t i = 0; i < table.tensor_count; ++i)
    if (const auto found = tensors.find(table.tensors[i].name); found != tensors.end() && table.tensors[i].role != IMBREX_OUTPUT)
      call.bind(found->first, TensorView::of(found->second));
  const std::vector<int64_t> values = call.infer_dims();
  for (int32_t i = 0; i < table.tensor_count; ++i) {
    const imbrex_tensor_info& info = table.tensors[i];
    if (info.role != IMBREX_OUTPUT) continue;
    std::vector<int64_t> shape;
    for (int32_t axis = 0; axis < info.rank; ++axis) shape.push_back(table.extent(i, axis, values.data()));
    Array& array = tensors[info.name] = Array::zeros(dtype_of(info.dtype), std::move(shape));
    call.bind(info.name, TensorView::of(array));
  }
  call.run(executor, nth);
}

}  // namespace imbrex::runtime
