#include "calls.h"

#include <cstring>

#include "errors.h"

namespace imbrex::python {

std::vector<imbrex_dim_value> values_of(const Dims& dims) {
  std::vector<imbrex_dim_value> values;
  for (const auto& [name, value] : dims) values.push_back({name.c_str(), value});
  return values;
}

void Arguments::add(nb::handle array, imbrex_dtype dtype, const char* tensor) {
  held.emplace_back(array);
  arrays.push_back(held.back().as(dtype, tensor));
}

Arguments arguments_of(const imbrex_kernel& table, PyObject* const* arrays, size_t count) {
  if (count != static_cast<size_t>(table.tensor_count))
    refuse("tensor-missing",
           std::string("kernel '") + table.name + "' is called with " + std::to_string(table.tensor_count) + " arrays, and " +
               std::to_string(count) + " are given",
           "one for each of its tensors");
  Arguments arguments;
  // What the C interface is given points into the arrays that are held: they stay where they are.
  arguments.held.reserve(count);
  for (size_t i = 0; i < count; ++i) arguments.add(arrays[i], table.tensors[i].dtype, table.tensors[i].name);
  return arguments;
}

// ---- runners

// Takes the buffers of arrays that are like those of the last call, into arrays_. False where one is not; then none is held.
bool Runner::take_alike(PyObject* const* arrays, size_t count) {
  if (!bound_ || kinds_.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    Py_buffer& buffer = buffers_.emplace_back();
    if (PyObject_GetBuffer(arrays[i], &buffer, PyBUF_RECORDS_RO) != 0) {
      PyErr_Clear();
      buffers_.pop_back();
      release();
      return false;
    }
    const Kind& kind = kinds_[i];
    const bool is_alike = static_cast<size_t>(buffer.ndim) == kind.shape.size() && buffer.itemsize == kind.bytes &&
                          (buffer.readonly != 0) == kind.is_read_only && kind.format == (buffer.format ? buffer.format : "B") &&
                          std::equal(kind.shape.begin(), kind.shape.end(), buffer.shape) &&
                          std::equal(kind.steps.begin(), kind.steps.end(), buffer.strides);
    if (!is_alike) {
      release();
      return false;
    }
    arrays_[i].data = buffer.buf;
  }
  return true;
}

void Runner::release() {
  for (Py_buffer& buffer : buffers_) PyBuffer_Release(&buffer);
  buffers_.clear();
}

void Runner::remember(const Arguments& arguments, PyObject* const* arrays) {
  kinds_.clear();
  arrays_ = arguments.arrays;
  for (size_t i = 0; i < arguments.held.size(); ++i) {
    const HeldArray& held = arguments.held[i];
    if (!held.has_buffer()) {
      kinds_.clear();
      return;
    }
    Kind& kind = kinds_.emplace_back();
    kind.format = held.format();
    kind.bytes = held.element_bytes();
    kind.shape = held.shape();
    kind.strides = held.strides();
    for (const int64_t stride : kind.strides) kind.steps.push_back(stride * kind.bytes);
    kind.is_read_only = held.is_read_only();
  }
  // Pointers into kinds_, which has its final size now.
  for (size_t i = 0; i < kinds_.size(); ++i) {
    arrays_[i].shape = kinds_[i].shape.data();
    arrays_[i].strides = kinds_[i].strides.data();
  }
  buffers_.reserve(kinds_.size());
}

void Runner::run(PyObject* const* arrays, size_t count, const Dims& dims, int threads) {
  const imbrex_kernel& table = *imbrex_compiled_table(kernel_.get());
  Arguments arguments;
  const bool is_alike = dims.empty() && take_alike(arrays, count);
  if (!is_alike) arguments = arguments_of(table, arrays, count);
  const std::vector<imbrex_dim_value> values = values_of(dims);
  const imbrex_array* given = is_alike ? arrays_.data() : arguments.arrays.data();
  imbrex_error* error = nullptr;
  imbrex_outcome outcome = IMBREX_DONE;
  {
    const nb::gil_scoped_release unlocked;
    if (bound_) {
      outcome = imbrex_rebind(bound_.get(), given, count, values.data(), values.size(), &error);
    } else {
      imbrex_bound* bound = nullptr;
      outcome = imbrex_bind(kernel_.get(), given, count, values.data(), values.size(), &bound, &error);
      bound_.reset(bound);
    }
    if (outcome == IMBREX_DONE) outcome = imbrex_run(bound_.get(), threads, &error);
  }
  release();
  if (outcome != IMBREX_DONE) {
    bound_.reset();
    raise(outcome, error);
  }
  if (!is_alike) remember(arguments, arrays);
}

void Compiled::run(PyObject* const* arrays, size_t count, const Dims& dims, int threads) {
  std::unique_ptr<Runner> runner;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      runner = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!runner) runner = std::make_unique<Runner>(kernel_);
  runner->run(arrays, count, dims, threads);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(runner));
}

}  // namespace imbrex::python
