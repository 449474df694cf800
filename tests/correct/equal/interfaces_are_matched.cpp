// Inputs, outputs and dimensions are matched by name, or by their positions; what one kernel assumes the other must imply.
#include "comparing.h"

namespace imbrex::equal {
namespace {

std::string refusal(const std::string& a, const std::string& b, bool by_order = false) {
  try {
    compared(a, b, {.by_order = by_order});
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "not-comparable");
    return error.diagnostics().at(0).message;
  }
  return "";
}

TEST(Interfaces, ByNameInAnyOrder) {
  expect_equal(
      "dim T\ndim S\ninput a: f32[T, 8]\ninput b: f32[S, 8]\noutput y: f32[T, 8]\noutput z: f32[S, 8]\n"
      "y[:, :] = a[:, :] * 2.0\nz[:, :] = b[:, :] * 3.0",
      "dim S\ndim T\ninput b: f32[S, 8]\ninput a: f32[T, 8]\noutput z: f32[S, 8]\noutput y: f32[T, 8]\n"
      "z[:, :] = b[:, :] * 3.0\ny[:, :] = a[:, :] * 2.0");
}

// B's own names are those of A's inputs and dimensions.
TEST(Interfaces, ByPositionWhateverTheNames) {
  const std::string a = "dim T\ninput x: f32[T, 8]\ninput w: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :] - w[:, :]";
  const std::string b =
      "dim N\ninput w: f32[N, 8]\ninput x: f32[N, 8]\noutput out: f32[N, 8]\nparallel T in tiles(N, 4) {\nlet y = w[T, :]\n"
      "out[T, :] = y - x[T, :]\n}";
  EXPECT_EQ(compared(a, b, {.by_order = true}).verdict, Verdict::equal) << compared(a, b, {.by_order = true}).text();
  EXPECT_NE(refusal(a, b).find("B's N is none of A's dimensions: T"), std::string::npos) << refusal(a, b);
  const std::string swapped =
      "dim N\ninput w: f32[N, 8]\ninput x: f32[N, 8]\noutput out: f32[N, 8]\nout[:, :] = x[:, :] - w[:, :]";
  EXPECT_EQ(compared(a, swapped, {.by_order = true}).verdict, Verdict::different);
}

TEST(Interfaces, OneMemoryUnderTwoShapes) {
  const std::string a =
      "dim T\ninput x: f32[T, 64]\noutput y: f32[T, 4, 16]\nrange h in 0 .. 4 {\ny[:, h, :] = x[:, h * 16 +: 16] * 2.0\n}";
  const std::string b =
      "dim T\ninput x: f32[T, 4, 16]\noutput y: f32[T, 64]\nrange h in 0 .. 4 {\ny[:, h * 16 +: 16] = x[:, h, :] * 2.0\n}";
  expect_equal(a, b);
  expect_different(
      a,
      "dim T\ninput x: f32[T, 4, 16]\noutput y: f32[T, 64]\nrange h in 0 .. 4 {\ny[:, h * 16 +: 16] = x[:, 3 - h, :] * 2.0\n}");
}

// B is proven as its author wrote it: only A's shapes make its rows hard to follow.
TEST(Interfaces, AShapeOfTheOtherDoesNotMakeAKernelUnproven) {
  const auto text = [](const std::string& shape) {
    return "dim T\ndim S\ninput x: f32[" + shape + "]\noutput y: f32[" + shape + "]\nparallel t in tiles(" + shape.substr(0, 1) +
           ", 4) {\ny[t, :] = x[t, :] * 2.0\n}";
  };
  const Result result = compared(text("T, S"), text("S, T"));
  EXPECT_NE(result.verdict, Verdict::different) << result.text();
  EXPECT_EQ(result.text().find("not proven"), std::string::npos) << result.text();
}

TEST(Interfaces, WhatDoesNotMatchIsNamed) {
  const std::string a = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :]";
  EXPECT_NE(
      refusal(a, "dim T\ninput x: f32[T, 8]\noutput z: f32[T, 8]\nz[:, :] = x[:, :]").find("B's z is none of A's outputs: y"),
      std::string::npos);
  EXPECT_NE(refusal(a, "dim T\ninput x: bf16[T, 8]\noutput y: f32[T, 8]\ny[:, :] = cast(x[:, :], f32)")
                .find("x is input f32[T, 8] in A and input bf16[T, 8] in B"),
            std::string::npos);
  EXPECT_NE(
      refusal(a, "dim T\ninput x: f32[T, 9]\noutput y: f32[T, 8]\ny[:, :] = x[:, 0 +: 8]").find("x is input f32[T, 8] in A and"),
      std::string::npos);
  EXPECT_NE(refusal(a, "dim T\ninput x: f32[T, 8]\ninput w: f32[8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :] * w[:]")
                .find("B's w is none of A's inputs: x"),
            std::string::npos);
  EXPECT_NE(refusal(a, "dim T\ninput x: f32[T, 8]\ninput w: f32[8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :] * w[:]", true)
                .find("A has 1 inputs (x), B has 2 (x, w)"),
            std::string::npos);
}

