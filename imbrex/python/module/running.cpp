// The interpreter, and compiled kernels with their calls.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>
#include <pthread.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrays.h"
#include "calls.h"
#include "errors.h"
#include "module.h"

namespace imbrex::python {
namespace {

struct Tap {
  std::string name, dtype;
  std::vector<char> data;
  int64_t rows, columns;
  std::vector<int64_t> indices;
};

void collect_tap(void* user, const char* name, imbrex_dtype dtype, const void* data, int64_t rows, int64_t columns,
                 const int64_t* indices, int32_t index_count) {
  const std::string type = imbrex_dtype_name(dtype);
  const size_t bytes = type == "int64" ? 8 : type == "f32" || type == "int32" ? 4 : type == "bf16" || type == "f16" ? 2 : 1;
  const char* begin = static_cast<const char*>(data);
  static_cast<std::vector<Tap>*>(user)->push_back({name,
                                                   type,
                                                   {begin, begin + bytes * static_cast<size_t>(rows * columns)},
                                                   rows,
                                                   columns,
                                                   {indices, indices + index_count}});
}

nb::list interpret(const Program& self, const nb::dict& arrays, const Dims& dims, bool taps) {
  Arguments arguments(imbrex_program_tensor_count(self.program.get()));
  for (size_t i = 0; i < imbrex_program_tensor_count(self.program.get()); ++i) {
    const imbrex_tensor_description tensor = imbrex_program_tensor(self.program.get(), i);
    if (!arrays.contains(tensor.name))
      refuse("tensor-missing", std::string("'") + tensor.name + "' is not given", "give an array for it");
    const std::string_view kind = tensor.kind;
    arguments.add(arrays[tensor.name], tensor.dtype, tensor.name, kind == "output" || kind == "inout");
  }
  const std::vector<imbrex_dim_value> values = values_of(dims);
  std::vector<Tap> tapped;
  call_unlocked(imbrex_interpret, self.program.get(), arguments.data(), arguments.size(), values.data(), values.size(),
                taps ? collect_tap : nullptr, static_cast<void*>(&tapped));
  nb::list result;
  for (const Tap& tap : tapped)
    result.append(
        nb::make_tuple(tap.name, nb::bytes(tap.data.data(), tap.data.size()), tap.dtype, tap.rows, tap.columns, tap.indices));
  return result;
}

// Counts the forks that this process was born by: a mutex of before may have been held by a thread that is not here.
int forks = 0;

// A call with its arrays. Several threads may run one: they take turns.
class Bound {
 public:
  Bound(const Compiled& compiled, const nb::sequence& arrays, const Dims& dims, int threads)
      : kernel_(compiled.kernel()), threads_(threads) {
    const nb::object fast(nb::steal(PySequence_Fast(arrays.ptr(), "arrays are a sequence")));
    arguments_ = arguments_of(compiled.table(), PySequence_Fast_ITEMS(fast.ptr()),
                              static_cast<size_t>(PySequence_Fast_GET_SIZE(fast.ptr())));
    arguments_.watch(compiled.table(), PySequence_Fast_ITEMS(fast.ptr()));
    const std::vector<imbrex_dim_value> values = values_of(dims);
    imbrex_bound* bound = nullptr;
    call_unlocked(imbrex_bind, kernel_.get(), arguments_.data(), arguments_.size(), values.data(), values.size(), &bound);
    bound_.reset(bound);
  }

  void run() { repeat(1); }
  // For measurements: without Python between the runs.
  void repeat(int64_t times) {
    if (forks_ != forks) {  // this thread has the interpreter's lock, and no other was forked with it
      new (&mutex_) std::mutex();
      forks_ = forks;
    }
    arguments_.require_unmoved();
    imbrex_error* error = nullptr;
    imbrex_outcome outcome = IMBREX_DONE;
    {
      const Unlocked unlocked;
      const std::lock_guard turn(mutex_);
      for (int64_t i = 0; i < times && outcome == IMBREX_DONE; ++i) outcome = imbrex_run(bound_.get(), threads_, &error);
    }
    if (outcome != IMBREX_DONE) raise(outcome, error);
    arguments_.were_written();
  }

