#include "imbrex/language/recorder.h"

#include <fmt/format.h>

#include <string_view>

namespace imbrex::recording {
namespace {

// The only state outside of a kernel: which one this thread records, for zeros(), parallel() and the like, which have no handle.
thread_local Recorder* recording_now = nullptr;

// Where the standard library converts an operand for the author, in a container or an algorithm, the position is in its headers.
bool is_of_the_standard_library(const SourceLocation& where) {
  const std::string_view file = where.file_name();
  return file.find("/include/c++/") != std::string_view::npos || file.find("/c++/v1/") != std::string_view::npos;
}

// The last line of the author's before it stands for a position that is not the author's.
SourceLocation of_the_author(const SourceLocation& where) {
  if (!is_of_the_standard_library(where)) return where;
  return recording_now ? recording_now->last_where() : SourceLocation();
}

builder::Place place_of(const SourceLocation& where) {
  const SourceLocation author = of_the_author(where);
  return {{author.file_name(), static_cast<int>(author.line()), {}, Language::cpp},
          static_cast<int>(where.column()),
          where.function_name()};
}

std::vector<ir::IndexExpr> exprs_of(const std::vector<Index>& indices) {
  std::vector<ir::IndexExpr> result;
  for (const Index& index : indices) result.push_back(index.expr());
  return result;
}

}  // namespace

void fail(const SourceLocation& where, const char* id, std::string message, std::string hint) {
  throw UserError(Diagnostic{id, place_of(where).line, std::move(message), std::move(hint), {}});
}

Recorder::Recorder(std::string name, const SourceLocation& where)
    : builder_(std::move(name)), last_where_(where), outer_(recording_now) {
  recording_now = this;
}
Recorder::~Recorder() { recording_now = outer_; }

Recorder& Recorder::current(const SourceLocation& where, const char* what) {
  if (!recording_now)
    fail(where, "no-kernel", fmt::format("{} outside of a kernel", what), "use it inside the body given to kernel(name, body)");
  return *recording_now;
}

builder::Place Recorder::place(const SourceLocation& where) {
  if (!is_of_the_standard_library(where)) last_where_ = where;
  return place_of(where);
}

Tensor Recorder::declare(const std::string& name, DType dtype, const std::vector<Index>& shape, ir::Role role,
                         const SourceLocation& where, bool is_weight) {
  return Tensor(builder_.declare_tensor(name, dtype, exprs_of(shape), role, place(where), is_weight));
}

Tensor Recorder::view(const std::string& name, const Tensor& base, const std::vector<Index>& shape, const SourceLocation& where) {
  return Tensor(builder_.view(name, *base.entry_, exprs_of(shape), place(where)));
}

Slice Recorder::slice(const Tensor& tensor, const std::vector<AxisArgument>& arguments) {
  using Kind = builder::AxisOfSlice::Kind;
  std::vector<builder::AxisOfSlice> axes;
  for (const AxisArgument& argument : arguments) {
    if (argument.whole_)
      axes.push_back({Kind::whole, nullptr});
    else if (argument.by_)
      axes.push_back({Kind::by, nullptr, {}, argument.by_});
    else if (argument.size_)
      axes.push_back({Kind::span, argument.begin_, argument.size_});
    else
      axes.push_back({Kind::point, argument.begin_});
  }
  const SourceLocation& where = arguments.front().where_;
  return Slice(tensor.entry_, builder_.axes(*tensor.entry_, axes, place(where)), where);
}

Tile Recorder::let(ir::ExprPtr value, const SourceLocation& where) {
  return Tile(builder_.let({std::move(value)}, "", place(where)), where);
}

const builder::VariableHandle& Recorder::alive(const builder::VariableHandle& variable, const SourceLocation& where) {
  if (!variable) fail(where, "tile-moved", "this tile was moved away", "use the tile that it was moved to");
  return variable;
}

Value Recorder::use(const Tile& tile, const SourceLocation& where) {
  return {builder_.use(alive(tile.variable_, where), place(where)).expr, nullptr, where};
}

Value Recorder::load(const Slice& slice) {
  return {builder_.load(*slice.tensor_, slice.axes_, place(slice.where_)).expr, nullptr, slice.where_};
}

void Recorder::store(const Slice& slice, const Value& value) {
  builder_.store(slice.tensor_, slice.axes_, taken(value), place(slice.where_));
}

ir::ExprPtr Recorder::take(const Value& value) {
  if (!value.temporary) return value.expr;
  if (ir::ExprPtr expr = builder_.withdraw(value.temporary, place(value.where))) return expr;
  return builder_.use(value.temporary, place(value.where)).expr;
}

}  // namespace imbrex::recording
