#include "imbrex/builder/program_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "imbrex/ir/spelling.h"
#include "imbrex/ir/verify.h"

namespace imbrex::builder {
namespace {

[[noreturn]] void fail(const Place& where, const char* id, std::string message, std::string hint,
                       std::vector<Diagnostic::Note> notes = {}) {
  throw UserError(Diagnostic{id, where.line, std::move(message), std::move(hint), std::move(notes)});
}

bool mentions(const ir::ExprPtr& e, const std::string& variable) {
  if (e->op == ir::Op::variable && e->name == variable) return true;
  for (const ir::Axis& axis : e->slice)
    if (axis.tile == variable) return true;
  return std::any_of(e->args.begin(), e->args.end(), [&](const ir::ExprPtr& arg) { return mentions(arg, variable); });
}

std::string describe(DType dtype, const ir::IndexExpr& rows, const ir::IndexExpr& columns) {
  return fmt::format("{} [{}, {}]", name_of(dtype), to_text(rows), to_text(columns));
}

ir::IndexExpr elements_of(const std::vector<ir::IndexExpr>& shape) {
  ir::IndexExpr elements = ir::constant(1);
  for (const ir::IndexExpr& extent : shape) elements = ir::mul(elements, extent);
  return elements;
}

}  // namespace

ProgramBuilder::ProgramBuilder(std::string name) {
  program_.name = std::move(name);
  open({}, false, {});
}

ir::Written ProgramBuilder::written(const Place& where) {
  auto& origins = program_.origins;
  // Lines come in bursts: the last few origins are the likely ones.
  const auto found = std::find(origins.rbegin(), origins.rend(), where.line);
  if (found != origins.rend()) return {where.line, static_cast<int>(origins.rend() - found) - 1};
  origins.push_back(where.line);
  return {where.line, static_cast<int>(origins.size()) - 1};
}

// ---- names and declarations ---------------------------------------------------------------------------------------------------

std::string ProgramBuilder::claim_name(const std::string& wanted, bool exactly, const Place& where) {
  if (!is_name(wanted))
    fail(where, "bad-name", fmt::format("'{}' cannot be a name", wanted),
         is_name(wanted + "_")
             ? fmt::format("it is a word of tile programs: call it `{}_`", wanted)
             : std::string("use letters, digits and _, not beginning with a digit, and no word of the language"));
  std::string name = wanted;
  for (int number = 2; names_.count(name); ++number) {
    if (exactly)
      fail(where, "duplicate-name", fmt::format("the name '{}' is taken", name),
           "choose another name; names are unique in a kernel, loop variables included", {{names_[name], "taken here"}});
    name = fmt::format("{}_{}", wanted, number);
  }
  names_[name] = where.line;
  return name;
}

void ProgramBuilder::written_as(const std::string& name, const std::string& written) {
  // A name that was chosen for another program's word, `max_`, and taken again, `max__2`, is the word itself.
  note_written(program_.written_names, name, written);
}

ir::IndexExpr ProgramBuilder::declare_dim(const std::string& name, int64_t typical, std::optional<int64_t> max,
                                          const Place& where) {
  claim_name(name, true, where);
  if (typical < 0 || (max && *max < 1) || (max && typical > *max))
    fail(where, "dim-bounds",
         fmt::format("dimension {} with typical value {}{}", name, typical, max ? fmt::format(" and maximum {}", *max) : ""),
         "a dimension is at least 1, and its typical value at most its maximum");
  program_.dims.push_back({name, typical, max, written(where).origin});
  return ir::named(name);
}

TensorHandle ProgramBuilder::declare_tensor(const std::string& name, DType dtype, std::vector<ir::IndexExpr> shape, ir::Role role,
                                            const Place& where, bool is_weight) {
  claim_name(name, true, where);
  ir::Tensor tensor{name, dtype, shape, role, {}, written(where).origin, is_weight};
  if (role != ir::Role::temporary && frames_.size() > 1)
    fail(where, "declared-inside", fmt::format("{} '{}' is declared inside a loop or scope", declared_as(tensor), name),
         fmt::format("declare it at the top of the kernel, or make a temporary with {}",
                     ir::Spelling(where.line).word("create_tensor")));
  for (const ir::IndexExpr& extent : shape)
    if (const auto n = ir::constant_value(extent); n && *n < 1)
      fail(where, "empty-tensor", fmt::format("tensor '{}' has an extent of {}", name, *n), "give extents of at least 1");
  auto entry = std::make_shared<TensorEntry>(TensorEntry{identity_, name, dtype, std::move(shape), frames_.back().id});
  if (role == ir::Role::temporary)
    append({ir::CreateTensor{std::move(tensor)}, {}, -1}, where);
  else
    program_.tensors.push_back(std::move(tensor));
  return entry;
}

TensorHandle ProgramBuilder::view(const std::string& name, const TensorEntry& base, std::vector<ir::IndexExpr> shape,
                                  const Place& where) {
  check(base, where);
  claim_name(name, true, where);
  const ir::IndexExpr elements = elements_of(shape), base_elements = elements_of(base.shape);
  if (!ir::same(elements, base_elements))
    fail(where, "view-shape",
         fmt::format("view '{}' has {} elements, and '{}' has {}", name, to_text(elements), base.name, to_text(base_elements)),
         "give a shape with the same number of elements");
  append({ir::View{name, base.name, shape}, {}, -1}, where);
  return std::make_shared<TensorEntry>(TensorEntry{identity_, name, base.dtype, std::move(shape), frames_.back().id});
}

// ---- values -------------------------------------------------------------------------------------------------------------------

Value ProgramBuilder::number(double value, bool is_whole, const Place& where) {
  return {ir::make_scalar(is_whole ? DType::int32 : DType::f32, value, written(where)), true, is_whole};
}

Value ProgramBuilder::use(const VariableHandle& variable, const Place& where) {
  check(*variable, where);
  variable->used = true;
  return {ir::make_variable(variable->name, variable->dtype, variable->rows, variable->columns, written(where))};
}

Value ProgramBuilder::load(const TensorEntry& tensor, std::vector<ir::Axis> axes, const Place& where) {
  check(tensor, where);
  return {ir::make_load(tensor.name, tensor.dtype, std::move(axes), written(where))};
}

std::vector<ir::Axis> ProgramBuilder::axes(const TensorEntry& tensor, const std::vector<AxisOfSlice>& arguments,
                                           const Place& where) {
  check(tensor, where);
  if (arguments.size() != tensor.shape.size())
    fail(where, "slice-rank",
         fmt::format("a slice of '{}' with {} axes; the tensor has {}", tensor.name, arguments.size(), tensor.shape.size()),
         fmt::format("give one span, index or `{}` for each axis", ir::Spelling(where.line).whole_axis()));
  std::vector<ir::Axis> result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const AxisOfSlice& argument = arguments[i];
    using Kind = AxisOfSlice::Kind;
    switch (argument.kind) {
      case Kind::span: result.push_back({ir::Axis::Kind::range, argument.begin, argument.size, {}}); break;
      case Kind::whole: result.push_back({ir::Axis::Kind::range, ir::constant(0), tensor.shape[i], {}}); break;
      case Kind::point: result.push_back({ir::Axis::Kind::point, argument.begin, ir::constant(1), {}}); break;
      case Kind::by: {
        Variable& rows = *argument.by;
        check(rows, where);
        if (rows.dtype != DType::int32 || (!ir::is_one(rows.rows) && !ir::is_one(rows.columns)))
          fail(where, "by-tile", "rows are taken by a tile that is not one row or column of int32",
               "give an int32 tile [m, 1] or [1, m]");
        rows.used = true;
        result.push_back({ir::Axis::Kind::by, nullptr, ir::mul(rows.rows, rows.columns), rows.name});
        break;
      }
    }
  }
  return result;
}

