#include "arrays.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "errors.h"

namespace imbrex::python {
namespace {

// How messages call an array: "'x'", for the tensor that it is given for; "an array" where that is not known.
std::string called(const char* tensor) { return *tensor ? "'" + std::string(tensor) + "'" : "an array"; }
// A call of a method of its own, to try.
std::string method_of(const char* tensor, const char* method) { return std::string(*tensor ? tensor : "array") + method; }

[[noreturn]] void refuse_steps(const char* tensor) {
  refuse("array-layout", "the elements of " + called(tensor) + " lie at distances that are no multiples of their size",
         method_of(tensor, ".copy()"));
}
[[noreturn]] void refuse_device(const char* tensor) {
  refuse("array-device", called(tensor) + " is not in the memory of the processor", method_of(tensor, ".cpu()"));
}

void require_axes(size_t rank, const char* tensor) {
  if (rank > Layout::kMostAxes)
    refuse("tensor-shape", called(tensor) + " has " + std::to_string(rank) + " axes", "give an array of at most 16 axes");
}

const char* interned(const std::string& name) {
  static std::mutex mutex;
  static std::set<std::string> names;
  const std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

// Names of types that are asked for in every call.
const char* const kBool = interned("bool");
const char* const kF16 = interned("f16");
const char* const kF32 = interned("f32");
const char* const kBf16 = interned("bf16");
const char* const kInt[] = {interned("int8"), interned("int16"), interned("int32"), interned("int64")};
const char* const kUint[] = {interned("uint8"), interned("uint16"), interned("uint32"), interned("uint64")};

const char* integer(const char* const* names, size_t bytes) {
  switch (bytes) {
    case 1: return names[0];
    case 2: return names[1];
    case 4: return names[2];
    default: return names[3];
  }
}

// A format of the struct module, of one element: "f", "<h".
const char* type_of_format(std::string_view format, size_t bytes, const char* tensor) {
  if (!format.empty() && (format[0] == '@' || format[0] == '=' || format[0] == '<')) format.remove_prefix(1);
  if (!format.empty() && (format[0] == '>' || format[0] == '!'))
    refuse("array-layout", "the elements of " + called(tensor) + " have their bytes in the other order",
           method_of(tensor, ".astype(") + method_of(tensor, ".dtype.newbyteorder('='))"));
  if (format.size() != 1) return interned(std::string(format));
  switch (format[0]) {
    case '?': return kBool;
    case 'e': return kF16;
    case 'f': return kF32;
    case 'd': return interned("float64");
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': return integer(kInt, bytes);
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': return integer(kUint, bytes);
    default: return interned(std::string(format));
  }
}

// Types by the names that ml_dtypes and torch have for them.
const char* type_of_name(std::string name) {
  static const std::map<std::string, const char*> known = {
      {"bfloat16", "bf16"},       {"float32", "f32"}, {"float16", "f16"}, {"float8_e4m3fn", "e4m3"},
      {"float8_e8m0fnu", "e8m0"}, {"float", "f32"},   {"half", "f16"},
  };
  if (name.rfind("torch.", 0) == 0) name.erase(0, 6);
  const auto found = known.find(name);
  return interned(found == known.end() ? name : found->second);
}

// The same of a type object of NumPy's or torch's, which lives as long as the process: looked up once.
const char* type_of_object(const nb::object& type, const char* attribute) {
  static std::map<PyObject*, const char*> known;
  if (const auto found = known.find(type.ptr()); found != known.end()) return found->second;
  const nb::object name = attribute ? nb::object(type.attr(attribute)) : nb::object(nb::str(type));
  const char* found = type_of_name(nb::cast<std::string>(nb::str(name)));
  type.inc_ref();
  return known.emplace(type.ptr(), found).first->second;
}

const char* type_of_dlpack(const nb::dlpack::dtype& dtype) {
  using Code = nb::dlpack::dtype_code;
  const size_t bytes = dtype.bits / 8;
  switch (static_cast<Code>(dtype.code)) {
    case Code::Int: return integer(kInt, bytes);
    case Code::UInt: return integer(kUint, bytes);
    case Code::Float: return bytes == 4 ? kF32 : bytes == 2 ? kF16 : interned("float" + std::to_string(dtype.bits));
    case Code::Bfloat: return kBf16;
    case Code::Bool: return kBool;
    default: break;
  }
  switch (dtype.code) {
    case 10: return interned("e4m3");
    case 14: return interned("e8m0");
    default: return interned("type " + std::to_string(dtype.code) + " of " + std::to_string(dtype.bits) + " bits");
  }
}

// NumPy's struct behind __array_struct__, as its documentation has it.
struct ArrayInterface {
  int two, nd;
  char typekind;
  int itemsize, flags;
  Py_intptr_t *shape, *strides;
  void* data;
};
constexpr int kWriteable = 0x400;

// The begin of NumPy's array objects, which its binary interface keeps.
struct NumpyArray {
  PyObject head;
  char* data;
  int nd;
  Py_intptr_t* dimensions;
};

bool is_of_numpy(nb::handle array) {
  static PyObject* type = nullptr;
  if (!type) {
    PyObject* modules = PyImport_GetModuleDict();
    PyObject* module = modules ? PyDict_GetItemString(modules, "numpy") : nullptr;
    type = module ? PyObject_GetAttrString(module, "ndarray") : nullptr;  // never let go
    if (!type) PyErr_Clear();
  }
  return type && PyObject_TypeCheck(array.ptr(), reinterpret_cast<PyTypeObject*>(type));
}

nb::object attribute_of(nb::handle object, const char* name) {
  PyObject* found = PyObject_GetAttrString(object.ptr(), name);
  if (!found) PyErr_Clear();
  return nb::steal(found);
}

nb::object call_method(nb::handle object, PyObject* name) {
  PyObject* result = PyObject_CallMethodNoArgs(object.ptr(), name);
  if (!result) throw nb::python_error();
  return nb::steal(result);
}
nb::object call_method(nb::handle object, const char* name) { return call_method(object, nb::str(name).ptr()); }

bool is_true(const nb::object& object) { return object.ptr() == Py_True; }

size_t take_integers(const nb::object& tuple, std::array<int64_t, Layout::kMostAxes>& integers, const char* tensor) {
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(tuple.ptr()));
  require_axes(count, tensor);
  for (size_t i = 0; i < count; ++i) integers[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i)));
  return count;
}