TEST(Assumptions, OfOneKernelAreNamed) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n";
  const std::string free = head + "y[:, :] = x[:, :]";
  const std::string b = head + "assume T % 4 == 0\nrange i in 0 .. T // 4 {\ny[4 * i +: 4, :] = x[4 * i +: 4, :]\n}";
  const Result result = compared(free, b);
  EXPECT_EQ(result.text(), "equal        for every T >= 1\n             where T % 4 == 0, which B assumes and A does not\n");
  // Implied by what the other assumes: not named.
  EXPECT_EQ(compared(head + "assume T % 8 == 0\ny[:, :] = x[:, :]", b).text(),
            "equal        for every T >= 1\n             where T % 8 == 0, which A assumes and B does not\n");
  EXPECT_EQ(compared(b, b).text(), "equal        for every T >= 1\n");
}

// What is assumed where a kernel goes one way is not said of all sizes; what is assumed on every way is.
TEST(Assumptions, OfSomeSizesAreNamedWithThem) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n", store = "y[:, :] = x[:, :]\n",
                    ways = "if T > 8 {\nASSUMEy[:, :] = x[:, :]\n} else {\nparallel t in tiles(T, 4) { y[t, :] = x[t, :] }\n}\n";
  const auto with = [&](const std::string& before, const std::string& inside) {
    std::string text = head + before + ways;
    return text.replace(text.find("ASSUME"), 6, inside);
  };
  EXPECT_EQ(compared(head + store, with("", "assume T % 4 == 0\n"), {.are_proven = true}).text(),
            "equal        for every T >= 1\n             for T > 8: where T % 4 == 0, which B assumes and A does not\n");
  EXPECT_EQ(compared(head + store, with("assume T % 4 == 0\n", "")).text(),
            "equal        for every T >= 1\n             where T % 4 == 0, which B assumes and A does not\n");
  // The way implies it.
  EXPECT_EQ(compared(head + store, with("", "assume T > 7\n"), {.are_proven = true}).text(), "equal        for every T >= 1\n");
}

// B goes another way for sizes that A excludes: they are excluded, whichever way B goes.
TEST(Assumptions, ThatExcludeAWayAreNamedWithoutItsSizes) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n";
  EXPECT_EQ(compared(head + "assume T <= 4\ny[:, :] = x[:, :]",
                     head + "if T <= 4 {\ny[:, :] = x[:, :]\n} else {\ny[:, :] = x[:, :] * 2.0\n}")
                .text(),
            "equal        for every T >= 1\n             where T <= 4, which A assumes and B does not\n");
}

TEST(Assumptions, ThatNoSizeFulfilsShowNothing) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n";
  expect_not_decided(head + "assume T % 2 == 0\ny[:, :] = x[:, :]", head + "assume T % 2 == 1\ny[:, :] = x[:, :] + 1.0",
                     "no sizes fulfil what both assume");
  expect_not_decided(head + "assume T < 1\ny[:, :] = x[:, :]", head + "y[:, :] = x[:, :]", "no sizes fulfil what both assume");
}

TEST(Assumptions, TheSmallerMaximumCounts) {
  EXPECT_EQ(compared("dim T max 64\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :]",
                     "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :]")
                .text(),
            "equal        for every T from 1 to 64\n");
}

// Beyond the maximum of one kernel nothing is compared.
TEST(Assumptions, AWayBeyondTheMaximumDoesNotCount) {
  expect_equal(
      "dim T max 64\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :]",
      "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\nif T <= 64 {\ny[:, :] = x[:, :]\n} else {\ny[:, :] = x[:, :] * 2.0\n}");
}

}  // namespace
}  // namespace imbrex::equal
