#include "imbrex/language/language.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "imbrex/ir/verify.h"
#include "imbrex/language/recorder.h"

namespace imbrex {
namespace {

using recording::Recorder;

// The name of a loop variable that the author does not name: a dimension's own in lower case, else one for its kind.
std::string name_for(const std::string& wanted, const ir::IndexExpr& extent, const char* otherwise) {
  if (!wanted.empty()) return wanted;
  if (extent->kind != ir::Index::Kind::name) return otherwise;
  std::string name = extent->name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name != extent->name && recording::is_name(name) ? name : otherwise;
}

bool is_loop_span(const Span& span) {
  return span.begin.expr()->kind == ir::Index::Kind::span_begin && span.size.expr()->kind == ir::Index::Kind::span_size &&
         span.begin.expr()->name == span.size.expr()->name;
}

struct LoopHead {
  ir::Loop::Kind kind;
  int stages = 0;
};

void tiled_loop(const LoopHead& head, const Tiles& domain, const SpanBody& body, const Pins& pins, const SourceLocation& where) {
  Recorder& recorder = Recorder::current(where, "a loop");
  ir::Loop loop;
  loop.kind = head.kind;
  loop.stages = head.stages;
  loop.tile = domain.tile;
  // Tiles of a loop's span are written with its name. Those of another span cover 0 .. its size, moved by where it begins.
  const Span& whole = domain.whole;
  const bool nested = is_loop_span(whole);
  loop.begin = nested ? whole.begin.expr() : ir::constant(0);
  loop.extent = whole.size.expr();
  if (nested) loop.of_span = whole.begin.expr()->name;
  loop.variable =
      recorder.claim_name(name_for(domain.name, nested ? ir::named(loop.of_span + "_part") : loop.extent, "s"), false, where);
  const std::string& v = loop.variable;
  Index begin(ir::span_begin(v));
  const Span span{nested ? begin : whole.begin + begin, Index(ir::span_size(v)), Index(ir::span_index(v))};
  loop.body = recorder.block(head.kind == ir::Loop::Kind::parallel, [&] { body(span); });
  recorder.append({std::move(loop), pins.annotations, -1}, where);
}

void counted_loop(const LoopHead& head, const Range& domain, const IndexBody& body, const Pins& pins,
                  const SourceLocation& where) {
  Recorder& recorder = Recorder::current(where, "a loop");
  ir::Loop loop;
  loop.kind = head.kind;
  loop.stages = head.stages;
  loop.begin = domain.begin.expr();
  loop.extent = (domain.end - domain.begin).expr();
  loop.variable = recorder.claim_name(name_for(domain.name, loop.extent, "i"), false, where);
  loop.body = recorder.block(head.kind == ir::Loop::Kind::parallel, [&] { body(Index(ir::named(loop.variable))); });
  recorder.append({std::move(loop), pins.annotations, -1}, where);
}

LoopHead pipelined(Int stages, const SourceLocation& where) {
  if (stages < 1 || stages > ir::kMaxStages)
    recording::fail(where, "pipeline-stages", fmt::format("a pipeline of {} stages", stages),
                    fmt::format("give a number of stages from 1 to {}", ir::kMaxStages));
  return {ir::Loop::Kind::pipeline, static_cast<int>(stages)};
}

}  // namespace

// ---- kernels ------------------------------------------------------------------------------------------------------------------

Kernel kernel(const std::string& name, const std::function<void(Builder&)>& body, SourceLocation where) {
  Recorder recorder(name, where);
  Builder builder;
  body(builder);
  ir::Program program = recorder.finish();
  ir::verify_or_throw(program);
  return Kernel(std::move(program));
}

Pins as_written() { return {{{"as_written", {}}}}; }
Pins tile(Int n) { return {{{"tile", {ir::Annotation::Value(n)}}}}; }
Pins no_fusion() { return {{{"no_fusion", {}}}}; }
Pins operator+(Pins a, const Pins& b) {
  a.annotations.insert(a.annotations.end(), b.annotations.begin(), b.annotations.end());
  return a;
}

Dim Builder::dim(const std::string& name, DimOptions options, SourceLocation where) {
  Recorder::current(where, "a dimension").declare_dim(name, options.typical, options.max, where);
  return Dim(ir::named(name));
}
Tensor Builder::input(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an input").declare_tensor(name, dtype, shape, ir::Role::input, where);
}
Tensor Builder::weight(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "a weight").declare_tensor(name, dtype, shape, ir::Role::input, where, true);
}
Tensor Builder::output(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an output").declare_tensor(name, dtype, shape, ir::Role::output, where);
}
Tensor Builder::inout(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an inout").declare_tensor(name, dtype, shape, ir::Role::inout, where);
}
void Builder::pin(const Pins& pins) {
  ir::Annotations& annotations = Recorder::current({}, "a pin").annotations();
  annotations.insert(annotations.end(), pins.annotations.begin(), pins.annotations.end());
}

