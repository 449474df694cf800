// Compiled kernels and their calls.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "arrays.h"
#include "imbrex/imbrex.h"

namespace imbrex::python {

using Dims = std::map<std::string, int64_t>;
std::vector<imbrex_dim_value> values_of(const Dims& dims);

// The arrays of a call, held, and as the C interface takes them.
class Arguments {
 public:
  // Arrays of so many tensors are to come.
  explicit Arguments(size_t count = 0) { held_.reserve(count); }
  void add(nb::handle array, imbrex_dtype dtype, const char* tensor, bool is_written);
  void were_written() const;  // those that are: after a run
  // For runs that come later: notes where the memory of these arrays is, in the order in which they were added. Weights that the
  // kernel packs are not read again.
  void watch(const imbrex_kernel& table, PyObject* const* arrays);
  void require_unmoved() const;  // imbrex.Error "array-moved"
  const imbrex_array* data() const { return arrays_.data(); }
  size_t size() const { return arrays_.size(); }

 private:
  std::vector<HeldArray> held_;  // never more than reserved: the others point into it
  std::vector<imbrex_array> arrays_;
  std::vector<size_t> written_;
  GradientCheck gradients_;
};
// Of all tensors of a kernel, in its order: imbrex.Error "tensor-missing", "tensor-dtype".
Arguments arguments_of(const imbrex_kernel& table, PyObject* const* arrays, size_t count);

struct FreeBound {
  void operator()(imbrex_bound* bound) const { imbrex_bound_free(bound); }
};

// A call of a compiled kernel with memory of its own, for one thread at a time: run again on arrays of the same kind it checks
// addresses alone.
class Runner {
 public:
  explicit Runner(std::shared_ptr<imbrex_compiled> kernel) : kernel_(std::move(kernel)) {}
  void run(PyObject* const* arrays, size_t count, const Dims& dims, int threads, CalledBy caller);

 private:
  void take(PyObject* const* arrays, size_t count, CalledBy caller);

  std::shared_ptr<imbrex_compiled> kernel_;
  std::unique_ptr<imbrex_bound, FreeBound> bound_;
  std::vector<HeldArray> held_;       // while a call runs
  std::vector<Layout> layouts_;       // of the last call
  std::vector<imbrex_array> arrays_;  // over layouts_
};

// Shared by all Python objects of one compiled kernel.
class Compiled {
 public:
  explicit Compiled(imbrex_compiled* kernel) : kernel_(kernel, imbrex_compiled_free) {}

  const imbrex_kernel& table() const { return *imbrex_compiled_table(kernel_.get()); }
  const std::shared_ptr<imbrex_compiled>& kernel() const { return kernel_; }
  // On any thread, several at once: each takes a runner that is idle, or a new one.
  void run(PyObject* const* arrays, size_t count, const Dims& dims = {}, int threads = 0, CalledBy caller = CalledBy::anyone);

 private:
  std::shared_ptr<imbrex_compiled> kernel_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Runner>> idle_;
};

}  // namespace imbrex::python
