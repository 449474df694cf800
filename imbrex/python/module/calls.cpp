#include "calls.h"

#include "errors.h"

namespace imbrex::python {

std::vector<imbrex_dim_value> values_of(const Dims& dims) {
  std::vector<imbrex_dim_value> values;
  for (const auto& [name, value] : dims) values.push_back({name.c_str(), value});
  return values;
}

void Arguments::add(nb::handle array, imbrex_dtype dtype, const char* tensor, bool is_written) {
  const HeldArray& held = held_.emplace_back(array, tensor);
  gradients_.require_none(held, tensor);
  if (is_written) written_.push_back(held_.size() - 1);
  arrays_.push_back(held.as(dtype, tensor, held.layout()));
}

void Arguments::were_written() const {
  for (const size_t i : written_) held_[i].was_written();
}

void Arguments::watch(const imbrex_kernel& table, PyObject* const* arrays) {
  for (size_t i = 0; i < held_.size(); ++i)
    if (table.tensors[i].packed_bytes == 0) held_[i].watch(arrays[i]);
}

void Arguments::require_unmoved() const {
  for (const HeldArray& held : held_)
    if (held.has_moved())
      refuse("array-moved", std::string("'") + held.tensor() + "' has other memory or another shape than when the call was bound",
             "bind again, with the array as it is now: kernel.bind(...)");
}

namespace {

void require_count(const imbrex_kernel& table, size_t count) {
  if (count != static_cast<size_t>(table.tensor_count))
    refuse("tensor-missing",
           std::string("kernel '") + table.name + "' is called with " + std::to_string(table.tensor_count) + " arrays, and " +
               std::to_string(count) + " are given",
           "one for each of its tensors");
}

}  // namespace

Arguments arguments_of(const imbrex_kernel& table, PyObject* const* arrays, size_t count) {
  require_count(table, count);
  Arguments arguments(count);
  for (size_t i = 0; i < count; ++i)
    arguments.add(arrays[i], table.tensors[i].dtype, table.tensors[i].name, table.tensors[i].role != IMBREX_INPUT);
  return arguments;
}

// ---- runners

// Holds the arrays of a call, and describes them in arrays_. Those that are like the last call's were looked at then.
void Runner::take(PyObject* const* arrays, size_t count, CalledBy caller) {
  const imbrex_kernel& table = *imbrex_compiled_table(kernel_.get());
  require_count(table, count);
  const bool is_first = arrays_.size() != count;
  if (is_first) {
    held_.reserve(count);
    layouts_.resize(count);
    arrays_.resize(count);
  }
  GradientCheck gradients;
  for (size_t i = 0; i < count; ++i) {
    const HeldArray& held = held_.emplace_back(arrays[i], table.tensors[i].name, caller);
    gradients.require_none(held, table.tensors[i].name);
    if (is_first || !(held.layout() == layouts_[i])) {
      layouts_[i] = held.layout();
      arrays_[i] = held.as(table.tensors[i].dtype, table.tensors[i].name, layouts_[i]);
    }
    arrays_[i].data = held.data();
  }
}

void Runner::run(PyObject* const* arrays, size_t count, const Dims& dims, int threads, CalledBy caller) {
  take(arrays, count, caller);
  const std::vector<imbrex_dim_value> values = values_of(dims);
  imbrex_error* error = nullptr;
  imbrex_outcome outcome = IMBREX_DONE;
  {
    const Unlocked unlocked;
    if (bound_) {
      outcome = imbrex_rebind(bound_.get(), arrays_.data(), count, values.data(), values.size(), &error);
    } else {
      imbrex_bound* bound = nullptr;
      outcome = imbrex_bind(kernel_.get(), arrays_.data(), count, values.data(), values.size(), &bound, &error);
      bound_.reset(bound);
    }
    if (outcome == IMBREX_DONE) outcome = imbrex_run(bound_.get(), threads, &error);
  }
  for (size_t i = 0; i < count; ++i)
    if (imbrex_compiled_table(kernel_.get())->tensors[i].role != IMBREX_INPUT) held_[i].was_written();
  held_.clear();
  if (outcome != IMBREX_DONE) raise(outcome, error);
}

void Compiled::run(PyObject* const* arrays, size_t count, const Dims& dims, int threads, CalledBy caller) {
  std::unique_ptr<Runner> runner;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      runner = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!runner) runner = std::make_unique<Runner>(kernel_);
  runner->run(arrays, count, dims, threads, caller);  // one that throws is not used again
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(runner));
}

}  // namespace imbrex::python
