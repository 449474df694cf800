// The builder and its nodes. A node keeps its builder, which owns what it points to.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "errors.h"
#include "module.h"

namespace imbrex::python {
namespace {

using Owner = std::shared_ptr<imbrex_builder>;

// A constant needs no builder until it is used.
struct Index {
  int64_t constant = 0;
  const imbrex_index_node* node = nullptr;
  Owner owner = {};
};
struct Condition {
  const imbrex_condition_node* node;
  Owner owner;
};
struct Value {
  const imbrex_value_node* node;
  Owner owner;
};
struct Variable {
  const imbrex_tile_node* node;
  Owner owner;
  Value made_of;  // for its type and shape
};
struct Tensor {
  const imbrex_tensor_node* node;
  Owner owner;
  std::string name, dtype;
  std::vector<Index> shape;
};

Index index_of(const imbrex_index_node* node, const Owner& owner) {
  Index index{0, node, owner};
  if (imbrex_index_constant(node, &index.constant)) return {index.constant};
  return index;
}

struct Shape {
  std::string dtype;
  Index rows, columns;
};
Shape shape_of(const Value& value) {
  imbrex_tile_shape shape;
  call(imbrex_value_shape, value.owner.get(), value.node, &shape);
  return {imbrex_dtype_name(shape.dtype), index_of(shape.rows, value.owner), index_of(shape.columns, value.owner)};
}

imbrex_dtype dtype_of(const std::string& name) {
  imbrex_dtype dtype;
  if (!imbrex_dtype_named(name.c_str(), &dtype))
    refuse("unknown-type", "there is no element type '" + name + "'", "f32, bf16, int32, ...");
  return dtype;
}

// ("as_written",), ("tile", 16)
struct Pins {
  explicit Pins(const nb::sequence& annotations) {
    for (nb::handle each : annotations) {
      const nb::tuple annotation = nb::cast<nb::tuple>(each);
      if (annotation.size() == 0) throw nb::type_error("a pin is a name, with a number or without");
      names.push_back(nb::cast<std::string>(annotation[0]));
      const bool has_number = annotation.size() > 1;
      pins.push_back({nullptr, has_number, has_number ? nb::cast<int64_t>(annotation[1]) : 0});
    }
    for (size_t i = 0; i < pins.size(); ++i) pins[i].name = names[i].c_str();
  }
  std::vector<std::string> names;
  std::vector<imbrex_pin> pins;
};

class Builder {
 public:
  Builder(const std::string& name, const std::string& file, int line) {
    imbrex_builder* made = nullptr;
    call(imbrex_builder_create, name.c_str(), IMBREX_PYTHON, &made);
    builder_ = Owner(made, imbrex_builder_free);
    at_line(file, line);
  }

  void at_line(const std::string& file, int line) { imbrex_builder_at(raw(), file.c_str(), line); }
  void enter_call() { imbrex_builder_enter_call(raw()); }
  void written_as(const std::string& name, const std::string& written) {
    imbrex_builder_written_as(raw(), name.c_str(), written.c_str());
  }
  void leave_call() { imbrex_builder_leave_call(raw()); }

  Index dim(const std::string& name, int64_t typical, std::optional<int64_t> max) {
    const imbrex_index_node* node;
    call(imbrex_build_dim, raw(), name.c_str(), typical, max.value_or(0), &node);
    return index_of(node, builder_);
  }
  Tensor tensor(const std::string& role, const std::string& name, const std::string& dtype, const std::vector<Index>& shape) {
    const std::vector<const imbrex_index_node*> extents = nodes_of(shape);
    const imbrex_tensor_node* node;
    call(imbrex_build_tensor, raw(), role.c_str(), name.c_str(), dtype_of(dtype), extents.data(), extents.size(), &node);
    return {node, builder_, name, dtype, shape};
  }
  Tensor view(const std::string& name, const Tensor& base, const std::vector<Index>& shape) {
    const std::vector<const imbrex_index_node*> extents = nodes_of(shape);
    const imbrex_tensor_node* node;
    call(imbrex_build_view, raw(), name.c_str(), base.node, extents.data(), extents.size(), &node);
    return {node, builder_, name, base.dtype, shape};
  }
  void pin(const nb::sequence& annotations) {
    const Pins pins(annotations);
    call(imbrex_build_pins, raw(), pins.pins.data(), pins.pins.size());
  }

