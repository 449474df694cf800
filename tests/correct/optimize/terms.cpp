// The closed list of rewrites: each is exact to the bit, and nothing else is rewritten.
#include "imbrex/optimize/terms.h"

#include <gtest/gtest.h>

namespace imbrex::optimize {
namespace {

using ir::CastMode;
using ir::Op;

class TermRules : public testing::Test {
 protected:
  TermId x(const char* tensor = "x", DType dtype = DType::f32) { return terms.access(tensor, dtype, {ir::named(".i0")}); }
  TermId cast(TermId id, DType to, CastMode mode) { return terms.operation(Op::cast, to, {id}, mode); }
  TermId pair(Op op, TermId a, TermId b) { return terms.operation(op, DType::f32, {a, b}); }
  Terms terms;
};

TEST_F(TermRules, CommutativeOperandsHaveOneOrder) {
  for (Op op : {Op::add, Op::mul, Op::min, Op::max, Op::eq, Op::ne})
    EXPECT_EQ(pair(op, x("a"), x("b")), pair(op, x("b"), x("a")));
  for (Op op : {Op::sub, Op::div, Op::lt, Op::ge}) EXPECT_NE(pair(op, x("a"), x("b")), pair(op, x("b"), x("a")));
  EXPECT_EQ(pair(Op::lt, x("a"), x("b")), pair(Op::gt, x("b"), x("a")));
  EXPECT_EQ(pair(Op::le, x("a"), x("b")), pair(Op::ge, x("b"), x("a")));
  EXPECT_NE(pair(Op::le, x("a"), x("b")), pair(Op::gt, x("b"), x("a")));
}

TEST_F(TermRules, AdditionIsNotReassociated) {
  EXPECT_NE(pair(Op::add, pair(Op::add, x("a"), x("b")), x("c")), pair(Op::add, x("a"), pair(Op::add, x("b"), x("c"))));
}

TEST_F(TermRules, DividingIsMultiplyingByTheInverseOfPowersOfTwoAlone) {
  EXPECT_NE(pair(Op::div, x(), terms.constant(DType::f32, 500)), pair(Op::mul, x(), terms.constant(DType::f32, 1.0 / 500)));
  EXPECT_EQ(pair(Op::div, x(), terms.constant(DType::f32, 512)), pair(Op::mul, x(), terms.constant(DType::f32, 1.0 / 512)));
}

TEST_F(TermRules, AChoiceOfOneValueIsThatValue) {
  const TermId a = x("a"), b = x("b");
  const std::vector<ir::IndexExpr> limits{ir::constant(0), ir::constant(4), ir::constant(8)};
  EXPECT_EQ(terms.intervals(ir::named("c"), limits, {a, a}), a);
  EXPECT_EQ(terms.residues(ir::named("c"), {a, a}), a);
  EXPECT_EQ(terms.at(terms.intervals(ir::named("c"), limits, {a, b})).kind, Term::Kind::choice);
  EXPECT_EQ(terms.at(terms.residues(ir::named("c"), {a, b})).kind, Term::Kind::choice);
}

TEST_F(TermRules, ACastThatLosesNothingIsUndone) {
  const TermId b = x("b", DType::bf16), i = x("i", DType::int8);
  EXPECT_EQ(cast(cast(b, DType::f32, CastMode::exact), DType::bf16, CastMode::rint), b);
  EXPECT_EQ(cast(cast(i, DType::int32, CastMode::exact), DType::int8, CastMode::trunc), i);
  EXPECT_EQ(cast(b, DType::bf16, CastMode::exact), b);
}

TEST_F(TermRules, RoundingTwiceToTheSameTypeIsRoundingOnce) {
  const TermId once = cast(x(), DType::bf16, CastMode::rint);
  EXPECT_EQ(cast(cast(once, DType::f32, CastMode::exact), DType::bf16, CastMode::rint), once);
}

TEST_F(TermRules, CastsThatLoseStay) {
  const TermId half = cast(x(), DType::f16, CastMode::rint);
  EXPECT_NE(cast(cast(half, DType::f32, CastMode::exact), DType::bf16, CastMode::rint), cast(x(), DType::bf16, CastMode::rint));
  EXPECT_NE(cast(x(), DType::bf16, CastMode::rint), cast(x(), DType::bf16, CastMode::trunc));
  const TermId narrowed = cast(x("n", DType::int32), DType::f32, CastMode::rint);
  EXPECT_NE(cast(narrowed, DType::int32, CastMode::rint), x("n", DType::int32));
}

TEST_F(TermRules, ExactWideningsAreOne) {
  const TermId i = x("i", DType::int8);
  EXPECT_EQ(cast(cast(i, DType::bf16, CastMode::exact), DType::f32, CastMode::exact), cast(i, DType::f32, CastMode::exact));
}

TEST_F(TermRules, ZerosOfBothSignsAreDifferent) {
  EXPECT_NE(terms.constant(DType::f32, 0.0), terms.constant(DType::f32, -0.0));
  EXPECT_NE(terms.constant(DType::f32, 1), terms.constant(DType::int32, 1));
}

TEST_F(TermRules, AReductionForgetsItsNamesAndKeepsItsTypes) {
  const auto sum = [&](const char* row, Reduction reduction, DType dtype) {
    const TermId body = terms.access("x", dtype, {ir::named(row), ir::named(".n")});
    return terms.at(terms.reduce(reduction, dtype, ir::constant(8), ".n", {body})).definition;
  };
  EXPECT_EQ(sum(".r", Reduction::row_sum, DType::f32), sum("h", Reduction::row_sum, DType::f32));
  EXPECT_NE(sum(".r", Reduction::row_sum, DType::f32), sum(".r", Reduction::col_sum, DType::f32));
  const TermId f = terms.reduce(Reduction::row_sum, DType::f32, ir::constant(8), ".n", {terms.constant(DType::f32, 1)});
  const TermId i = terms.reduce(Reduction::row_sum, DType::int32, ir::constant(8), ".n", {terms.constant(DType::int32, 1)});
  EXPECT_NE(terms.at(f).definition, terms.at(i).definition);
}

TEST_F(TermRules, ChoicesThatThePlaceDecidesAreDecided) {
  terms.ranges[".i0"] = {0, 31};
  const TermId a = x("a"), b = x("b");
  EXPECT_EQ(terms.residues(ir::mul(ir::constant(2), ir::named(".i0")), {a, b}), a);
  EXPECT_EQ(terms.intervals(ir::named(".i0"), {ir::constant(0), ir::constant(32), ir::constant(64)}, {a, b}), a);
  EXPECT_EQ(terms.at(terms.intervals(ir::named(".i0"), {ir::constant(0), ir::constant(16), ir::constant(32)}, {a, b})).kind,
            Term::Kind::choice);
}

TEST_F(TermRules, SharedTermsStaySmall) {
  TermId value = x();
  for (int i = 0; i < 200; ++i) value = pair(Op::mul, pair(Op::add, value, value), x("b"));
  EXPECT_EQ(terms.nodes(value), Terms::kManyNodes);
}

}  // namespace
}  // namespace imbrex::optimize