// What is asked of torch in every call, once it is imported: nobody has a tensor of its before. Looked up once, and never let go.
struct Torch {
  PyObject *tensor = nullptr, *is_grad_enabled = nullptr, *increment_version = nullptr;
  PyObject *requires_grad = nullptr, *is_neg = nullptr;  // names, as objects
};

const Torch* torch() {
  static Torch found;
  if (found.tensor) return &found;
  PyObject* modules = PyImport_GetModuleDict();
  PyObject* module = modules ? PyDict_GetItemString(modules, "torch") : nullptr;
  if (!module) return nullptr;
  Torch made;
  made.is_grad_enabled = attribute_of(module, "is_grad_enabled").release().ptr();
  if (const nb::object autograd = attribute_of(module, "autograd"); autograd.is_valid())
    if (const nb::object graph = attribute_of(autograd, "graph"); graph.is_valid())
      made.increment_version = attribute_of(graph, "increment_version").release().ptr();
  made.tensor = attribute_of(module, "Tensor").release().ptr();
  if (!made.tensor || !made.is_grad_enabled) return nullptr;  // torch is being imported
  made.requires_grad = PyUnicode_InternFromString("requires_grad");
  made.is_neg = PyUnicode_InternFromString("is_neg");
  found = made;
  return &found;
}

// DLPack's interface between libraries in C, version 1 (dlpack.h): of its functions the one that is used here. What it fills in
// belongs to the tensor.
struct ExchangeApi {
  struct {
    uint32_t major, minor;
    void* previous;
  } header;
  void* others[3];
  int (*tensor_of)(void* object, nb::dlpack::dltensor* tensor);
};