  Index index(const std::string& op, const Index& a, const Index& b) {
    const imbrex_index_node* node;
    call(imbrex_build_index, raw(), op.c_str(), node_of(a), node_of(b), &node);
    return index_of(node, builder_);
  }
  Condition compare(const std::string& op, const Index& a, const Index& b) {
    const imbrex_condition_node* node;
    call(imbrex_build_condition, raw(), op.c_str(), node_of(a), node_of(b), &node);
    return {node, builder_};
  }
  Condition both(const Condition& a, const Condition& b) {
    const imbrex_condition_node* node;
    call(imbrex_build_both, raw(), a.node, b.node, &node);
    return {node, builder_};
  }

  Value number(const nb::object& value) {
    const bool is_whole = PyLong_Check(value.ptr()) != 0;
    return made(imbrex_build_number, nb::cast<double>(value), is_whole ? 1 : 0);
  }
  Value index_value(const Index& index) { return made(imbrex_build_index_value, node_of(index)); }
  Value use(const Variable& variable) { return made(imbrex_build_use, variable.node); }
  Value load(const Tensor& tensor, const nb::sequence& axes) {
    const std::vector<imbrex_axis> taken = axes_of(axes);
    return made(imbrex_build_load, tensor.node, taken.data(), taken.size());
  }
  Value full(const std::string& dtype, const Index& rows, const Index& columns, double value) {
    return made(imbrex_build_full, dtype_of(dtype), node_of(rows), node_of(columns), value);
  }
  Value iota(const Index& columns, const Index& begin) { return made(imbrex_build_iota, node_of(columns), node_of(begin)); }
  Value unary(const std::string& op, const Value& x) { return made(imbrex_build_unary, op.c_str(), x.node); }
  Value binary(const std::string& op, const Value& a, const Value& b) {
    return made(imbrex_build_binary, op.c_str(), a.node, b.node);
  }
  Value select(const Value& condition, const Value& a, const Value& b) {
    return made(imbrex_build_select, condition.node, a.node, b.node);
  }
  Value cast(const Value& x, const std::string& dtype, const std::optional<std::string>& mode) {
    return made(imbrex_build_cast, x.node, dtype_of(dtype), mode ? mode->c_str() : nullptr);
  }
  Value matmul(const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
    return made(imbrex_build_matmul, nullptr, a.node, b.node, int(transpose_a), int(transpose_b));
  }
  Value matmul_acc(const Value& acc, const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
    return made(imbrex_build_matmul, acc.node, a.node, b.node, int(transpose_a), int(transpose_b));
  }
  Value matmul_scaled(const Value& a_scales, const Value& b_scales, const Value& a, const Value& b, int64_t k, int64_t columns,
                      bool transpose_b) {
    return made(imbrex_build_matmul_blocks, a_scales.node, b_scales.node, a.node, b.node, k, columns, int(transpose_b));
  }
  Value matmul_expanded(const Value& b_scales, const Value& a, const Value& b, int64_t k, int64_t columns, bool transpose_b) {
    return made(imbrex_build_matmul_blocks, nullptr, b_scales.node, a.node, b.node, k, columns, int(transpose_b));
  }
  Value reshape(const Value& x, const Index& rows, const Index& columns) {
    return made(imbrex_build_reshape, x.node, node_of(rows), node_of(columns));
  }
  Value concat(const std::string& op, const Value& a, const Value& b) {
    const imbrex_value_node* parts[] = {a.node, b.node};
    return made(imbrex_build_concat, op.c_str(), static_cast<const imbrex_value_node* const*>(parts), size_t{2});
  }
  Value columns(const Value& x, int64_t begin, int64_t size) { return made(imbrex_build_columns, x.node, begin, size); }
  Value repeat_rows(const Value& x, int64_t times) { return made(imbrex_build_repeat_rows, x.node, times); }

