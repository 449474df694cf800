// What a diagnostic says of elements and iterations is there in numbers, too: at the smallest dimensions where it holds.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

Report report_of(const std::string& body) {
  return prove(ir::parse("imbrex 1\nkernel \"k\" {\n  dim T typical 128\n" + body + "}\n", "k.tile"), {.counterexamples = true});
}

std::string text_of(const std::vector<ElementBox>& boxes) {
  std::string text;
  for (const ElementBox& box : boxes) {
    text += text.empty() ? "" : " ";
    for (size_t k = 0; k < box.first.size(); ++k)
      text +=
          (k ? "," : "") + std::to_string(box.first[k]) + (box.first[k] == box.last[k] ? "" : ".." + std::to_string(box.last[k]));
  }
  return text;
}

std::string text_of(const Counterexample::Touch& touch) {
  std::string text;
  for (const auto& [name, value] : touch.iteration) text += name + "=" + std::to_string(value) + " ";
  return text + (touch.writes ? "writes " : "reads ") + text_of(touch.elements);
}

TEST(Counterexample, OfRowsThatAreLostIsTheSmallestAndThenTheSmallestWithOthers) {
  const Report report = report_of(R"(  input x: f32[T, 8]
  output q: f32[T, 8]
  parallel i in 0 .. 2 {
    q[i * (T // 2) +: T // 2, :] = x[i * (T // 2) +: T // 2, :] * 0.5
  }
)");
  ASSERT_EQ(report.diagnostics.size(), 1u);
  ASSERT_EQ(report.counterexamples.size(), 2u);
  const Counterexample &least = report.counterexamples[0], &more = report.counterexamples[1];
  EXPECT_EQ(least.dims, (std::map<std::string, int64_t>{{"T", 1}}));
  EXPECT_EQ(text_of(least.elements), "0,0..7");
  EXPECT_TRUE(least.touches.empty());
  EXPECT_EQ(more.dims, (std::map<std::string, int64_t>{{"T", 3}}));
  EXPECT_EQ(more.shape, (std::vector<int64_t>{3, 8}));
  EXPECT_EQ(text_of(more.elements), "2,0..7");
  ASSERT_EQ(more.touches.size(), 2u);
  EXPECT_EQ(text_of(more.touches[0]), "i=0 writes 0,0..7");
  EXPECT_EQ(text_of(more.touches[1]), "i=1 writes 1,0..7");
  EXPECT_EQ(more.touches[1].where.line, 7);
  EXPECT_TRUE(more.is_exact);
}

TEST(Counterexample, OfIterationsThatMeetIsBothAndWhatTheyShare) {
  const Report report = report_of(R"(  input x: f32[T, 8]
  output q: f32[T, 8]
  parallel i in 0 .. 2 {
    q[:, i * 3 +: 5] = x[:, i * 3 +: 5] * 0.5
  }
)");
  ASSERT_EQ(report.counterexamples.size(), 1u);
  const Counterexample& c = report.counterexamples[0];
  EXPECT_EQ(report.diagnostics.at(c.diagnostic).id, "parallel-conflict");
  EXPECT_EQ(text_of(c.elements), "0,3..4");
  ASSERT_EQ(c.touches.size(), 2u);
  EXPECT_EQ(text_of(c.touches[0]), "i=0 writes 0,0..4");
  EXPECT_EQ(text_of(c.touches[1]), "i=1 writes 0,3..7");
}

TEST(Counterexample, OfASliceThatLeavesItsTensorIsTheSliceAndWhatIsOutside) {
  const Report report = report_of(R"(  input x: f32[T, 8]
  output q: f32[T, 8]
  range i in 0 .. 2 {
    q[:, i * 4 +: 4] = x[:, i * 4 + 2 +: 4]
  }
)");
  ASSERT_EQ(report.counterexamples.size(), 1u);
  const Counterexample& c = report.counterexamples[0];
  EXPECT_EQ(report.diagnostics.at(c.diagnostic).id, "out-of-bounds");
  EXPECT_EQ(c.tensor, "x");
  EXPECT_EQ(text_of(c.touches.at(0)), "i=1 reads 0,6..9");
  EXPECT_EQ(text_of(c.elements), "0,8..9");
}

TEST(Counterexample, OfAReadBeforeTheStoreIsTheReadAndTheStores) {
  const Report report = report_of(R"(  output q: f32[T, 4]
  create s: f32[T, 8]
  s[:, 0 +: 4] = full(f32, [T, 4], 1.0)
  q[:, :] = s[:, 2 +: 4]
)");
  ASSERT_GE(report.counterexamples.size(), 1u);
  const Counterexample& c = report.counterexamples[0];
  EXPECT_EQ(report.diagnostics.at(c.diagnostic).id, "uninitialised-read");
  EXPECT_EQ(text_of(c.elements), "0,4..5");
  ASSERT_EQ(c.touches.size(), 2u);
  EXPECT_EQ(text_of(c.touches[0]), "reads 0,2..5");
  EXPECT_EQ(text_of(c.touches[1]), "writes 0,0..3");
}

// Elements that are no box are listed one by one.
TEST(Counterexample, OfEverySecondColumnIsEachOfThem) {
  const Report report = report_of(R"(  output q: f32[T, 6]
  range i in 0 .. 3 { q[:, i * 2] = full(f32, [1, T], 1.0) }
)");
  ASSERT_GE(report.counterexamples.size(), 1u);
  EXPECT_EQ(text_of(report.counterexamples[0].elements), "0,1 0,3 0,5");
  EXPECT_TRUE(report.counterexamples[0].is_exact);
}

// Where data has a part in it, the interpreter's run is what is known, and where nothing was asked for nothing is made.
TEST(Counterexample, IsOfIterationsAndDimensionsAlone) {
  const std::string body = R"(  input at: int32[T]
  input x: f32[T, 4]
  output q: f32[T, 4]
  q[:, :] = x[:, :]
  parallel i in 0 .. T {
    read k = at[i]
    assume 0 <= k and k < T
    q[k, :] = x[i, :]
  }
)";
  EXPECT_FALSE(report_of(body).proven);
  EXPECT_TRUE(report_of(body).counterexamples.empty());
  const ir::Program lost = ir::parse(
      "imbrex 1\nkernel \"k\" {\n  dim T\n  output q: f32[T, 8]\n  q[0 +: T // 2, :] = full(f32, [T // 2, 8], 1.0)\n}\n",
      "k.tile");
  EXPECT_TRUE(prove(lost).counterexamples.empty());
  EXPECT_FALSE(prove(lost).proven);
}

}  // namespace
}  // namespace imbrex::prove