const ExchangeApi* exchange_api_of(PyObject* type) {
  const nb::object capsule = attribute_of(type, "__dlpack_c_exchange_api__");
  if (!capsule.is_valid()) return nullptr;
  const auto* api = static_cast<const ExchangeApi*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!api) PyErr_Clear();
  return api && api->header.major == 1 && api->tensor_of ? api : nullptr;
}

// A tensor of torch by that interface; false where torch does not have it, or not for this one.
bool by_exchange(nb::handle array, nb::dlpack::dltensor& tensor) {
  static const ExchangeApi* api = nullptr;
  static bool was_looked_for = false;
  if (!was_looked_for) {
    api = exchange_api_of(torch()->tensor);
    was_looked_for = true;
  }
  if (api && api->tensor_of(array.ptr(), &tensor) == 0) return true;
  PyErr_Clear();
  return false;
}

const void* memory_of(const nb::dlpack::dltensor& tensor) { return static_cast<const char*>(tensor.data) + tensor.byte_offset; }

}  // namespace

bool Layout::operator==(const Layout& other) const {
  return type == other.type && rank == other.rank && is_read_only == other.is_read_only &&
         std::equal(shape.begin(), shape.begin() + rank, other.shape.begin()) &&
         std::equal(strides.begin(), strides.begin() + rank, other.strides.begin());
}

HeldArray::HeldArray(nb::handle array, const char* tensor, CalledBy caller) : tensor_(tensor) {
  const bool is_class = PyType_Check(array.ptr());  // which has an array's methods, but none to call without one
  if (!is_class && (take_torch(array, caller) || take_buffer(array) || take_interface(array) || take_dlpack(array))) {
    settle_strides_of_nothing();
    return;
  }
  const std::string type = Py_TYPE(array.ptr())->tp_name;
  refuse("not-an-array",
         *tensor ? "'" + std::string(tensor) + "' is of the type " + type + ", which is no array"
                 : "the type " + type + " is no array",
         "give a NumPy array, a torch tensor, or what has the buffer protocol or DLPack");
}

// Libraries give an array without elements any strides.
void HeldArray::settle_strides_of_nothing() {
  if (std::find(layout_.shape.begin(), layout_.shape.begin() + layout_.rank, 0) == layout_.shape.begin() + layout_.rank) return;
  int64_t dense = 1;
  for (size_t axis = layout_.rank; axis-- > 0; dense *= std::max<int64_t>(layout_.shape[axis], 1)) layout_.strides[axis] = dense;
}

HeldArray::~HeldArray() {
  if (has_buffer_) PyBuffer_Release(&buffer_);
}

HeldArray::HeldArray(HeldArray&& other) noexcept
    : tensor_(other.tensor_),
      layout_(other.layout_),
      data_(other.data_),
      has_buffer_(other.has_buffer_),
      is_torch_(other.is_torch_),
      buffer_(other.buffer_),
      owner_(std::move(other.owner_)),
      watched_(std::move(other.watched_)) {
  other.has_buffer_ = false;
}

void HeldArray::take_tensor(const nb::dlpack::dltensor& tensor) {
  if (tensor.device.device_type != nb::device::cpu::value) refuse_device(tensor_);
  layout_.type = type_of_dlpack(tensor.dtype);
  layout_.rank = static_cast<size_t>(tensor.ndim);
  require_axes(layout_.rank, tensor_);
  int64_t dense = 1;
  for (size_t axis = layout_.rank; axis-- > 0;) {
    layout_.shape[axis] = tensor.shape[axis];
    layout_.strides[axis] = tensor.strides ? tensor.strides[axis] : dense;
    dense *= tensor.shape[axis];
  }
  data_ = const_cast<void*>(memory_of(tensor));
}