  Variable let(const std::string& name, const Value& value) {
    const imbrex_tile_node* node;
    call(imbrex_build_let, raw(), name.c_str(), value.node, &node);
    return {node, builder_, value};
  }
  void rebind(const Variable& variable, const Value& value) { call(imbrex_build_rebind, raw(), variable.node, value.node); }
  void add_to(const Variable& variable, const Value& value) { call(imbrex_build_add_to, raw(), variable.node, value.node); }
  void store(const Tensor& tensor, const nb::sequence& axes, const Value& value) {
    const std::vector<imbrex_axis> taken = axes_of(axes);
    call(imbrex_build_store, raw(), tensor.node, taken.data(), taken.size(), value.node);
  }

  std::tuple<Index, Index, Index> open_tiles(const std::string& kind, int64_t stages, const Index& begin, const Index& size,
                                             int64_t tile, const std::string& name, const nb::sequence& annotations) {
    const Pins pins(annotations);
    const imbrex_loop loop{kind.c_str(), stages, name.c_str(), pins.pins.data(), pins.pins.size()};
    imbrex_span_nodes span;
    call(imbrex_build_open_tiles, raw(), &loop, node_of(begin), node_of(size), tile, &span);
    return {index_of(span.begin, builder_), index_of(span.size, builder_), index_of(span.index, builder_)};
  }
  Index open_range(const std::string& kind, int64_t stages, const Index& begin, const Index& end, const std::string& name,
                   const nb::sequence& annotations) {
    const Pins pins(annotations);
    const imbrex_loop loop{kind.c_str(), stages, name.c_str(), pins.pins.data(), pins.pins.size()};
    const imbrex_index_node* index;
    call(imbrex_build_open_range, raw(), &loop, node_of(begin), node_of(end), &index);
    return index_of(index, builder_);
  }
  void open_scope(const std::string& name, const nb::sequence& annotations) {
    const Pins pins(annotations);
    call(imbrex_build_open_scope, raw(), name.c_str(), pins.pins.data(), pins.pins.size());
  }
  void open_if(const Condition& condition) { call(imbrex_build_open_if, raw(), condition.node); }
  void open_else() { call(imbrex_build_open_else, raw()); }
  void close() { call(imbrex_build_close, raw()); }

  Index read(const std::string& name, const Tensor& tensor, const std::vector<Index>& position) {
    const std::vector<const imbrex_index_node*> indices = nodes_of(position);
    const imbrex_index_node* index;
    call(imbrex_build_read, raw(), name.c_str(), tensor.node, indices.data(), indices.size(), &index);
    return index_of(index, builder_);
  }
  void assume(const Condition& condition) { call(imbrex_build_assume, raw(), condition.node); }
  void assume_each(const Index& least, const Variable& tile, const Index& end) {
    call(imbrex_build_assume_each, raw(), node_of(least), tile.node, node_of(end));
  }
  void assume_distinct(const Variable& tile, std::optional<int64_t> but) {
    call(imbrex_build_assume_distinct, raw(), tile.node, but ? &*but : nullptr);
  }
  void assume_sorted(const Variable& tile) { call(imbrex_build_assume_sorted, raw(), tile.node); }
  void tap(const std::string& name, const Value& value) { call(imbrex_build_tap, raw(), name.c_str(), value.node); }

  Program finish() {
    imbrex_program* program = nullptr;
    call(imbrex_builder_finish, raw(), &program);
    return program_of(program);
  }

