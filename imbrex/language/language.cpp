#include "imbrex/language/language.h"

#include "imbrex/language/recorder.h"

namespace imbrex {
namespace {

using recording::Recorder;

using Kind = ir::Loop::Kind;
using LoopHead = builder::ProgramBuilder::LoopHead;

void tiled_loop(LoopHead head, const Tiles& domain, const SpanBody& body, const Pins& pins, const SourceLocation& where) {
  Recorder& recorder = Recorder::current(where, "a loop");
  head.name = domain.name;
  const builder::LoopSpan span = recorder.builder().open_tiles(head, domain.whole.begin.expr(), domain.whole.size.expr(),
                                                               domain.tile, pins.annotations, recorder.place(where));
  recorder.block([&] { body({Index(span.begin), Index(span.size), Index(span.index)}); });
}

void counted_loop(LoopHead head, const Range& domain, const IndexBody& body, const Pins& pins, const SourceLocation& where) {
  Recorder& recorder = Recorder::current(where, "a loop");
  head.name = domain.name;
  const Index index(
      recorder.builder().open_loop(head, domain.begin.expr(), domain.end.expr(), pins.annotations, recorder.place(where)));
  recorder.block([&] { body(index); });
}

}  // namespace

// ---- kernels ------------------------------------------------------------------------------------------------------------------

Kernel kernel(const std::string& name, const std::function<void(Builder&)>& body, SourceLocation where) {
  Recorder recorder(name, where);
  Builder builder;
  body(builder);
  return Kernel(recorder.builder().finish());
}

Pins as_written() { return {{{"as_written", {}}}}; }
Pins tile(Int n) { return {{{"tile", {ir::Annotation::Value(n)}}}}; }
Pins no_fusion() { return {{{"no_fusion", {}}}}; }
Pins operator+(Pins a, const Pins& b) {
  a.annotations.insert(a.annotations.end(), b.annotations.begin(), b.annotations.end());
  return a;
}

Dim Builder::dim(const std::string& name, DimOptions options, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a dimension");
  return Dim(recorder.builder().declare_dim(name, options.typical, options.max, recorder.place(where)));
}
Tensor Builder::input(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an input").declare(name, dtype, shape, ir::Role::input, where);
}
Tensor Builder::weight(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "a weight").declare(name, dtype, shape, ir::Role::input, where, true);
}
Tensor Builder::output(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an output").declare(name, dtype, shape, ir::Role::output, where);
}
Tensor Builder::inout(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "an inout").declare(name, dtype, shape, ir::Role::inout, where);
}
void Builder::pin(const Pins& pins) {
  ir::Annotations& annotations = Recorder::current({}, "a pin").builder().annotations();
  annotations.insert(annotations.end(), pins.annotations.begin(), pins.annotations.end());
}

Tensor create_tensor(const std::string& name, DType dtype, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "create_tensor").declare(name, dtype, shape, ir::Role::temporary, where);
}
Tensor view(const std::string& name, const Tensor& base, std::vector<Index> shape, SourceLocation where) {
  return Recorder::current(where, "view").view(name, base, shape, where);
}

// ---- loops and scopes ---------------------------------------------------------------------------------------------------------

void parallel(const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop({Kind::parallel}, domain, body, pins, where);
}
void parallel(const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop({Kind::parallel}, domain, body, pins, where);
}
void range(const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop({Kind::range}, domain, body, pins, where);
}
void range(const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop({Kind::range}, domain, body, pins, where);
}
void pipeline(Int stages, const Tiles& domain, const SpanBody& body, const Pins& pins, SourceLocation where) {
  tiled_loop({Kind::pipeline, stages}, domain, body, pins, where);
}
void pipeline(Int stages, const Range& domain, const IndexBody& body, const Pins& pins, SourceLocation where) {
  counted_loop({Kind::pipeline, stages}, domain, body, pins, where);
}

void at(const std::string& name, const Body& body, const Pins& pins, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a scope");
  recorder.builder().open_scope(name, pins.annotations, recorder.place(where));
  recorder.block(body);
}

void when(const Condition& condition, const Body& then, const Body& otherwise, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "when");
  recorder.builder().open_if(condition.comparisons, recorder.place(where));
  recorder.block([&] {
    then();
    if (!otherwise) return;
    recorder.builder().open_else();
    otherwise();
  });
}

// ---- data in control, assumptions, looking in ---------------------------------------------------------------------------------

Index read(const Tensor& tensor, std::vector<Index> position, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "read");
  std::vector<ir::IndexExpr> indices;
  for (const Index& index : position) indices.push_back(index.expr());
  return Index(recorder.builder().read(Recorder::entry_of(tensor), std::move(indices), "", recorder.place(where)));
}

void assume(const Condition& condition, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume");
  recorder.builder().assume(condition.comparisons, recorder.place(where));
}
void assume_each(const Index& least, const Tile& tile, const Index& end, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_each");
  recorder.builder().assume_each(least.expr(), Recorder::alive(Recorder::variable_of(tile), where), end.expr(),
                                 recorder.place(where));
}
void assume_distinct(const Tile& tile, const Distinct& but, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_distinct");
  recorder.builder().assume_elements(Recorder::alive(Recorder::variable_of(tile), where), ir::AssumeElements::Property::distinct,
                                     but.except, recorder.place(where));
}
void assume_sorted(const Tile& tile, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "assume_sorted");
  recorder.builder().assume_elements(Recorder::alive(Recorder::variable_of(tile), where), ir::AssumeElements::Property::sorted,
                                     {}, recorder.place(where));
}
void tap(const std::string& name, Operand tile) {
  recording::Value& value = Recorder::value_of(tile);
  Recorder& recorder = Recorder::current(value.where, "tap");
  const builder::Value taken = recorder.taken(value);
  recorder.builder().tap(name, taken, recorder.place(value.where));
}

}  // namespace imbrex