ir::ExprPtr ProgramBuilder::filled(const Value& number, DType dtype, ir::IndexExpr rows, ir::IndexExpr columns,
                                   const Place& where) {
  return ir::make_constant(dtype, std::move(rows), std::move(columns), number.expr->value, written(where));
}

namespace {

// A whole number beside an f32 is an f32.
bool becomes_f32(const Value& number, const ir::ExprPtr& other) {
  return number.is_number && number.is_whole && other->dtype == DType::f32;
}

}  // namespace

Value ProgramBuilder::binary(ir::Op op, const Value& a, const Value& b, const Place& where) {
  const auto adapted = [&](const Value& value, const Value& other) {
    return becomes_f32(value, other.expr) ? filled(value, DType::f32, ir::constant(1), ir::constant(1), where) : value.expr;
  };
  return {ir::make_binary(op, adapted(a, b), adapted(b, a), written(where))};
}

Value ProgramBuilder::select(const Value& condition, const Value& a, const Value& b, const Place& where) {
  const auto adapted = [&](const Value& value, const Value& other) {
    return becomes_f32(value, other.expr) ? filled(value, DType::f32, ir::constant(1), ir::constant(1), where) : value.expr;
  };
  return {ir::make_select(condition.expr, adapted(a, b), adapted(b, a), written(where))};
}

// ---- tiles --------------------------------------------------------------------------------------------------------------------

