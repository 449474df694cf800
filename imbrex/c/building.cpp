// Programs node by node: the builder of builder/ with nodes that it owns.
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imbrex/builder/program_builder.h"
#include "imbrex/c/objects.h"
#include "imbrex/ir/parse.h"

using imbrex::builder::AxisOfSlice;
using imbrex::builder::LoopSpan;
using imbrex::builder::Place;
using imbrex::builder::ProgramBuilder;
using imbrex::builder::TensorHandle;
using imbrex::builder::Value;
using imbrex::builder::VariableHandle;

struct imbrex_index_node {
  imbrex::ir::IndexExpr expr;
  const imbrex_builder* owner;
};
struct imbrex_condition_node {
  imbrex::ir::Condition condition;
  const imbrex_builder* owner;
};
struct imbrex_tensor_node {
  TensorHandle tensor;
};
struct imbrex_value_node {
  Value value;
  const imbrex_builder* owner;
};
struct imbrex_tile_node {
  VariableHandle variable;
};

struct imbrex_builder {
  imbrex_builder(const char* kernel, imbrex::Language language) : builder(kernel) { place.line.language = language; }

  ProgramBuilder builder;
  Place place;
  std::vector<bool> may_else;  // of each open block: whether an else may follow
  bool is_finished = false;
  std::string refused;  // what the first statement that was refused was told

  // A deque keeps what it holds where it is.
  std::deque<imbrex_index_node> indices;
  std::deque<imbrex_condition_node> conditions;
  std::deque<imbrex_tensor_node> tensors;
  std::deque<imbrex_value_node> values;
  std::deque<imbrex_tile_node> tiles;

  // What is too large is refused here: finishing walks nodes from the outside to the inside, on a stack.
  const imbrex_index_node* keep(imbrex::ir::IndexExpr expr) {
    if (imbrex::ir::index_nodes(expr) > imbrex::ir::kMaxIndexNodes)
      refuse_size("an index expression is too long or nested too deep", "simplify it");
    return &indices.emplace_back(imbrex_index_node{std::move(expr), this});
  }
  const imbrex_value_node* keep(Value value) {
    int count = 0;
    if (value.expr && !is_small(*value.expr, 1, count))
      refuse_size(
          "an expression of more than " + std::to_string(imbrex::ir::kMaxExpressionNodes) + " operations, or nested too deep",
          "give its parts names: imbrex_build_let");
    return &values.emplace_back(imbrex_value_node{std::move(value), this});
  }
  const imbrex_condition_node* keep(imbrex::ir::Condition condition) {
    return &conditions.emplace_back(imbrex_condition_node{std::move(condition), this});
  }
  void open(bool may_have_else) {
    if (may_else.size() >= imbrex::ir::kMaxNesting)
      refuse_size("blocks nested more than " + std::to_string(imbrex::ir::kMaxNesting) + " deep", "split the kernel");
    may_else.push_back(may_have_else);
  }

 private:
  static bool is_small(const imbrex::ir::Expr& e, int depth, int& count) {
    if (depth > imbrex::ir::kMaxNesting || ++count > imbrex::ir::kMaxExpressionNodes) return false;
    for (const imbrex::ir::ExprPtr& arg : e.args)
      if (!is_small(*arg, depth + 1, count)) return false;
    return true;
  }
  [[noreturn]] void refuse_size(const std::string& what, const char* hint) const {
    throw imbrex::UserError(imbrex::Diagnostic{"expression-size", place.line, what, hint, {}});
  }
};