// torch's tensors: by DLPack in C, or by their attributes. Capsules of DLPack take ten times as long.
bool HeldArray::take_torch(nb::handle array, CalledBy caller) {
  PyObject* const tensor = torch() ? torch()->tensor : nullptr;
  if (!tensor ||
      (Py_TYPE(array.ptr()) != reinterpret_cast<PyTypeObject*>(tensor) && PyObject_IsInstance(array.ptr(), tensor) != 1))
    return false;
  is_torch_ = true;
  if (caller != CalledBy::torch && is_true(call_method(array, torch()->is_neg)))
    refuse("array-layout", called(tensor_) + " is a view that negates another", method_of(tensor_, ".resolve_neg()"));
  if (nb::dlpack::dltensor taken{}; by_exchange(array, taken)) {
    take_tensor(taken);
    owner_ = nb::borrow(array);
    return true;
  }
  if (attribute_of(array, "is_cpu").ptr() != Py_True) refuse_device(tensor_);
  const nb::object layout = attribute_of(array, "layout");
  if (!layout.is(nb::module_::import_("torch").attr("strided")))
    refuse("array-layout", called(tensor_) + " is sparse", method_of(tensor_, ".to_dense()"));
  layout_.type = type_of_object(attribute_of(array, "dtype"), nullptr);
  layout_.rank = take_integers(attribute_of(array, "shape"), layout_.shape, tensor_);
  take_integers(call_method(array, "stride"), layout_.strides, tensor_);
  data_ = PyLong_AsVoidPtr(call_method(array, "data_ptr").ptr());
  owner_ = nb::borrow(array);
  return true;
}

bool HeldArray::take_buffer(nb::handle array) {
  if (!PyObject_CheckBuffer(array.ptr())) return false;
  if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_RECORDS_RO) != 0) {
    PyErr_Clear();  // NumPy has no format for types of ml_dtypes
    return false;
  }
  has_buffer_ = true;
  const auto bytes = static_cast<size_t>(buffer_.itemsize);
  layout_.type = type_of_format(buffer_.format ? buffer_.format : "B", bytes, tensor_);
  layout_.rank = static_cast<size_t>(buffer_.ndim);
  require_axes(layout_.rank, tensor_);
  if (bytes == 0) refuse_steps(tensor_);
  // Arrays of ctypes are dense and say no strides, although they are asked for.
  int64_t dense = 1;
  for (size_t axis = layout_.rank; axis-- > 0; dense *= layout_.shape[axis]) {
    layout_.shape[axis] = buffer_.shape ? buffer_.shape[axis] : buffer_.len / buffer_.itemsize;
    layout_.strides[axis] = dense;
    if (!buffer_.strides) continue;
    if (buffer_.strides[axis] % buffer_.itemsize != 0) refuse_steps(tensor_);
    layout_.strides[axis] = buffer_.strides[axis] / buffer_.itemsize;
  }
  data_ = buffer_.buf;
  layout_.is_read_only = buffer_.readonly != 0;
  return true;
}

bool HeldArray::take_interface(nb::handle array) {
  owner_ = attribute_of(array, "__array_struct__");
  const nb::object dtype = owner_.is_valid() ? attribute_of(array, "dtype") : nb::object();
  if (!dtype.is_valid()) return false;
  const auto* interface = static_cast<const ArrayInterface*>(PyCapsule_GetPointer(owner_.ptr(), nullptr));
  if (!interface || interface->two != 2) {
    PyErr_Clear();
    return false;
  }
  layout_.type = type_of_object(dtype, "name");
  layout_.rank = static_cast<size_t>(interface->nd);
  require_axes(layout_.rank, tensor_);
  for (size_t axis = 0; axis < layout_.rank; ++axis) {
    layout_.shape[axis] = interface->shape[axis];
    if (interface->itemsize == 0 || interface->strides[axis] % interface->itemsize != 0) refuse_steps(tensor_);
    layout_.strides[axis] = interface->strides[axis] / interface->itemsize;
  }
  data_ = interface->data;
  layout_.is_read_only = (interface->flags & kWriteable) == 0;
  return true;
}