VariableHandle ProgramBuilder::let(const Value& value, const std::string& name, const Place& where) {
  if (!name.empty() && !is_name(name))
    fail(where, "bad-name", fmt::format("'{}' cannot be a name", name),
         "use letters, digits and _, not beginning with a digit, and no word of the language");
  auto variable = std::make_shared<Variable>();
  variable->program = identity_;
  variable->name = fmt::format("%{}", variables_.size());
  variable->wanted_name = name;
  variable->dtype = value.expr->dtype;
  variable->rows = value.expr->rows;
  variable->columns = value.expr->columns;
  variable->frame = frames_.back().id;
  variable->effects = frames_.back().effects;
  variable->where = where;
  variables_[variable->name] = variable;
  const int origin = written(where).origin;
  // In place: g++ 12 sees uninitialized members where a statement of this kind is moved in.
  ir::Statement& statement = frames_.back().block.emplace_back();
  statement.node = ir::Assign{variable->name, value.expr, true};
  statement.origin = origin;
  settle_last_let();
  return variable;
}

// Neighbouring independent values of one function are put in the order in which they are written, where their places have one, so
// that the program does not depend on who computes operands in which order.
void ProgramBuilder::settle_last_let() {
  ir::Block& block = frames_.back().block;
  const auto variable_of = [&](const ir::Statement& statement) -> const Variable* {
    const auto* assign = std::get_if<ir::Assign>(&statement.node);
    return assign && assign->declares ? variables_.at(assign->name).get() : nullptr;
  };
  const auto place = [](const Variable& v) { return std::tuple(v.where.line.line, v.where.column); };
  for (size_t i = block.size() - 1; i > 0; --i) {
    const Variable *previous = variable_of(block[i - 1]), *last = variable_of(block[i]);
    const bool one_function = previous && last->where.column > 0 && previous->where.line.file == last->where.line.file &&
                              previous->where.function == last->where.function;
    if (!one_function || place(*previous) <= place(*last) || mentions(std::get<ir::Assign>(block[i].node).value, previous->name))
      return;
    std::swap(block[i - 1], block[i]);
  }
}

void ProgramBuilder::rebind(const VariableHandle& variable, const Value& value, const Place& where) {
  check(*variable, where);
  const ir::ExprPtr expr =
      value.is_number ? filled(value, variable->dtype, variable->rows, variable->columns, where) : value.expr;
  const std::vector<Diagnostic::Note> made = {{variable->where.line, "the tile is made here"}};
  for (auto frame = frames_.rbegin(); frame->id != variable->frame; ++frame)
    if (frame->is_parallel)
      fail(where, "parallel-rebind",
           "a tile made outside of a parallel loop is given another value inside it: its iterations would depend on each other",
           fmt::format("make the tile inside the loop, or make the loop a `{}`", ir::Spelling(where.line).word("range")), made);
  if (expr->dtype != variable->dtype || !ir::same(expr->rows, variable->rows) || !ir::same(expr->columns, variable->columns))
    fail(where, "rebind-shape",
         fmt::format("a tile {} cannot take the value {}", describe(variable->dtype, variable->rows, variable->columns),
                     describe(expr->dtype, expr->rows, expr->columns)),
         "a variable keeps its type and shape; make a new tile instead", made);
  variable->used = true;
  append({ir::Assign{variable->name, expr, false}, {}, -1}, where);
}

void ProgramBuilder::add_to(const VariableHandle& variable, const Value& value, const Place& where) {
  const Value self = use(variable, where);
  const ir::Expr& term = *value.expr;
  const auto continued = ir::continued_form(term.op);
  if (continued == ir::Op::matmul_acc) {
    rebind(variable,
           {ir::make_matmul_acc(self.expr, term.args[0], term.args[1], term.transpose_a, term.transpose_b, written(where))},
           where);
  } else if (continued) {
    rebind(variable, {ir::make_binary(*continued, self.expr, term.args[0], written(where))}, where);
  } else {
    rebind(variable, binary(ir::Op::add, self, value, where), where);
  }
}

ir::ExprPtr ProgramBuilder::withdraw(const VariableHandle& variable, const Place& where) {
  check(*variable, where);
  Frame& frame = frames_.back();
  if (variable->used || !variable->wanted_name.empty() || variable->frame != frame.id || variable->effects != frame.effects)
    return nullptr;
  for (auto statement = frame.block.end(); statement-- != frame.block.begin();) {
    auto* assign = std::get_if<ir::Assign>(&statement->node);
    if (!assign || assign->name != variable->name) continue;
    ir::ExprPtr expr = std::move(assign->value);
    frame.block.erase(statement);
    variable->withdrawn = true;
    return expr;
  }
  throw InternalError("a variable without its let");
}

// ---- statements ---------------------------------------------------------------------------------------------------------------