namespace imbrex::c {
namespace {

imbrex_builder& unfinished(imbrex_builder* builder) {
  imbrex_builder& b = needed(builder, "builder");
  if (b.is_finished) throw UserError("builder-finished", "the program of this builder is complete", "make another builder");
  return b;
}

// Builds a node: `make` gets the builder, and its result goes to `*result`. Without it nothing can use the node, and the caller may try
// again, under another name for example.
template <class Node, class Make>
imbrex_outcome built(imbrex_builder* builder, const Node** result, imbrex_error** error, const Make& make) {
  return guarded(error, [&] {
    needed(result, "the result") = nullptr;
    *result = make(unfinished(builder));
  });
}

// The same for a statement. Without it the program would be another one, so that none is handed out.
template <class Make>
imbrex_outcome stated(imbrex_builder* builder, imbrex_error** error, const Make& make) {
  return guarded(error, [&] {
    imbrex_builder& b = unfinished(builder);
    try {
      make(b);
    } catch (const UserError& refused) {
      if (b.refused.empty()) b.refused = refused.diagnostics().at(0).message;
      throw;
    }
  });
}

// A node that this builder made.
template <class Node>
const Node& own(const imbrex_builder& b, const Node* node, const char* name) {
  if (needed(node, name).owner == &b) return *node;
  throw UserError(
      Diagnostic{"other-kernel", b.place.line, std::string("'") + name + "' is of another builder", "make it with this one", {}});
}

std::vector<ir::IndexExpr> exprs_of(const imbrex_builder& b, const imbrex_index_node* const* nodes, size_t count) {
  std::vector<ir::IndexExpr> result;
  for (size_t i = 0; i < count; ++i) result.push_back(own(b, (&needed(nodes, "indices"))[i], "an index").expr);
  return result;
}

ir::Annotations annotations_of(const imbrex_pin* pins, size_t count) {
  ir::Annotations result;
  for (size_t i = 0; i < count; ++i) {
    const imbrex_pin& pin = (&needed(pins, "pins"))[i];
    ir::Annotation annotation{&needed(pin.name, "pins.name"), {}};
    if (pin.has_number) annotation.values.emplace_back(pin.number);
    result.push_back(std::move(annotation));
  }
  return result;
}

std::vector<ir::Axis> axes_of(imbrex_builder& b, const imbrex_tensor_node& tensor, const imbrex_axis* axes, size_t count) {
  std::vector<AxisOfSlice> arguments;
  for (size_t i = 0; i < count; ++i) {
    const imbrex_axis& axis = (&needed(axes, "axes"))[i];
    using Kind = AxisOfSlice::Kind;
    switch (axis.kind) {
      case IMBREX_AXIS_SPAN:
        arguments.push_back({Kind::span, own(b, axis.begin, "axes.begin").expr, own(b, axis.size, "axes.size").expr});
        break;
      case IMBREX_AXIS_POINT: arguments.push_back({Kind::point, own(b, axis.begin, "axes.begin").expr}); break;
      case IMBREX_AXIS_BY: arguments.push_back({Kind::by, nullptr, {}, needed(axis.by, "axes.by").variable}); break;
      default: arguments.push_back({Kind::whole, nullptr}); break;
    }
  }
  return b.builder.axes(*tensor.tensor, arguments, b.place);
}

// Others have numbers, types or shapes among their arguments, and functions of their own.
bool is_of_tiles_alone(ir::Op op) {
  const ir::Operation& row = ir::operation(op);
  if (row.in_cpp != ir::InCpp::own) return true;
  switch (row.kind) {
    case ir::OpKind::elementwise:
    case ir::OpKind::row_reduction:
    case ir::OpKind::column_reduction: return row.takes != ir::Takes::own;
    case ir::OpKind::leaf:
    case ir::OpKind::product:
    case ir::OpKind::row_movement:
    case ir::OpKind::movement: break;
  }
  return false;
}

ir::Op operation_named(const char* name, int arity) {
  const auto op = ir::op_named(&needed(name, "operation"));
  if (op && ir::operation(*op).arity == arity && (arity == ir::kAnyNumber || is_of_tiles_alone(*op))) return *op;
  throw UserError("unknown-operation", "there is no operation '" + std::string(name) + "' of " + std::to_string(arity) + " tiles",
                  "one of imbrex_operation_list()");
}

ir::CastMode mode_named(const char* name) {
  if (!name) return ir::CastMode::exact;
  for (const auto mode : {ir::CastMode::rint, ir::CastMode::round, ir::CastMode::floor, ir::CastMode::ceil, ir::CastMode::trunc})
    if (std::string_view(name) == ir::name_of(mode)) return mode;
  throw UserError("cast-mode", "there is no mode '" + std::string(name) + "' of a cast", "rint, round, floor, ceil or trunc");
}

Language language_of(imbrex_language language) {
  switch (language) {
    case IMBREX_CPP: return Language::cpp;
    case IMBREX_PYTHON: return Language::python;
    case IMBREX_TEXT: break;
  }
  return Language::text;
}

ProgramBuilder::LoopHead head_of(const imbrex_loop& loop) {
  const std::string_view kind = &needed(loop.kind, "loop.kind");
  ProgramBuilder::LoopHead head{ir::Loop::Kind::range, loop.stages, text_or_empty(loop.name)};
  if (kind == "parallel")
    head.kind = ir::Loop::Kind::parallel;
  else if (kind == "pipeline")
    head.kind = ir::Loop::Kind::pipeline;
  else if (kind != "range")
    throw UserError("unknown-loop", "there is no loop '" + std::string(kind) + "'", "parallel, range or pipeline");
  return head;
}

}  // namespace
}  // namespace imbrex::c

