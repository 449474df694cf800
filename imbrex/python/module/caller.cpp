// What kernels are called through, and what torch calls of their operators: a call like one before goes to the compiled kernel at
// once, every other one to Python.
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "calls.h"
#include "errors.h"
#include "module.h"

namespace imbrex::python {
namespace {

// How a call was made: what is given by position and by name, of which types, and what becomes of it.
struct Prepared {
  std::vector<nb::object> input_types;
  struct Keyword {
    nb::object name, type;
    nb::object constant;  // its value, where it is a constant of the build; none of an array
  };
  std::vector<Keyword> keywords;  // in the order in which they were written
  nb::object make_outputs;        // takes all arguments, and returns a tuple of the outputs that are not among them; or None
  // The arrays are the arguments, and behind them the outputs that are made.
  std::vector<int64_t> places;  // of each tensor of the kernel: the number of its array
  std::shared_ptr<Compiled> compiled;
  std::vector<int64_t> results;  // arrays that are outputs
  nb::object result_type;        // of several outputs; None of one
};

// Of two exact ints, floats or bools. No code of Python's runs, so that nothing changes meanwhile.
bool is_same_number(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (PyFloat_CheckExact(a) && PyFloat_CheckExact(b)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;  // 0.0 and -0.0 are equal, and not the same constant
  }
  return PyLong_CheckExact(a) && PyLong_CheckExact(b) && PyObject_RichCompareBool(a, b, Py_EQ) == 1;
}

bool fits(const Prepared& prepared, PyObject* inputs, PyObject* named) {
  if (static_cast<size_t>(PyTuple_GET_SIZE(inputs)) != prepared.input_types.size() ||
      static_cast<size_t>(named ? PyDict_GET_SIZE(named) : 0) != prepared.keywords.size())
    return false;
  for (size_t i = 0; i < prepared.input_types.size(); ++i)
    if (reinterpret_cast<PyObject*>(Py_TYPE(PyTuple_GET_ITEM(inputs, static_cast<Py_ssize_t>(i)))) !=
        prepared.input_types[i].ptr())
      return false;
  Py_ssize_t at = 0;
  PyObject *name, *value;
  for (size_t i = 0; named && PyDict_Next(named, &at, &name, &value); ++i) {
    const Prepared::Keyword& keyword = prepared.keywords[i];
    // Names in a source are one object each; torch makes its own.
    if ((name != keyword.name.ptr() && PyUnicode_Compare(name, keyword.name.ptr()) != 0) ||
        reinterpret_cast<PyObject*>(Py_TYPE(value)) != keyword.type.ptr())
      return false;
    if (!keyword.constant.is_none() && !is_same_number(value, keyword.constant.ptr())) return false;
  }
  return true;
}

nb::object run(const Prepared& prepared, PyObject* inputs, PyObject* named, CalledBy caller) {
  std::vector<PyObject*> given;
  given.reserve(prepared.input_types.size() + prepared.keywords.size());
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); ++i) given.push_back(PyTuple_GET_ITEM(inputs, i));
  Py_ssize_t at = 0;
  for (PyObject *name, *value; named && PyDict_Next(named, &at, &name, &value);) given.push_back(value);
  nb::object made;
  if (!prepared.make_outputs.is_none()) {
    made = nb::steal(PyObject_Vectorcall(prepared.make_outputs.ptr(), given.data(), given.size(), nullptr));
    if (!made.is_valid()) throw nb::python_error();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(made.ptr()); ++i) given.push_back(PyTuple_GET_ITEM(made.ptr(), i));
  }
  std::vector<PyObject*> arrays;
  arrays.reserve(prepared.places.size());
  for (const int64_t place : prepared.places) arrays.push_back(given[static_cast<size_t>(place)]);
  prepared.compiled->run(arrays.data(), arrays.size(), {}, 0, caller);
  if (prepared.results.empty()) return nb::none();
  if (prepared.result_type.is_none()) return nb::borrow(given[static_cast<size_t>(prepared.results.front())]);
  std::vector<PyObject*> outputs;
  for (const int64_t place : prepared.results) outputs.push_back(given[static_cast<size_t>(place)]);
  PyObject* result = PyObject_Vectorcall(prepared.result_type.ptr(), outputs.data(), outputs.size(), nullptr);
  if (!result) throw nb::python_error();
  return nb::steal(result);
}

// Whether arrays were not as the last ones, so that nothing has run, and Python says what is wrong in the caller's words.
bool is_of_the_arrays(const nb::python_error& error) {
  if (error.matches(PyExc_AttributeError) || error.matches(PyExc_IndexError)) return true;
  if (!error.matches(nb::module_::import_("imbrex.errors").attr("Error"))) return false;
  const std::string id = nb::cast<std::string>(error.value().attr("id"));
  return id.rfind("tensor-", 0) == 0 || id.rfind("dim", 0) == 0;
}

class Caller {
 public:
  // Of the newest; more would be looked through in vain.
  static constexpr size_t kMost = 8;