void ProgramBuilder::store(const TensorHandle& tensor, std::vector<ir::Axis> axes, const Value& value, const Place& where) {
  check(*tensor, where);
  const ir::TileShape shape = ir::shape_of_slice(axes, written(where));
  const ir::ExprPtr expr = value.is_number && (!is_float(tensor->dtype) || tensor->dtype == DType::f32)
                               ? filled(value, tensor->dtype, shape.rows, shape.columns, where)
                               : value.expr;
  const auto refuse = [&](const char* id, std::string hint) {
    fail(where, id,
         fmt::format("a store to '{}' {} of {}", tensor->name, describe(tensor->dtype, shape.rows, shape.columns),
                     describe(expr->dtype, expr->rows, expr->columns)),
         std::move(hint));
  };
  if (expr->dtype != tensor->dtype)
    refuse("store-dtype", ir::Spelling(where.line).conversion("value", expr->dtype, tensor->dtype));
  if (!ir::same(expr->rows, shape.rows) || !ir::same(expr->columns, shape.columns))
    refuse("store-shape", "store through a slice of the value's shape; nothing broadcasts in a store");
  append({ir::Store{tensor->name, std::move(axes), expr}, {}, -1}, where);
}

ir::IndexExpr ProgramBuilder::read(const TensorEntry& tensor, std::vector<ir::IndexExpr> position, const std::string& wanted,
                                   const Place& where) {
  check(tensor, where);
  if (!holds_indices(tensor.dtype))
    fail(where, "dtype-mismatch", fmt::format("an index is read from '{}', which is {}", tensor.name, name_of(tensor.dtype)),
         "read indices from an int32 or int64 tensor");
  if (position.size() != tensor.shape.size())
    fail(where, "slice-rank",
         fmt::format("one element of '{}' has {} indices; got {}", tensor.name, tensor.shape.size(), position.size()),
         "give one index for each axis");
  const std::string name = claim_name(wanted.empty() ? tensor.name + "_at" : wanted, false, where);
  written_as(name, wanted);
  append({ir::ReadIndex{name, tensor.name, std::move(position)}, {}, -1}, where);
  return ir::named(name);
}

void ProgramBuilder::assume(ir::Condition condition, const Place& where) {
  append({ir::Assume{std::move(condition)}, {}, -1}, where);
}
void ProgramBuilder::assume_each(const ir::IndexExpr& least, const VariableHandle& tile, const ir::IndexExpr& end,
                                 const Place& where) {
  const ir::IndexExpr element = ir::named(use(tile, where).expr->name);
  assume({{least, ir::Compare::le, element}, {element, ir::Compare::lt, end}}, where);
}
void ProgramBuilder::assume_elements(const VariableHandle& tile, ir::AssumeElements::Property property,
                                     std::optional<int64_t> except, const Place& where) {
  append({ir::AssumeElements{use(tile, where).expr->name, property, except}, {}, -1}, where);
}
void ProgramBuilder::tap(const std::string& name, const Value& value, const Place& where) {
  append({ir::Tap{name, value.expr}, {}, -1}, where);
}

void ProgramBuilder::append(ir::Statement statement, const Place& where) {
  statement.origin = written(where).origin;
  Frame& frame = frames_.back();
  frame.block.push_back(std::move(statement));
  ++frame.effects;
}

// ---- what is alive ------------------------------------------------------------------------------------------------------------

bool ProgramBuilder::is_open(uint64_t frame) const {
  return std::any_of(frames_.begin(), frames_.end(), [&](const Frame& f) { return f.id == frame; });
}

void ProgramBuilder::check(const Variable& variable, const Place& where) const {
  const std::vector<Diagnostic::Note> made = {{variable.where.line, "the tile is made here"}};
  if (variable.program != identity_)
    fail(where, "other-kernel", "this tile belongs to another kernel", "make tiles inside the kernel that uses them", made);
  if (variable.withdrawn)
    fail(where, "tile-moved", "this tile was moved into another expression", "leave out std::move where the tile is used again",
         made);
  if (!is_open(variable.frame))
    fail(where, "out-of-scope", "this tile ended with the loop body or scope that made it",
         "make it before the loop or scope and give it its value inside, or go through a tensor", made);
}

void ProgramBuilder::check(const TensorEntry& tensor, const Place& where) const {
  if (tensor.program != identity_)
    fail(where, "other-kernel", fmt::format("tensor '{}' belongs to another kernel", tensor.name),
         "pass the kernel's own tensors to sub-kernels");
  if (!is_open(tensor.frame))
    fail(where, "out-of-scope", fmt::format("tensor '{}' ended with the loop body or scope that created it", tensor.name),
         "create it before the loop or scope");
}

ir::Program ProgramBuilder::finish() {
  require(frames_.size() == 1, "all blocks are closed when a kernel is complete");
  program_.body = std::move(frames_.back().block);
  frames_.clear();
  std::set<std::string> taken;
  for (const auto& [name, where] : names_) taken.insert(name);
  name_tiles(program_, variables_, std::move(taken));
  ir::verify_or_throw(program_);
  return std::move(program_);
}

}  // namespace imbrex::builder