using namespace imbrex;
using namespace imbrex::c;

imbrex_outcome imbrex_builder_create(const char* kernel, imbrex_language language, imbrex_builder** builder,
                                     imbrex_error** error) {
  return guarded(error, [&] {
    needed(builder, "builder") = nullptr;
    *builder = new imbrex_builder(&needed(kernel, "kernel"), language_of(language));
  });
}

void imbrex_builder_free(imbrex_builder* builder) { delete builder; }

void imbrex_builder_at(imbrex_builder* builder, const char* file, int32_t line) {
  builder->place.line.file = file ? file : "";
  builder->place.line.line = line;
}
void imbrex_builder_written_as(imbrex_builder* builder, const char* name, const char* written) {
  builder->builder.written_as(name, written);
}
void imbrex_builder_enter_call(imbrex_builder* builder) {
  builder->place.line.called_from = std::make_shared<const SourceLine>(builder->place.line);
}
void imbrex_builder_leave_call(imbrex_builder* builder) {
  if (const std::shared_ptr<const SourceLine> caller = builder->place.line.called_from) builder->place.line = *caller;
}

imbrex_outcome imbrex_builder_finish(imbrex_builder* builder, imbrex_program** program, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    needed(program, "program") = nullptr;
    if (!b.may_else.empty())
      throw UserError("open-block", std::to_string(b.may_else.size()) + " loops, scopes or branches are still open",
                      "imbrex_build_close for each of them");
    if (!b.refused.empty())
      throw UserError("builder-refused", "a statement of this builder was refused: " + b.refused,
                      "another builder, without that statement");
    b.is_finished = true;
    *program = new imbrex_program(b.builder.finish());
  });
}

imbrex_outcome imbrex_build_pins(imbrex_builder* builder, const imbrex_pin* pins, size_t count, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    for (ir::Annotation& annotation : annotations_of(pins, count)) b.builder.annotations().push_back(std::move(annotation));
  });
}

// ---- declarations

imbrex_outcome imbrex_build_dim(imbrex_builder* builder, const char* name, int64_t typical, int64_t max,
                                const imbrex_index_node** dim, imbrex_error** error) {
  return built(builder, dim, error, [&](imbrex_builder& b) {
    const std::optional<int64_t> most = max == 0 ? std::nullopt : std::optional(max);
    return b.keep(b.builder.declare_dim(&needed(name, "name"), typical, most, b.place));
  });
}

imbrex_outcome imbrex_build_tensor(imbrex_builder* builder, const char* kind, const char* name, imbrex_dtype dtype,
                                   const imbrex_index_node* const* shape, size_t rank, const imbrex_tensor_node** tensor,
                                   imbrex_error** error) {
  return built(builder, tensor, error, [&](imbrex_builder& b) {
    const std::string role_name = &needed(kind, "kind");
    std::optional<ir::Role> role;
    for (const auto each : {ir::Role::input, ir::Role::output, ir::Role::inout, ir::Role::temporary})
      if (role_name == ir::name_of(each)) role = each;
    const bool is_weight = role_name == "weight";
    if (is_weight) role = ir::Role::input;
    if (!role)
      throw UserError("unknown-role", "there is no tensor of the kind '" + role_name + "'",
                      "input, weight, output, inout or temporary");
    return &b.tensors.emplace_back(imbrex_tensor_node{
        b.builder.declare_tensor(&needed(name, "name"), dtype_of(dtype), exprs_of(b, shape, rank), *role, b.place, is_weight)});
  });
}