  void prepare(Prepared prepared) {
    std::shared_ptr<const Prepared> oldest;  // ends behind the change: what it holds may run code of Python's
    if (prepared_.size() == kMost) {
      oldest = std::move(prepared_.front());
      prepared_.erase(prepared_.begin());
    }
    prepared_.push_back(std::make_shared<const Prepared>(std::move(prepared)));
  }
  std::shared_ptr<const Prepared> like(PyObject* inputs, PyObject* named) const {
    for (auto each = prepared_.rbegin(); each != prepared_.rend(); ++each)
      if (fits(**each, inputs, named)) return *each;
    return nullptr;
  }

 private:
  std::vector<std::shared_ptr<const Prepared>> prepared_;
};

void require_made(PyObject* object, const char* message) {
  if (nb::inst_ready(object)) return;
  PyErr_SetString(PyExc_TypeError, message);
  throw nb::python_error();
}

nb::object call(PyObject* kernel, PyObject* inputs, PyObject* named, CalledBy caller) {
  require_made(kernel, "a kernel without its __init__");
  // Held here: another thread may prepare a call meanwhile.
  if (const std::shared_ptr<const Prepared> prepared = nb::inst_ptr<Caller>(kernel)->like(inputs, named)) {
    try {
      return run(*prepared, inputs, named, caller);
    } catch (nb::python_error& error) {
      if (!is_of_the_arrays(error)) throw;
    }
  }
  static PyObject* const slowly = PyUnicode_InternFromString("_call");
  const nb::object method = nb::steal(PyObject_GetAttr(kernel, slowly));
  nb::object result = method.is_valid() ? nb::steal(PyObject_Call(method.ptr(), inputs, named)) : nb::object();
  if (!result.is_valid()) throw nb::python_error();
  return result;
}

// What an operator of torch's is: a kernel, which may be exchanged, and whether its outputs are returned.
struct Operator {
  nb::object kernel;
  bool returns_outputs;
};

// Python's exceptions of what a function throws; null then.
template <class Function>
PyObject* guarded(Function function) noexcept {
  try {
    return function().release().ptr();
  } catch (const abi::__forced_unwind&) {
    stay();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

PyObject* call_kernel(PyObject* self, PyObject* inputs, PyObject* named) noexcept {
  return guarded([&] { return call(self, inputs, named, CalledBy::anyone); });
}

PyObject* call_operator(PyObject* self, PyObject* inputs, PyObject* named) noexcept {
  return guarded([&] {
    require_made(self, "an operator without its __init__");
    const Operator& called = *nb::inst_ptr<Operator>(self);
    const nb::object kernel = called.kernel;  // which the call itself may exchange
    nb::object result = call(kernel.ptr(), inputs, named, CalledBy::torch);
    return called.returns_outputs ? result : nb::none();
  });
}

std::vector<nb::object> items(const nb::sequence& sequence) {
  std::vector<nb::object> result;
  for (nb::handle each : sequence) result.push_back(nb::borrow(each));
  return result;
}

}  // namespace

void add_caller(nb::module_& m) {
  using namespace nb::literals;
  static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(call_kernel)}, {0, nullptr}};
  nb::class_<Caller>(m, "Caller", nb::type_slots(slots))
      .def(nb::init<>())
      .def(
          "_prepare",
          [](Caller& self, const nb::sequence& input_types, const nb::sequence& keywords, const std::vector<int64_t>& places,
             const std::shared_ptr<Compiled>& compiled, const std::vector<int64_t>& results, const nb::object& result_type,
             const nb::object& make_outputs) {
            Prepared prepared{items(input_types), {}, make_outputs, places, compiled, results, result_type};
            for (nb::handle each : keywords) {
              const nb::tuple keyword = nb::cast<nb::tuple>(each);
              prepared.keywords.push_back({keyword[0], keyword[1], keyword[2]});
            }
            self.prepare(std::move(prepared));
          },
          "input_types"_a, "keywords"_a, "places"_a, "compiled"_a, "results"_a, "result_type"_a.none(), "make_outputs"_a.none());
  static PyType_Slot operator_slots[] = {{Py_tp_call, reinterpret_cast<void*>(call_operator)}, {0, nullptr}};
  nb::class_<Operator>(m, "Operator", nb::type_slots(operator_slots))
      .def(
          "__init__",
          [](Operator* self, nb::handle_t<Caller> kernel, bool returns_outputs) {
            new (self) Operator{nb::borrow(kernel), returns_outputs};
          },
          "kernel"_a, "returns_outputs"_a)
      .def_prop_rw(
          "kernel", [](const Operator& self) { return self.kernel; },
          [](Operator& self, nb::handle_t<Caller> kernel) { self.kernel = nb::borrow(kernel); })
      .def_ro("returns_outputs", &Operator::returns_outputs);
  m.def(
      "require_no_gradient", [](const nb::object& tensor, const char* name) { GradientCheck().require_none(tensor, name); },
      "tensor"_a, "name"_a);
}

}  // namespace imbrex::python