 private:
  imbrex_builder* raw() const { return builder_.get(); }
  const imbrex_index_node* node_of(const Index& index) const {
    if (index.node) return index.node;
    const imbrex_index_node* node;
    call(imbrex_build_constant, raw(), index.constant, &node);
    return node;
  }
  std::vector<const imbrex_index_node*> nodes_of(const std::vector<Index>& indices) const {
    std::vector<const imbrex_index_node*> nodes;
    for (const Index& index : indices) nodes.push_back(node_of(index));
    return nodes;
  }
  std::vector<imbrex_axis> axes_of(const nb::sequence& axes) const {
    std::vector<imbrex_axis> result;
    for (nb::handle each : axes) {
      const nb::tuple axis = nb::cast<nb::tuple>(each);
      const auto require = [&](size_t items) {
        if (axis.size() != items)
          throw nb::type_error("an axis is (\"span\", begin, size), (\"whole\",), (\"point\", index) or (\"by\", tile)");
      };
      if (axis.size() == 0) require(1);
      const std::string kind = nb::cast<std::string>(axis[0]);
      require(kind == "span" ? 3 : kind == "whole" ? 1 : 2);
      if (kind == "span")
        result.push_back({IMBREX_AXIS_SPAN, node_of(nb::cast<Index&>(axis[1])), node_of(nb::cast<Index&>(axis[2])), nullptr});
      else if (kind == "point")
        result.push_back({IMBREX_AXIS_POINT, node_of(nb::cast<Index&>(axis[1])), nullptr, nullptr});
      else if (kind == "by")
        result.push_back({IMBREX_AXIS_BY, nullptr, nullptr, nb::cast<Variable&>(axis[1]).node});
      else if (kind == "whole")
        result.push_back({IMBREX_AXIS_WHOLE, nullptr, nullptr, nullptr});
      else
        require(0);
    }
    return result;
  }
  template <class Function, class... Arguments>
  Value made(Function function, Arguments... arguments) const {
    const imbrex_value_node* node;
    call(function, raw(), arguments..., &node);
    return {node, builder_};
  }