 private:
  std::shared_ptr<imbrex_compiled> kernel_;
  Arguments arguments_;
  std::unique_ptr<imbrex_bound, FreeBound> bound_;
  std::mutex mutex_;
  int forks_ = forks;
  int threads_;
};

std::shared_ptr<Compiled> compile(const Program& self, const std::optional<std::string>& target, bool optimize, bool prove,
                                  bool taps) {
  const imbrex_compile_options options{target ? target->c_str() : nullptr, !optimize, !prove, taps};
  imbrex_compiled* compiled = nullptr;
  call_unlocked(imbrex_compile, self.program.get(), &options, &compiled);
  return std::make_shared<Compiled>(compiled);
}

std::unique_ptr<Bound> bind(const Compiled& self, const nb::sequence& arrays, const std::optional<Dims>& dims, int threads) {
  return std::make_unique<Bound>(self, arrays, dims.value_or(Dims()), threads);
}

std::shared_ptr<Compiled> load(const std::string& path) {
  imbrex_compiled* compiled = nullptr;
  call_unlocked(imbrex_load, path.c_str(), &compiled);
  return std::make_shared<Compiled>(compiled);
}

std::vector<std::string> dims_of(const Compiled& self) {
  const imbrex_kernel& table = self.table();
  return {table.dim_names, table.dim_names + table.dim_count};
}

std::vector<TensorInfo> tensors_of(const Compiled& self) {
  const char* roles[] = {"input", "output", "inout"};
  std::vector<TensorInfo> tensors;
  for (int32_t i = 0; i < self.table().tensor_count; ++i) {
    const imbrex_tensor_info& info = self.table().tensors[i];
    TensorInfo& tensor = tensors.emplace_back(TensorInfo{info.name, imbrex_dtype_name(info.dtype), roles[info.role], {}});
    for (int32_t axis = 0; axis < info.rank; ++axis) tensor.shape.emplace_back(info.shape[axis].text);
  }
  return tensors;
}

void run(Compiled& self, const nb::object& arrays, const std::optional<Dims>& dims, int threads) {
  const nb::object fast(nb::steal(PySequence_Fast(arrays.ptr(), "arrays are a sequence")));
  if (!fast) throw nb::python_error();
  self.run(PySequence_Fast_ITEMS(fast.ptr()), static_cast<size_t>(PySequence_Fast_GET_SIZE(fast.ptr())), dims.value_or(Dims()),
           threads);
}

nb::tuple describe(const nb::object& array, const std::string& tensor) {
  const HeldArray held(array, tensor.c_str());
  const Layout& layout = held.layout();
  nb::list shape;
  for (size_t axis = 0; axis < layout.rank; ++axis) shape.append(layout.shape[axis]);
  return nb::make_tuple(layout.type, nb::tuple(shape), !layout.is_read_only);
}

}  // namespace

void add_running(nb::module_& m, nb::class_<Program>& program) {
  using namespace nb::literals;
  pthread_atfork(nullptr, nullptr, [] { ++forks; });
  program.def("interpret", interpret, "arrays"_a, "dims"_a, "taps"_a = false)
      .def("compile", compile, "target"_a = nb::none(), "optimize"_a = true, "prove"_a = true, "taps"_a = false);
  nb::class_<Bound>(m, "Bound").def("__call__", &Bound::run).def("repeat", &Bound::repeat, "times"_a);
  nb::class_<Compiled>(m, "Compiled")
      .def_prop_ro("name", [](const Compiled& self) { return std::string(self.table().name); })
      .def_prop_ro("dims", dims_of)
      .def_prop_ro("tensors", tensors_of)
      .def_prop_ro("target", [](const Compiled& self) { return std::string(self.table().isa); })
      .def_prop_ro("from_cache", [](const Compiled& self) { return imbrex_compiled_is_from_cache(self.kernel().get()) != 0; })
      .def("run", run, "arrays"_a, "dims"_a = nb::none(), "threads"_a = 0)
      .def("bind", bind, "arrays"_a, "dims"_a = nb::none(), "threads"_a = 0);
  m.def("load", load, "path"_a);
  m.def("describe", describe, "array"_a, "tensor"_a = "");
}

}  // namespace imbrex::python