imbrex_outcome imbrex_build_view(imbrex_builder* builder, const char* name, const imbrex_tensor_node* base,
                                 const imbrex_index_node* const* shape, size_t rank, const imbrex_tensor_node** tensor,
                                 imbrex_error** error) {
  return built(builder, tensor, error, [&](imbrex_builder& b) {
    return &b.tensors.emplace_back(imbrex_tensor_node{
        b.builder.view(&needed(name, "name"), *needed(base, "base").tensor, exprs_of(b, shape, rank), b.place)});
  });
}

// ---- integers

imbrex_outcome imbrex_build_constant(imbrex_builder* builder, int64_t value, const imbrex_index_node** index,
                                     imbrex_error** error) {
  return built(builder, index, error, [&](imbrex_builder& b) { return b.keep(ir::constant(value)); });
}

imbrex_outcome imbrex_build_index(imbrex_builder* builder, const char* operation, const imbrex_index_node* a,
                                  const imbrex_index_node* b, const imbrex_index_node** index, imbrex_error** error) {
  return built(builder, index, error, [&](imbrex_builder& owner) {
    struct Row {
      const char* name;
      ir::IndexExpr (*make)(const ir::IndexExpr&, const ir::IndexExpr&);
    };
    using E = const ir::IndexExpr&;
    static constexpr Row rows[] = {
        {"+", [](E x, E y) { return ir::add(x, y); }},   {"-", [](E x, E y) { return ir::sub(x, y); }},
        {"*", [](E x, E y) { return ir::mul(x, y); }},   {"/", [](E x, E y) { return ir::floor_div(x, y); }},
        {"%", [](E x, E y) { return ir::mod(x, y); }},   {"min", [](E x, E y) { return ir::min(x, y); }},
        {"max", [](E x, E y) { return ir::max(x, y); }}, {"ceil_div", [](E x, E y) { return ir::ceil_div(x, y); }},
    };
    const std::string_view name = &needed(operation, "operation");
    if (name == "size_between") return owner.keep(owner.builder.size_between(own(owner, a, "a").expr, own(owner, b, "b").expr));
    for (const Row& row : rows)
      if (name == row.name) return owner.keep(row.make(own(owner, a, "a").expr, own(owner, b, "b").expr));
    throw UserError("unknown-operation", "there is no operation '" + std::string(operation) + "' of indices",
                    "+, -, *, /, %, min, max, ceil_div or size_between");
  });
}

imbrex_outcome imbrex_build_condition(imbrex_builder* builder, const char* comparison, const imbrex_index_node* a,
                                      const imbrex_index_node* b, const imbrex_condition_node** condition, imbrex_error** error) {
  return built(builder, condition, error, [&](imbrex_builder& owner) {
    using ir::Compare;
    for (const auto how : {Compare::lt, Compare::le, Compare::eq, Compare::ne, Compare::ge, Compare::gt})
      if (std::string_view(&needed(comparison, "comparison")) == ir::text_of(how))
        return owner.keep(ir::Condition{ir::Comparison{own(owner, a, "a").expr, how, own(owner, b, "b").expr}});
    throw UserError("unknown-operation", "there is no comparison '" + std::string(comparison) + "'", "<, <=, ==, !=, >= or >");
  });
}

imbrex_outcome imbrex_build_both(imbrex_builder* builder, const imbrex_condition_node* a, const imbrex_condition_node* b,
                                 const imbrex_condition_node** condition, imbrex_error** error) {
  return built(builder, condition, error, [&](imbrex_builder& owner) {
    ir::Condition both = own(owner, a, "a").condition;
    for (const ir::Comparison& comparison : own(owner, b, "b").condition) both.push_back(comparison);
    return owner.keep(std::move(both));
  });
}

int imbrex_index_constant(const imbrex_index_node* index, int64_t* value) {
  const auto constant = ir::constant_value(index->expr);
  if (constant && value) *value = *constant;
  return constant.has_value();
}

