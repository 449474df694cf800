#include "imbrex/language/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "imbrex/ir/conversion.h"

namespace imbrex::recording {
namespace {

// The only state outside of a kernel: which one this thread records, for zeros(), parallel() and the like, which have no handle.
thread_local Recorder* recording_now = nullptr;

bool mentions(const ir::ExprPtr& e, const std::string& variable) {
  if (e->op == ir::Op::variable && e->name == variable) return true;
  for (const ir::Axis& axis : e->slice)
    if (axis.tile == variable) return true;
  return std::any_of(e->args.begin(), e->args.end(), [&](const ir::ExprPtr& arg) { return mentions(arg, variable); });
}

std::string shape_text(const ir::IndexExpr& rows, const ir::IndexExpr& columns) {
  return fmt::format("[{}, {}]", to_text(rows), to_text(columns));
}

std::string describe(DType dtype, const ir::IndexExpr& rows, const ir::IndexExpr& columns) {
  return fmt::format("{} {}", name_of(dtype), shape_text(rows, columns));
}

}  // namespace

namespace {

// Where the standard library converts an operand for the author, in a container or an algorithm, the position is in its headers.
bool is_of_the_standard_library(const SourceLocation& where) {
  const std::string_view file = where.file_name();
  return file.find("/include/c++/") != std::string_view::npos || file.find("/c++/v1/") != std::string_view::npos;
}

}  // namespace

// The last line of the author's before it stands for a position that is not the author's.
SourceLine line_of(const SourceLocation& where) {
  if (is_of_the_standard_library(where) && !recording_now) return {};
  const SourceLocation& author = is_of_the_standard_library(where) ? recording_now->last_where() : where;
  return {author.file_name(), static_cast<int>(author.line())};
}

void fail(const SourceLocation& where, const char* id, std::string message, std::string hint) {
  throw UserError(Diagnostic{id, line_of(where), std::move(message), std::move(hint), {}});
}

Recorder::Recorder(std::string name, const SourceLocation& where) : last_where_(where), outer_(recording_now) {
  program_.name = std::move(name);
  open(false);
  recording_now = this;
}
Recorder::~Recorder() { recording_now = outer_; }

Recorder& Recorder::current(const SourceLocation& where, const char* what) {
  if (!recording_now)
    fail(where, "no-kernel", fmt::format("{} outside of a kernel", what), "use it inside the body given to kernel(name, body)");
  return *recording_now;
}

ir::Written Recorder::written(const SourceLocation& where) {
  if (!is_of_the_standard_library(where)) last_where_ = where;
  const SourceLine line = line_of(where);
  auto& origins = program_.origins;
  // Lines come in bursts: the last few origins are the likely ones.
  const auto found = std::find(origins.rbegin(), origins.rend(), line);
  if (found != origins.rend()) return {line, static_cast<int>(origins.rend() - found) - 1};
  origins.push_back(line);
  return {line, static_cast<int>(origins.size()) - 1};
}

// ---- names and declarations ---------------------------------------------------------------------------------------------------

std::string Recorder::claim_name(const std::string& wanted, bool exactly, const SourceLocation& where) {
  if (!is_name(wanted))
    fail(where, "bad-name", fmt::format("'{}' cannot be a name", wanted),
         "use letters, digits and _, not beginning with a digit, and no word of the language");
  std::string name = wanted;
  for (int number = 2; names_.count(name); ++number) {
    if (exactly) {
      const SourceLine& first = names_[name];
      throw UserError(Diagnostic{"duplicate-name",
                                 line_of(where),
                                 fmt::format("the name '{}' is taken", name),
                                 "choose another name; names are unique in a kernel, loop variables included",
                                 {{first, "taken here"}}});
    }
    name = fmt::format("{}_{}", wanted, number);
  }
  names_[name] = line_of(where);
  return name;
}

void Recorder::declare_dim(const std::string& name, Int typical, std::optional<Int> max, const SourceLocation& where) {
  claim_name(name, true, where);
  if (typical < 0 || (max && *max < 1) || (max && typical > *max))
    fail(where, "dim-bounds",
         fmt::format("dimension {} with typical value {}{}", name, typical, max ? fmt::format(" and maximum {}", *max) : ""),
         "a dimension is at least 1, and its typical value at most its maximum");
  program_.dims.push_back({name, typical, max, written(where).origin});
}

Tensor Recorder::declare_tensor(const std::string& name, DType dtype, const std::vector<Index>& shape, ir::Role role,
                                const SourceLocation& where, bool is_weight) {
  claim_name(name, true, where);
  ir::Tensor tensor{name, dtype, {}, role, {}, written(where).origin, is_weight};
  if (role != ir::Role::temporary && frames_.size() > 1)
    fail(where, "declared-inside", fmt::format("{} '{}' is declared inside a loop or scope", declared_as(tensor), name),
         "declare it at the top of the kernel, or make a temporary with create_tensor");
  auto entry = std::make_shared<TensorEntry>(TensorEntry{identity_, name, dtype, {}, frames_.back().id});
  for (const Index& extent : shape) {
    entry->shape.push_back(extent.expr());
    const auto n = ir::constant_value(extent.expr());
    if (n && *n < 1)
      fail(where, "empty-tensor", fmt::format("tensor '{}' has an extent of {}", name, *n), "give extents of at least 1");
  }
  tensor.shape = entry->shape;
  if (role == ir::Role::temporary)
    append({ir::CreateTensor{std::move(tensor)}, {}, -1}, where);
  else
    program_.tensors.push_back(std::move(tensor));
  return Tensor(entry);
}

Tensor Recorder::view(const std::string& name, const Tensor& base, const std::vector<Index>& shape, const SourceLocation& where) {
  check(*base.entry_, where);
  claim_name(name, true, where);
  auto entry = std::make_shared<TensorEntry>(TensorEntry{identity_, name, base.dtype(), {}, frames_.back().id});
  ir::IndexExpr elements = ir::constant(1), base_elements = ir::constant(1);
  for (const Index& extent : shape) {
    entry->shape.push_back(extent.expr());
    elements = ir::mul(elements, extent.expr());
  }
  for (const ir::IndexExpr& extent : base.entry_->shape) base_elements = ir::mul(base_elements, extent);
  if (!ir::same(elements, base_elements))
    fail(where, "view-shape",
         fmt::format("view '{}' has {} elements, and '{}' has {}", name, to_text(elements), base.name(), to_text(base_elements)),
         "give a shape with the same number of elements");
  append({ir::View{name, base.name(), entry->shape}, {}, -1}, where);
  return Tensor(entry);
}

// ---- values -------------------------------------------------------------------------------------------------------------------

Tile Recorder::let(ir::ExprPtr value, const SourceLocation& where) {
  auto variable = std::make_shared<Variable>();
  variable->kernel = identity_;
  variable->name = fmt::format("%{}", variables_.size());
  variable->dtype = value->dtype;
  variable->rows = value->rows;
  variable->columns = value->columns;
  variable->frame = frames_.back().id;
  variable->effects = frames_.back().effects;
  variable->where = where;
  variables_[variable->name] = variable;
  const int origin = written(where).origin;
  // In place: g++ 12 sees uninitialized members where a statement of this kind is moved in.
  ir::Statement& statement = frames_.back().block.emplace_back();
  statement.node = ir::Assign{variable->name, std::move(value), true};
  statement.origin = origin;
  settle_last_let();
  return Tile(std::move(variable));
}

// C++ may evaluate the arguments of a call in any order. Neighbouring independent values of one function are put in the order in
// which they are written, so that the program does not depend on the compiler.
void Recorder::settle_last_let() {
  ir::Block& block = frames_.back().block;
  const auto variable_of = [&](const ir::Statement& statement) -> const Variable* {
    const auto* assign = std::get_if<ir::Assign>(&statement.node);
    return assign && assign->declares ? variables_.at(assign->name).get() : nullptr;
  };
  const auto place = [](const Variable& v) { return std::tuple(v.where.line(), v.where.column()); };
  for (size_t i = block.size() - 1; i > 0; --i) {
    const Variable *previous = variable_of(block[i - 1]), *last = variable_of(block[i]);
    const bool one_function = previous && std::strcmp(previous->where.file_name(), last->where.file_name()) == 0 &&
                              std::strcmp(previous->where.function_name(), last->where.function_name()) == 0;
    if (!one_function || place(*previous) <= place(*last) || mentions(std::get<ir::Assign>(block[i].node).value, previous->name))
      return;
    std::swap(block[i - 1], block[i]);
  }
}

Value Recorder::use(const Tile& tile, const SourceLocation& where) {
  if (!tile.variable_) fail(where, "tile-moved", "this tile was moved away", "use the tile that it was moved to");
  Variable& variable = *tile.variable_;
  check(variable, where);
  variable.used = true;
  return {ir::make_variable(variable.name, variable.dtype, variable.rows, variable.columns, written(where)), nullptr, where};
}

Value Recorder::load(const Slice& slice) {
  check(*slice.tensor_, slice.where_);
  return {ir::make_load(slice.tensor_->name, slice.tensor_->dtype, slice.axes_, written(slice.where_)), nullptr, slice.where_};
}

ir::ExprPtr Recorder::take(const Value& value) {
  if (!value.temporary) return value.expr;
  Variable& variable = *value.temporary;
  check(variable, value.where);
  Frame& frame = frames_.back();
  if (!variable.used && variable.wanted_name.empty() && variable.frame == frame.id && variable.effects == frame.effects) {
    for (auto statement = frame.block.end(); statement-- != frame.block.begin();) {
      auto* assign = std::get_if<ir::Assign>(&statement->node);
      if (!assign || assign->name != variable.name) continue;
      ir::ExprPtr expr = std::move(assign->value);
      frame.block.erase(statement);
      variable.nested = true;
      return expr;
    }
    throw InternalError("a temporary tile without its let");
  }
  variable.used = true;
  return ir::make_variable(variable.name, variable.dtype, variable.rows, variable.columns, written(value.where));
}

ir::ExprPtr Recorder::filled(const Value& number, DType dtype, ir::IndexExpr rows, ir::IndexExpr columns) {
  const double value = number.expr->value;
  return ir::make_constant(dtype, std::move(rows), std::move(columns), value, written(number.where));
}

// ---- statements ---------------------------------------------------------------------------------------------------------------

void Recorder::rebind(const std::shared_ptr<Variable>& variable, ir::ExprPtr value, const SourceLocation& where) {
  check(*variable, where);
  for (auto frame = frames_.rbegin(); frame->id != variable->frame; ++frame)
    if (frame->is_parallel)
      throw UserError(
          Diagnostic{"parallel-rebind",
                     line_of(where),
                     "a tile made outside of a parallel loop is given another value inside it: its iterations would depend on "
                     "each other",
                     "make the tile inside the loop, or make the loop a range",
                     {{line_of(variable->where), "the tile is made here"}}});
  if (value->dtype != variable->dtype || !ir::same(value->rows, variable->rows) || !ir::same(value->columns, variable->columns))
    throw UserError(
        Diagnostic{"rebind-shape",
                   line_of(where),
                   fmt::format("a tile {} cannot take the value {}", describe(variable->dtype, variable->rows, variable->columns),
                               describe(value->dtype, value->rows, value->columns)),
                   "a variable keeps its type and shape; make a new tile instead",
                   {{line_of(variable->where), "the tile is made here"}}});
  variable->used = true;
  append({ir::Assign{variable->name, std::move(value), false}, {}, -1}, where);
}

void Recorder::store(const Slice& slice, Value value) {
  const TensorEntry& tensor = *slice.tensor_;
  check(tensor, slice.where_);
  const ir::TileShape shape = ir::shape_of_slice(slice.axes_, written(slice.where_));
  const ir::ExprPtr expr = value.is_number && (!is_float(tensor.dtype) || tensor.dtype == DType::f32)
                               ? filled(value, tensor.dtype, shape.rows, shape.columns)
                               : take(value);
  const std::string kind = fmt::format("a store to '{}' {}", tensor.name, describe(tensor.dtype, shape.rows, shape.columns));
  if (expr->dtype != tensor.dtype)
    fail(slice.where_, "store-dtype", fmt::format("{} of {}", kind, describe(expr->dtype, expr->rows, expr->columns)),
         ir::conversion_text("value", expr->dtype, tensor.dtype));
  if (!ir::same(expr->rows, shape.rows) || !ir::same(expr->columns, shape.columns))
    fail(slice.where_, "store-shape", fmt::format("{} of {}", kind, describe(expr->dtype, expr->rows, expr->columns)),
         "store through a slice of the value's shape; nothing broadcasts in a store");
  append({ir::Store{tensor.name, slice.axes_, expr}, {}, -1}, slice.where_);
}

void Recorder::append(ir::Statement statement, const SourceLocation& where) {
  statement.origin = written(where).origin;
  Frame& frame = frames_.back();
  frame.block.push_back(std::move(statement));
  ++frame.effects;
}

std::vector<ir::Axis> Recorder::axes(const TensorEntry& tensor, const std::vector<AxisArgument>& arguments) {
  const SourceLocation& where = arguments.front().where_;
  check(tensor, where);
  if (arguments.size() != tensor.shape.size())
    fail(where, "slice-rank",
         fmt::format("a slice of '{}' with {} axes; the tensor has {}", tensor.name, arguments.size(), tensor.shape.size()),
         "give one span, index or `all` for each axis");
  std::vector<ir::Axis> result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    ir::Axis axis = arguments[i].axis_;
    if (arguments[i].whole_) axis = {ir::Axis::Kind::range, ir::constant(0), tensor.shape[i], {}};
    if (arguments[i].by_) {
      check(*arguments[i].by_, arguments[i].where_);
      arguments[i].by_->used = true;
      axis.tile = arguments[i].by_->name;
    }
    result.push_back(std::move(axis));
  }
  return result;
}