  Owner builder_;
};

}  // namespace

void add_builder(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Index>(m, "Index")
      .def(
          "__init__", [](Index* self, int64_t value) { new (self) Index{value}; }, "value"_a)
      .def_prop_ro("constant", [](const Index& i) { return i.node ? std::optional<int64_t>() : std::optional(i.constant); })
      .def(
          "same",
          [](const Index& a, const Index& b) {
            if (!a.node || !b.node) return !a.node && !b.node && a.constant == b.constant;
            return imbrex_index_same(a.node, b.node) != 0;
          },
          "other"_a)
      .def("__str__", [](const Index& i) { return i.node ? taken(imbrex_index_text(i.node)) : std::to_string(i.constant); });
  nb::class_<Condition>(m, "Condition");
  nb::class_<Value>(m, "Value")
      .def_prop_ro("dtype", [](const Value& v) { return shape_of(v).dtype; })
      .def_prop_ro("rows", [](const Value& v) { return shape_of(v).rows; })
      .def_prop_ro("columns", [](const Value& v) { return shape_of(v).columns; });
  nb::class_<Variable>(m, "Variable")
      .def_prop_ro("dtype", [](const Variable& v) { return shape_of(v.made_of).dtype; })
      .def_prop_ro("rows", [](const Variable& v) { return shape_of(v.made_of).rows; })
      .def_prop_ro("columns", [](const Variable& v) { return shape_of(v.made_of).columns; });
  nb::class_<Tensor>(m, "Tensor").def_ro("name", &Tensor::name).def_ro("dtype", &Tensor::dtype).def_ro("shape", &Tensor::shape);
  const nb::tuple none;
  nb::class_<Builder>(m, "Builder")
      .def(nb::init<const std::string&, const std::string&, int>(), "name"_a, "file"_a, "line"_a)
      .def("at_line", &Builder::at_line, "file"_a, "line"_a)
      .def("enter_call", &Builder::enter_call)
      .def("written_as", &Builder::written_as, "name"_a, "written"_a)
      .def("leave_call", &Builder::leave_call)
      .def("dim", &Builder::dim, "name"_a, "typical"_a = 0, "max"_a = nb::none())
      .def("tensor", &Builder::tensor, "role"_a, "name"_a, "dtype"_a, "shape"_a)
      .def("view", &Builder::view, "name"_a, "base"_a, "shape"_a)
      .def("pin", &Builder::pin, "annotations"_a)
      .def("index", &Builder::index, "op"_a, "a"_a, "b"_a)
      .def("compare", &Builder::compare, "op"_a, "a"_a, "b"_a)
      .def("both", &Builder::both, "a"_a, "b"_a)
      .def("number", &Builder::number, "value"_a)
      .def("index_value", &Builder::index_value, "index"_a)
      .def("use", &Builder::use, "variable"_a)
      .def("load", &Builder::load, "tensor"_a, "axes"_a)
      .def("full", &Builder::full, "dtype"_a, "rows"_a, "columns"_a, "value"_a)
      .def("iota", &Builder::iota, "columns"_a, "begin"_a)
      .def("unary", &Builder::unary, "op"_a, "x"_a)
      .def("binary", &Builder::binary, "op"_a, "a"_a, "b"_a)
      .def("select", &Builder::select, "condition"_a, "a"_a, "b"_a)
      .def("cast", &Builder::cast, "x"_a, "dtype"_a, "mode"_a = nb::none())
      .def("matmul", &Builder::matmul, "a"_a, "b"_a, "transpose_a"_a = false, "transpose_b"_a = false)
      .def("matmul_acc", &Builder::matmul_acc, "acc"_a, "a"_a, "b"_a, "transpose_a"_a = false, "transpose_b"_a = false)
      .def("matmul_scaled", &Builder::matmul_scaled, "a_scales"_a, "b_scales"_a, "a"_a, "b"_a, "k"_a, "columns"_a,
           "transpose_b"_a = false)
      .def("matmul_expanded", &Builder::matmul_expanded, "b_scales"_a, "a"_a, "b"_a, "k"_a, "columns"_a, "transpose_b"_a = false)
      .def("reshape", &Builder::reshape, "x"_a, "rows"_a, "columns"_a)
      .def("concat", &Builder::concat, "op"_a, "a"_a, "b"_a)
      .def("columns", &Builder::columns, "x"_a, "begin"_a, "size"_a)
      .def("repeat_rows", &Builder::repeat_rows, "x"_a, "times"_a)
      .def("let", &Builder::let, "name"_a, "value"_a)
      .def("rebind", &Builder::rebind, "variable"_a, "value"_a)
      .def("add_to", &Builder::add_to, "variable"_a, "value"_a)
      .def("store", &Builder::store, "tensor"_a, "axes"_a, "value"_a)
      .def("open_tiles", &Builder::open_tiles, "kind"_a, "stages"_a, "begin"_a, "size"_a, "tile"_a, "name"_a = "",
           "annotations"_a = none)
      .def("open_range", &Builder::open_range, "kind"_a, "stages"_a, "begin"_a, "end"_a, "name"_a = "", "annotations"_a = none)
      .def("open_scope", &Builder::open_scope, "name"_a, "annotations"_a = none)
      .def("open_if", &Builder::open_if, "condition"_a)
      .def("open_else", &Builder::open_else)
      .def("close", &Builder::close)
      .def("read", &Builder::read, "name"_a, "tensor"_a, "position"_a)
      .def("assume", &Builder::assume, "condition"_a)
      .def("assume_each", &Builder::assume_each, "least"_a, "tile"_a, "end"_a)
      .def("assume_distinct", &Builder::assume_distinct, "tile"_a, "but"_a = nb::none())
      .def("assume_sorted", &Builder::assume_sorted, "tile"_a)
      .def("tap", &Builder::tap, "name"_a, "value"_a)
      .def("finish", &Builder::finish);
}

}  // namespace imbrex::python
