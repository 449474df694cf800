// What hints say to write is written here, too, and compiled: the text of the C++ code is what an author of C++ is told.
#include <gtest/gtest.h>

#include "imbrex/builder/program_builder.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/verify.h"
#include "imbrex/language/language.h"
#include "imbrex/prove/prove.h"

namespace imbrex {
namespace {

using ir::Compare;

// Compiles and runs the code, and compares its text.
#define EXPECT_CPP(form, ...)                                 \
  do {                                                        \
    __VA_ARGS__;                                              \
    EXPECT_EQ(form, without_body(std::string(#__VA_ARGS__))); \
  } while (false)

// A body `{ ... }` is what the author has in it.
std::string without_body(std::string code) {
  const size_t body = code.find("{ stored(");
  if (body != std::string::npos) code.replace(body, code.find('}', body) + 1 - body, "{ ... }");
  return code;
}

TEST(Hints, AreCppThatCompiles) {
  const ir::Spelling say(Language::cpp);
  const ir::IndexExpr T_ = ir::named("T"), i_ = ir::named("i"), zero = ir::constant(0);
  kernel("k", [&](Builder& k) {
    Dim T = k.dim("T");
    Tensor x = k.input("x", f32, {T, 64}), slots = k.input("slots", int32, {T}), y = k.output("y", f32, {T, 64});
    EXPECT_CPP(say.dim("ROWS"), k.dim("ROWS"));
    EXPECT_CPP(say.dim("N", 8), k.dim("N", {.max = 8}));
    EXPECT_CPP(say.let("indices", say.whole("slots")), Tile indices = slots(all));
    Tile indices = slots(all);
    EXPECT_CPP(say.assume({"indices", ir::AssumeElements::Property::distinct, {}}), assume_distinct(indices));
    EXPECT_CPP(say.assume({"indices", ir::AssumeElements::Property::distinct, -1}), assume_distinct(indices, {.except = -1}));
    EXPECT_CPP(say.assume({"indices", ir::AssumeElements::Property::sorted, {}}), assume_sorted(indices));
    EXPECT_CPP(say.assume_each("indices", T_), assume_each(0, indices, T));
    Index i = read(slots, {0});
    EXPECT_CPP(say.assume({{zero, Compare::le, i_}, {ir::add(i_, ir::constant(4)), Compare::le, T_}}),
               assume(0 <= i && i + 4 <= T));
    EXPECT_EQ(say.when({{i_, Compare::ne, ir::constant(-1)}}), "when(i != -1, ...)");
    EXPECT_EQ(say.read("i", "slots", "k"), "Index i = read(slots, {k})");
    const auto stored = [&](const Span& t) { y(t, all) = x(t, all); };
    EXPECT_CPP(say.tiled_loop(ir::Loop::Kind::parallel, "t", "T", 16), parallel(tiles(T, 16), [&](Span t) { stored(t); }));
    EXPECT_EQ(say.loop(ir::Loop::Kind::parallel, "k", "n"), "parallel(n, [&](Index k) { ... })");
    EXPECT_CPP(say.index(ir::max(ir::floor_div(i_, ir::constant(2)), zero)), max(i / 2, 0));
    EXPECT_CPP(say.axis(i_, ir::min(ir::constant(4), ir::sub(T_, i_))), span(i, min(4, T - i)));
    Tile v = x(0, all);
    EXPECT_CPP(say.conversion("v", DType::f32, DType::bf16), cast(v, bf16, rint));
    EXPECT_CPP(say.conversion("v", DType::f32, DType::boolean), v != 0.0);
    EXPECT_CPP(say.pin("tile", "32"), tile(32));
    EXPECT_CPP(say.pin("as_written"), as_written());
    y(all, all) = zeros(f32, {T, 64});
  });
}

// Each form of the text, in a program that parses.
TEST(Hints, AreTextThatParses) {
  const ir::Spelling say(Language::text);
  const ir::IndexExpr T = ir::named("T"), i = ir::named("i");
  using Property = ir::AssumeElements::Property;
  const std::string text =
      "imbrex 1\nkernel \"k\" {\n" + say.dim("T", 64) + "\n" + say.dim("ROWS") +
      "\ninput x: f32[T, 64]\ninput slots: int32[T]\noutput y: bf16[T, 64]\n" +
      say.tiled_loop(ir::Loop::Kind::parallel, "t", "T", 16) +
      " {\ny[t, :] = " + say.conversion("x[t, :]", DType::f32, DType::bf16) + "\n}\n" + say.let("indices", say.whole("slots")) +
      "\n" + say.assume_each("indices", T) + "\n" + say.assume({"indices", Property::distinct, -1}) + "\n" +
      say.assume({"indices", Property::sorted, {}}) + "\n" + say.loop(ir::Loop::Kind::range, "k", "4") + " " +
      say.pin("as_written") + " {\n" + say.read("i", "slots", "k") + "\n" + say.when({{i, Compare::ne, ir::constant(-1)}}) +
      " {\n" + say.assume({{ir::constant(0), Compare::le, i}, {i, Compare::lt, T}}) + "\nlet v = x[" +
      say.axis(i, ir::min(ir::constant(4), ir::sub(T, i))) + ", " + say.whole_axis() +
      "]\nlet is = " + say.conversion("v", DType::f32, DType::boolean) + "\n}\n}\n}\n";
  EXPECT_NO_THROW(ir::verify_or_throw(ir::parse(text, "k.tile"))) << text;
}

// What is said of one program to authors of each language; `name`: of an index that they read.
Diagnostic said_in(Language language, const std::string& name) {
  builder::ProgramBuilder b("k");
  const builder::Place at{{"k", 1, {}, language}};
  const ir::IndexExpr T = b.declare_dim("T", 128, {}, at), width = ir::constant(64);
  const auto x = b.declare_tensor("x", DType::f32, {T, width}, ir::Role::input, at);
  const auto slots = b.declare_tensor("slots", DType::int32, {T}, ir::Role::input, at);
  const auto y = b.declare_tensor("y", DType::f32, {T, width}, ir::Role::output, at);
  using Axis = builder::AxisOfSlice;
  const ir::IndexExpr t = b.open_loop({ir::Loop::Kind::parallel, 0, "t"}, ir::constant(0), T, {}, at);
  const ir::IndexExpr i = b.read(*slots, {t}, name, at);
  const auto row = [&](const ir::IndexExpr& index) {
    return std::vector<Axis>{{Axis::Kind::point, index}, {Axis::Kind::whole, nullptr}};
  };
  b.store(y, b.axes(*y, row(t), at), b.load(*x, b.axes(*x, row(i), at), at), at);
  b.close();
  return prove::prove(b.finish(), {}).diagnostics.at(0);
}

TEST(Hints, AreInTheLanguageOfTheAuthor) {
  const std::string say = "say where it lies, before this line: ";
  EXPECT_EQ(said_in(Language::text, "r").hint, say + "`assume 0 <= r and r < T`");
  EXPECT_EQ(said_in(Language::cpp, "r").hint, say + "`assume(0 <= r && r < T)`");
  EXPECT_EQ(said_in(Language::python, "r").hint, say + "`ib.assume(0 <= r and r < T)`");
  EXPECT_EQ(said_in(Language::cpp, "r").message.find("whether x(r, all) stays inside x"), 0u);
  EXPECT_EQ(said_in(Language::python, "r").message.find("whether x[r, :] stays inside x"), 0u);
}

// A taken name stands for the author's; who gives none is told to. What names there are in C++ is not known.
TEST(Hints, HaveTheAuthorsNames) {
  EXPECT_EQ(said_in(Language::python, "t").hint, "say where it lies, before this line: `ib.assume(0 <= t and t < T)`");
  EXPECT_EQ(said_in(Language::python, "").hint,
            "give what is read a name, `slots_at = ib.read(slots, t)`, and say where it lies, before this line: "
            "`ib.assume(0 <= slots_at and slots_at < T)`");
  EXPECT_EQ(said_in(Language::cpp, "").hint, "say where it lies, before this line: `assume(0 <= slots_at && slots_at < T)`");
}

}  // namespace
}  // namespace imbrex