// ---- blocks and scope ---------------------------------------------------------------------------------------------------------

void Recorder::open(bool is_parallel) { frames_.push_back({++frames_opened_, is_parallel, 0, {}}); }

ir::Block Recorder::close() {
  ir::Block block = std::move(frames_.back().block);
  frames_.pop_back();
  return block;
}

bool Recorder::is_open(uint64_t frame) const {
  return std::any_of(frames_.begin(), frames_.end(), [&](const Frame& f) { return f.id == frame; });
}

void Recorder::check(const Variable& variable, const SourceLocation& where) const {
  const std::vector<Diagnostic::Note> made = {{line_of(variable.where), "the tile is made here"}};
  if (variable.kernel != identity_)
    throw UserError(Diagnostic{"other-kernel", line_of(where), "this tile belongs to another kernel",
                               "make tiles inside the kernel that uses them", made});
  if (variable.nested)
    throw UserError(Diagnostic{"tile-moved", line_of(where), "this tile was moved into another expression",
                               "leave out std::move where the tile is used again", made});
  if (!is_open(variable.frame))
    throw UserError(Diagnostic{"out-of-scope", line_of(where), "this tile ended with the loop body or scope that made it",
                               "make it before the loop or scope and give it its value inside, or go through a tensor", made});
}

void Recorder::check(const TensorEntry& tensor, const SourceLocation& where) const {
  if (tensor.kernel != identity_)
    fail(where, "other-kernel", fmt::format("tensor '{}' belongs to another kernel", tensor.name),
         "pass the kernel's own tensors to sub-kernels");
  if (!is_open(tensor.frame))
    fail(where, "out-of-scope", fmt::format("tensor '{}' ended with the loop body or scope that created it", tensor.name),
         "create it before the loop or scope");
}

ir::Program Recorder::finish() {
  require(frames_.size() == 1, "all blocks are closed when a kernel is complete");
  program_.body = close();
  std::set<std::string> taken;
  for (const auto& [name, where] : names_) taken.insert(name);
  name_tiles(program_, variables_, std::move(taken));
  return std::move(program_);
}

}  // namespace imbrex::recording