int imbrex_index_same(const imbrex_index_node* a, const imbrex_index_node* b) { return ir::same(a->expr, b->expr); }

char* imbrex_index_text(const imbrex_index_node* index) { return string_of(to_text(index->expr)); }

// ---- values

imbrex_outcome imbrex_build_number(imbrex_builder* builder, double number, int is_whole, const imbrex_value_node** value,
                                   imbrex_error** error) {
  return built(builder, value, error,
               [&](imbrex_builder& b) { return b.keep(b.builder.number(number, is_whole != 0, b.place)); });
}

imbrex_outcome imbrex_build_index_value(imbrex_builder* builder, const imbrex_index_node* index, const imbrex_value_node** value,
                                        imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_index(own(b, index, "index").expr, b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_full(imbrex_builder* builder, imbrex_dtype dtype, const imbrex_index_node* rows,
                                 const imbrex_index_node* columns, double number, const imbrex_value_node** value,
                                 imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_constant(dtype_of(dtype), own(b, rows, "rows").expr, own(b, columns, "columns").expr, number,
                                          b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_iota(imbrex_builder* builder, const imbrex_index_node* columns, const imbrex_index_node* begin,
                                 const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_iota(own(b, columns, "columns").expr, own(b, begin, "begin").expr, b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_use(imbrex_builder* builder, const imbrex_tile_node* tile, const imbrex_value_node** value,
                                imbrex_error** error) {
  return built(builder, value, error,
               [&](imbrex_builder& b) { return b.keep(b.builder.use(needed(tile, "tile").variable, b.place)); });
}

imbrex_outcome imbrex_build_load(imbrex_builder* builder, const imbrex_tensor_node* tensor, const imbrex_axis* axes,
                                 size_t axis_count, const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    const imbrex_tensor_node& from = needed(tensor, "tensor");
    return b.keep(b.builder.load(*from.tensor, axes_of(b, from, axes, axis_count), b.place));
  });
}

imbrex_outcome imbrex_build_store(imbrex_builder* builder, const imbrex_tensor_node* tensor, const imbrex_axis* axes,
                                  size_t axis_count, const imbrex_value_node* value, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    const imbrex_tensor_node& to = needed(tensor, "tensor");
    b.builder.store(to.tensor, axes_of(b, to, axes, axis_count), own(b, value, "value").value, b.place);
  });
}

imbrex_outcome imbrex_build_unary(imbrex_builder* builder, const char* operation, const imbrex_value_node* x,
                                  const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_unary(operation_named(operation, 1), own(b, x, "x").value.expr, b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_binary(imbrex_builder* builder, const char* operation, const imbrex_value_node* a,
                                   const imbrex_value_node* b, const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& owner) {
    return owner.keep(
        owner.builder.binary(operation_named(operation, 2), own(owner, a, "a").value, own(owner, b, "b").value, owner.place));
  });
}

imbrex_outcome imbrex_build_select(imbrex_builder* builder, const imbrex_value_node* condition, const imbrex_value_node* a,
                                   const imbrex_value_node* b, const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& owner) {
    return owner.keep(owner.builder.select(own(owner, condition, "condition").value, own(owner, a, "a").value,
                                           own(owner, b, "b").value, owner.place));
  });
}

imbrex_outcome imbrex_build_cast(imbrex_builder* builder, const imbrex_value_node* x, imbrex_dtype dtype, const char* mode,
                                 const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_cast(own(b, x, "x").value.expr, dtype_of(dtype), mode_named(mode), b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_matmul(imbrex_builder* builder, const imbrex_value_node* acc, const imbrex_value_node* a,
                                   const imbrex_value_node* b, int transpose_a, int transpose_b, const imbrex_value_node** value,
                                   imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& owner) {
    const ir::ExprPtr &x = own(owner, a, "a").value.expr, &y = own(owner, b, "b").value.expr;
    const ir::Written written = owner.builder.written(owner.place);
    return owner.keep(
        Value{acc ? ir::make_matmul_acc(own(owner, acc, "acc").value.expr, x, y, transpose_a != 0, transpose_b != 0, written)
                  : ir::make_matmul(x, y, transpose_a != 0, transpose_b != 0, written)});
  });
}