bool HeldArray::take_dlpack(nb::handle array) {
  if (!nb::hasattr(array, "__dlpack__")) return false;
  if (nb::hasattr(array, "__dlpack_device__")) {
    const nb::object device = array.attr("__dlpack_device__")();
    int kind = 0;
    if (!nb::isinstance<nb::tuple>(device) || nb::len(device) == 0 || !nb::try_cast(device[nb::int_(0)], kind)) return false;
    if (kind != nb::device::cpu::value) refuse_device(tensor_);
  }
  nb::ndarray<> taken;
  if (!nb::try_cast(array, taken)) return false;
  layout_.type = type_of_dlpack(taken.dtype());
  layout_.rank = taken.ndim();
  require_axes(layout_.rank, tensor_);
  for (size_t axis = 0; axis < layout_.rank; ++axis) {
    layout_.shape[axis] = static_cast<int64_t>(taken.shape(axis));
    layout_.strides[axis] = taken.stride(axis);
  }
  data_ = taken.data();
  owner_ = nb::cast(taken);
  return true;
}

void GradientCheck::require_none(const HeldArray& array, const char* tensor) {
  if (array.is_torch_) require_none(array.owner_, tensor);
}

void GradientCheck::require_none(nb::handle torch_tensor, const char* tensor) {
  if (!are_computed_) are_computed_ = torch() && is_true(nb::steal(PyObject_CallNoArgs(torch()->is_grad_enabled)));
  if (!*are_computed_ || !is_true(nb::steal(PyObject_GetAttr(torch_tensor.ptr(), torch()->requires_grad)))) return;
  refuse("tensor-gradient", std::string("'") + tensor + "' requires a gradient, and a kernel has no derivative",
         std::string("with torch.no_grad(): ..., or ") + tensor + ".detach()");
}

void HeldArray::watch(nb::handle array) {
  if (is_torch_)
    watched_ = call_method(array, "detach");
  else if (is_of_numpy(array))
    watched_ = nb::borrow(array);
}

bool HeldArray::has_moved() const {
  if (!watched_.is_valid()) return false;
  if (is_torch_) {
    static PyObject* const data_ptr = PyUnicode_InternFromString("data_ptr");
    nb::dlpack::dltensor now{};
    return (by_exchange(watched_, now) ? memory_of(now) : PyLong_AsVoidPtr(call_method(watched_, data_ptr).ptr())) != data_;
  }
  const auto& now = *reinterpret_cast<const NumpyArray*>(watched_.ptr());
  return now.data != data_ || static_cast<size_t>(now.nd) != layout_.rank ||
         !std::equal(layout_.shape.begin(), layout_.shape.begin() + layout_.rank, now.dimensions);
}

void HeldArray::was_written() const {
  if (!is_torch_ || !torch()->increment_version) return;
  if (!nb::steal(PyObject_CallOneArg(torch()->increment_version, owner_.ptr())).is_valid()) throw nb::python_error();
}

imbrex_array HeldArray::as(imbrex_dtype dtype, const char* tensor, const Layout& layout) const {
  const std::string_view wanted = imbrex_dtype_name(dtype), type = layout.type;
  const bool stands_for =
      (type == "uint16" && dtype == IMBREX_BF16) || (type == "uint8" && (dtype == IMBREX_E4M3 || dtype == IMBREX_E8M0));
  if (type != wanted && !stands_for)
    refuse("tensor-dtype",
           std::string("'") + tensor + "' is " + std::string(wanted) + ", and the array given for it is " + layout.type,
           dtype == IMBREX_BF16 ? "an array of bf16 (ml_dtypes.bfloat16, torch.bfloat16, or its bits as uint16)"
                                : "an array of " + std::string(wanted));
  return {data_, dtype, layout.is_read_only, layout.rank, layout.shape.data(), layout.strides.data()};
}

}  // namespace imbrex::python