Tensor create_tensor(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "create_tensor").declare_tensor(name, dtype, shape, ir::Role::temporary, where);
}
Tensor view(const std::string& name, const Tensor& base, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "view").view(name, base, shape, where);
}

// ---- loops and scopes ---------------------------------------------------------------------------------------------------------

void parallel(const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop({ir::Loop::Kind::parallel}, domain, body, pins, where);
}
void parallel(const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop({ir::Loop::Kind::parallel}, domain, body, pins, where);
}
void range(const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop({ir::Loop::Kind::range}, domain, body, pins, where);
}
void range(const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop({ir::Loop::Kind::range}, domain, body, pins, where);
}
void pipeline(Int stages, const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop(pipelined(stages, where), domain, body, pins, where);
}
void pipeline(Int stages, const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop(pipelined(stages, where), domain, body, pins, where);
}

void at(const std::string& name, const Body& body, const Pins& pins, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a scope");
  ir::Block block = recorder.block(false, body);
  recorder.append({ir::At{name, std::move(block)}, pins.annotations, -1}, where);
}

void when(const Condition& condition, const Body& then, const Body& otherwise, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "when");
  ir::If branch{condition.comparisons, recorder.block(false, then), {}};
  if (otherwise) branch.else_block = recorder.block(false, otherwise);
  recorder.append({std::move(branch), {}, -1}, where);
}

// ---- data in control, assumptions, looking in ---------------------------------------------------------------------------------

Index read(const Tensor& tensor, std::vector<Index> position, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "read");
  const auto entry = Recorder::entry_of(tensor);
  recorder.check(*entry, where);
  if (!holds_indices(tensor.dtype()))
    recording::fail(where, "dtype-mismatch",
                    fmt::format("an index is read from '{}', which is {}", tensor.name(), name_of(tensor.dtype())),
                    "read indices from an int32 or int64 tensor");
  if (position.size() != entry->shape.size())
    recording::fail(
        where, "slice-rank",
        fmt::format("one element of '{}' has {} indices; got {}", tensor.name(), entry->shape.size(), position.size()),
        "give one index for each axis");
  ir::ReadIndex node{recorder.claim_name(tensor.name() + "_at", false, where), tensor.name(), {}};
  for (const Index& index : position) node.position.push_back(index.expr());
  Index result(ir::named(node.name));
  recorder.append({std::move(node), {}, -1}, where);
  return result;
}

void assume(const Condition& condition, SourceLocation where) {
  Recorder::current(where, "assume").append({ir::Assume{condition.comparisons}, {}, -1}, where);
}
void assume_each(const Index& least, const Tile& tile, const Index& end, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_each");
  const ir::IndexExpr element = ir::named(recorder.use(tile, where).expr->name);
  recorder.append({ir::Assume{{{least.expr(), ir::Compare::le, element}, {element, ir::Compare::lt, end.expr()}}}, {}, -1},
                  where);
}
void assume_distinct(const Tile& tile, const Distinct& but, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_distinct");
  recorder.append(
      {ir::AssumeElements{recorder.use(tile, where).expr->name, ir::AssumeElements::Property::distinct, but.except}, {}, -1},
      where);
}
void assume_sorted(const Tile& tile, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_sorted");
  recorder.append({ir::AssumeElements{recorder.use(tile, where).expr->name, ir::AssumeElements::Property::sorted}, {}, -1},
                  where);
}
void tap(const std::string& name, Operand tile) {
  recording::Value& value = Recorder::value_of(tile);
  Recorder& recorder = Recorder::current(value.where, "tap");
  recorder.append({ir::Tap{name, recorder.take(value)}, {}, -1}, value.where);
}

}  // namespace imbrex