imbrex_outcome imbrex_build_matmul_blocks(imbrex_builder* builder, const imbrex_value_node* a_scales,
                                          const imbrex_value_node* b_scales, const imbrex_value_node* a,
                                          const imbrex_value_node* b, int64_t block_k, int64_t block_columns, int transpose_b,
                                          const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& owner) {
    const ir::ExprPtr &t = own(owner, b_scales, "b_scales").value.expr, &x = own(owner, a, "a").value.expr,
                      &y = own(owner, b, "b").value.expr;
    const ir::ScaledBlock block{block_k, block_columns};
    const ir::Written written = owner.builder.written(owner.place);
    return owner.keep(Value{
        a_scales ? ir::make_matmul_scaled(own(owner, a_scales, "a_scales").value.expr, t, x, y, block, transpose_b != 0, written)
                 : ir::make_matmul_expanded(t, x, y, block, transpose_b != 0, written)});
  });
}

imbrex_outcome imbrex_build_reshape(imbrex_builder* builder, const imbrex_value_node* x, const imbrex_index_node* rows,
                                    const imbrex_index_node* columns, const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_reshape(own(b, x, "x").value.expr, own(b, rows, "rows").expr, own(b, columns, "columns").expr,
                                         b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_concat(imbrex_builder* builder, const char* operation, const imbrex_value_node* const* parts,
                                   size_t part_count, const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    std::vector<ir::ExprPtr> operands;
    for (size_t i = 0; i < part_count; ++i) operands.push_back(own(b, (&needed(parts, "parts"))[i], "a part").value.expr);
    return b.keep(
        Value{ir::make_concat(operation_named(operation, ir::kAnyNumber), std::move(operands), b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_columns(imbrex_builder* builder, const imbrex_value_node* x, int64_t begin, int64_t size,
                                    const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(
        Value{ir::make_columns(own(b, x, "x").value.expr, ir::constant(begin), ir::constant(size), b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_build_repeat_rows(imbrex_builder* builder, const imbrex_value_node* x, int64_t times,
                                        const imbrex_value_node** value, imbrex_error** error) {
  return built(builder, value, error, [&](imbrex_builder& b) {
    return b.keep(Value{ir::make_repeat_rows(own(b, x, "x").value.expr, times, b.builder.written(b.place))});
  });
}

imbrex_outcome imbrex_value_shape(imbrex_builder* builder, const imbrex_value_node* value, imbrex_tile_shape* shape,
                                  imbrex_error** error) {
  return guarded(error, [&] {
    imbrex_builder& b = needed(builder, "builder");
    const ir::Expr& expr = *own(b, value, "value").value.expr;
    needed(shape, "shape") = {dtype_of(expr.dtype), b.keep(expr.rows), b.keep(expr.columns)};
  });
}

// ---- tiles

imbrex_outcome imbrex_build_let(imbrex_builder* builder, const char* name, const imbrex_value_node* value,
                                const imbrex_tile_node** tile, imbrex_error** error) {
  return built(builder, tile, error, [&](imbrex_builder& b) {
    return &b.tiles.emplace_back(imbrex_tile_node{b.builder.let(own(b, value, "value").value, text_or_empty(name), b.place)});
  });
}

imbrex_outcome imbrex_build_rebind(imbrex_builder* builder, const imbrex_tile_node* tile, const imbrex_value_node* value,
                                   imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.rebind(needed(tile, "tile").variable, own(b, value, "value").value, b.place);
  });
}

imbrex_outcome imbrex_build_add_to(imbrex_builder* builder, const imbrex_tile_node* tile, const imbrex_value_node* value,
                                   imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.add_to(needed(tile, "tile").variable, own(b, value, "value").value, b.place);
  });
}

// ---- blocks

imbrex_outcome imbrex_build_open_tiles(imbrex_builder* builder, const imbrex_loop* loop, const imbrex_index_node* begin,
                                       const imbrex_index_node* size, int64_t tile, imbrex_span_nodes* span,
                                       imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    const imbrex_loop& head = needed(loop, "loop");
    imbrex_span_nodes& nodes = needed(span, "span");
    const LoopSpan made = b.builder.open_tiles(head_of(head), own(b, begin, "begin").expr, own(b, size, "size").expr, tile,
                                               annotations_of(head.pins, head.pin_count), b.place);
    b.open(false);
    nodes = {b.keep(made.begin), b.keep(made.size), b.keep(made.index)};
  });
}

imbrex_outcome imbrex_build_open_range(imbrex_builder* builder, const imbrex_loop* loop, const imbrex_index_node* begin,
                                       const imbrex_index_node* end, const imbrex_index_node** index, imbrex_error** error) {
  return built(builder, index, error, [&](imbrex_builder& b) {
    const imbrex_loop& head = needed(loop, "loop");
    const ir::IndexExpr made = b.builder.open_loop(head_of(head), own(b, begin, "begin").expr, own(b, end, "end").expr,
                                                   annotations_of(head.pins, head.pin_count), b.place);
    b.open(false);
    return b.keep(made);
  });
}

imbrex_outcome imbrex_build_open_scope(imbrex_builder* builder, const char* name, const imbrex_pin* pins, size_t pin_count,
                                       imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.open_scope(&needed(name, "name"), annotations_of(pins, pin_count), b.place);
    b.open(false);
  });
}

imbrex_outcome imbrex_build_open_if(imbrex_builder* builder, const imbrex_condition_node* condition, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.open_if(own(b, condition, "condition").condition, b.place);
    b.open(true);
  });
}

