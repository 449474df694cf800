#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "correct/ir/corpus.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

void expect_round_trip(const Program& program) {
  const std::string text = print(program);
  const Program again = parse(text, "again.tile");
  EXPECT_TRUE(equal(program, again)) << text;
  EXPECT_EQ(text, print(again));
}

TEST(TextRoundTrips, OfTextAsThePrinterWritesIt) {
  EXPECT_EQ(corpus::kRmsNorm, print(parse(corpus::kRmsNorm, "a.tile")));
  EXPECT_EQ(corpus::kMatmul, print(parse(corpus::kMatmul, "a.tile")));
}

TEST(TextRoundTrips, OfEveryForm) {
  for (const char* text : {corpus::kRmsNorm, corpus::kMatmul, corpus::kEverything}) expect_round_trip(parse(text, "a.tile"));
}

Statement statement(decltype(Statement::node) node) {
  Statement result;
  result.node = std::move(node);
  return result;
}

Program storing(ExprPtr value) {
  Program program;
  program.name = "p";
  const std::vector<IndexExpr> shape = {value->rows, value->columns};
  program.tensors.push_back({"y", value->dtype, shape, Role::output, {}, -1});
  std::vector<Axis> slice;
  for (const IndexExpr& extent : shape) slice.push_back({Axis::Kind::range, constant(0), extent, {}});
  program.body.push_back(statement(Store{"y", slice, std::move(value)}));
  return program;
}

TEST(TextRoundTrips, OfNumbersToTheLastBit) {
  const float floats[] = {0.0f,
                          -0.0f,
                          1.0f,
                          -1.0f,
                          0.1f,
                          1.0f / 3,
                          1e-45f,
                          3.4028234e38f,
                          1.17549435e-38f,
                          16777217.0f,
                          1e10f,
                          -123456.789f,
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(),
                          NAN};
  for (float value : floats) expect_round_trip(storing(make_scalar(DType::f32, value)));
  for (double value : {0.0, -1.0, 7.0, 2147483647.0, -2147483648.0}) expect_round_trip(storing(make_scalar(DType::int32, value)));
  expect_round_trip(storing(make_constant(DType::int8, constant(1), constant(1), -128)));
  expect_round_trip(storing(make_constant(DType::uint8, constant(2), constant(3), 255)));
}

// Every shape of two nested operators keeps its structure.
TEST(TextRoundTrips, OfNestedOperators) {
  const ExprPtr a = make_scalar(DType::f32, 2), b = make_scalar(DType::f32, -3), c = make_scalar(DType::f32, 0.5);
  for (Op outer : {Op::add, Op::sub, Op::mul, Op::div, Op::max})
    for (Op inner : {Op::add, Op::sub, Op::mul, Op::div, Op::min}) {
      expect_round_trip(storing(make_binary(outer, make_binary(inner, a, b), c)));
      expect_round_trip(storing(make_binary(outer, a, make_binary(inner, b, c))));
      expect_round_trip(storing(make_unary(Op::neg, make_binary(inner, make_unary(Op::neg, b), c))));
      expect_round_trip(storing(make_binary(outer, make_unary(Op::neg, a), make_unary(Op::neg, make_unary(Op::neg, b)))));
    }
}

TEST(TextRoundTrips, OfIndexStructure) {
  const IndexExpr t = named("T"), one = constant(1), minus = constant(-2);
  const IndexExpr all[] = {add(add(t, one), t),           add(t, add(one, t)),     sub(t, sub(t, one)),
                           mul(sub(t, one), t),           floor_div(mul(t, t), t), mul(t, floor_div(t, t)),
                           mod(add(t, one), minus),       sub(t, minus),           mul(minus, t),
                           min(t, max(one, sub(t, one))), sub(constant(0), t),     constant(std::numeric_limits<int64_t>::min())};
  for (const IndexExpr& index : all) {
    Program program = storing(make_index(index));
    program.dims.push_back({"T", 0, {}, -1});
    expect_round_trip(program);
  }
}

TEST(TextRoundTrips, OfLoopBounds) {
  const IndexExpr t = named("T");
  const IndexExpr begins[] = {constant(0), constant(1), constant(-1), t, add(t, constant(1))};
  for (const IndexExpr& begin : begins) {
    const IndexExpr extents[] = {
        constant(4), constant(0), t, sub(t, begin), sub(t, constant(1)), add(t, constant(3)), sub(add(begin, t), begin)};
    for (const IndexExpr& extent : extents) {
      Program program = storing(make_scalar(DType::f32, 1));
      program.dims.push_back({"T", 0, {}, -1});
      Loop loop;
      loop.variable = "i";
      loop.begin = begin;
      loop.extent = extent;
      loop.body = std::move(program.body);
      program.body.clear();
      program.body.push_back(statement(std::move(loop)));
      expect_round_trip(program);
    }
  }
}

TEST(TextRoundTrips, OfNamesThatAreWordsOfTheLanguage) {
  expect_round_trip(parse(R"(imbrex 1
kernel "a \"quoted\" \\ name\x0a" {
  dim dim typical 3 max 4
  input max: f32[dim, 4]
  output store: f32[dim, 4]
  range in in 0 .. dim {
    let let = max[in, :]
    let by = let + 1.0
    by = exp(by)
    store[in, :] = min(by, let)
  }
}
)",
                          "a.tile"));
}

TEST(TextRoundTrips, OfStringsThatHideNothing) {
  Program program = parse(corpus::kRmsNorm, "a.tile");
  for (const std::string name : {"größe 大きさ", "\"\\x41\\", "\x01\t\x7f", "\u202e\u2028\u200b", "\xff\xc3", "\xed\xa0\x80"}) {
    program.name = name;
    expect_round_trip(program);
  }
  EXPECT_EQ(quoted("é\"\x7f\u202e\xff"), R"("é\"\x7f\xe2\x80\xae\xff")");
}

TEST(TextRoundTrips, AndOriginsAreLines) {
  const Program program = parse(corpus::kRmsNorm, "rms.tile");
  EXPECT_EQ(program.where(program.body[0].origin), (SourceLine{"rms.tile", 8}));
  EXPECT_EQ(program.where(program.tensors[1].origin), (SourceLine{"rms.tile", 5}));
}

}  // namespace
}  // namespace imbrex::ir