imbrex_outcome imbrex_build_open_else(imbrex_builder* builder, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    if (b.may_else.empty() || !b.may_else.back())
      throw UserError("open-block", "an else without an open if", "imbrex_build_open_if before it");
    b.builder.open_else();
    b.may_else.back() = false;
  });
}

imbrex_outcome imbrex_build_close(imbrex_builder* builder, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    if (b.may_else.empty())
      throw UserError("open-block", "no loop, scope or branch is open", "one close for each that is opened");
    b.builder.close();
    b.may_else.pop_back();
  });
}

// ---- data in control, assumptions, looking in

imbrex_outcome imbrex_build_read(imbrex_builder* builder, const char* name, const imbrex_tensor_node* tensor,
                                 const imbrex_index_node* const* position, size_t rank, const imbrex_index_node** index,
                                 imbrex_error** error) {
  return built(builder, index, error, [&](imbrex_builder& b) {
    return b.keep(b.builder.read(*needed(tensor, "tensor").tensor, exprs_of(b, position, rank), text_or_empty(name), b.place));
  });
}

imbrex_outcome imbrex_build_assume(imbrex_builder* builder, const imbrex_condition_node* condition, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) { b.builder.assume(own(b, condition, "condition").condition, b.place); });
}

imbrex_outcome imbrex_build_assume_each(imbrex_builder* builder, const imbrex_index_node* least, const imbrex_tile_node* tile,
                                        const imbrex_index_node* end, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.assume_each(own(b, least, "least").expr, needed(tile, "tile").variable, own(b, end, "end").expr, b.place);
  });
}

imbrex_outcome imbrex_build_assume_distinct(imbrex_builder* builder, const imbrex_tile_node* tile, const int64_t* but,
                                            imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.assume_elements(needed(tile, "tile").variable, ir::AssumeElements::Property::distinct,
                              but ? std::optional(*but) : std::nullopt, b.place);
  });
}

imbrex_outcome imbrex_build_assume_sorted(imbrex_builder* builder, const imbrex_tile_node* tile, imbrex_error** error) {
  return stated(builder, error, [&](imbrex_builder& b) {
    b.builder.assume_elements(needed(tile, "tile").variable, ir::AssumeElements::Property::sorted, std::nullopt, b.place);
  });
}

imbrex_outcome imbrex_build_tap(imbrex_builder* builder, const char* name, const imbrex_value_node* value, imbrex_error** error) {
  return stated(builder, error,
                [&](imbrex_builder& b) { b.builder.tap(&needed(name, "name"), own(b, value, "value").value, b.place); });
}
