// A scope whose loops do not dissolve is a function of what it reads: equal where its text is, but for names, and where it reads
// the same.
#include "comparing.h"

namespace imbrex::equal {
namespace {

std::string softmax(const std::string& before, const std::string& names, const std::string& tile = "32") {
  const std::string t = names + "t", most = names + "most", sum = names + "sum", now = names + "now", c = names + "c";
  std::string text =
      "dim T typical 16\ninput x: f32[T, 128]\noutput y: f32[T, 128]\ncreate S: f32[T, 128]\n" + before +
      "parallel TT in tiles(T, 8) {\nat \"SCOPE\" {\nlet MOST = full(f32, [TT.size, 1], -inf)\nlet SUM = full(f32, [TT.size, 1], "
      "0.0)\n"
      "range C in tiles(128, " +
      tile +
      ") {\nlet NOW = max(MOST, row_max(S[TT, C]))\n"
      "SUM = SUM * exp(MOST - NOW) + row_sum(exp(S[TT, C] - NOW))\nMOST = NOW\n}\ny[TT, :] = exp(S[TT, :] - MOST) / SUM\n}\n}\n";
  const auto put = [&](const std::string& from, const std::string& to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  };
  put("SCOPE", names + "scope"), put("TT", t), put("MOST", most), put("SUM", sum), put("NOW", now), put("C]", c + "]"),
      put("range C", "range " + c);
  put("S[", names + "scaled["), put("create S:", "create " + names + "scaled:");
  return text;
}

const std::string kScale = "S[:, :] = x[:, :] * 0.125\n";
const std::string kScaleInTiles = "parallel u in tiles(T, 4) {\nS[u, :] = 0.125 * x[u, :]\n}\n";

TEST(KeptLoops, AreEqualUnderOtherNamesAndBesideOtherLoops) {
  const Result result = compared(softmax(kScale, "a_"), softmax(kScaleInTiles, "b_"));
  EXPECT_EQ(result.verdict, Verdict::equal) << result.text();
  ASSERT_FALSE(result.kept.empty());
  EXPECT_NE(result.text().find("keeps its author's loops: equal in both, but for names"), std::string::npos) << result.text();
}

TEST(KeptLoops, ReadTheSame) {
  EXPECT_EQ(compared(softmax(kScale, "a_"), softmax("S[:, :] = x[:, :] * 0.25\n", "a_")).verdict, Verdict::different);
}

// What they store is told apart by its place, also where a tensor of one element was stored before, or by the other kernel.
TEST(KeptLoops, ElementsAreToldApartBesideATensorOfOne) {
  const std::string head = "dim T typical 40\ninput a: f32[T]\noutput w: f32[T]\noutput z: f32[1]\ncreate y: f32[T]\n";
  const std::string loop = "parallel t in tiles(T, 19) {\ny[t] = a[t] - a[T - t.begin - t.size +: t.size]\n}\n";
  const std::string one = "z[:] = a[0 +: 1] * 2.0\n", of_loop = "z[:] = y[0 +: 1]\n";
  const std::string each = "parallel u in tiles(T, 16) {\nw[u] = y[u] + full(f32, [1, u.size], 0.0)\n}\n";
  const std::string first = "parallel u in tiles(T, 16) {\nw[u] = y[0 +: 1] + full(f32, [1, u.size], 0.0)\n}\n";
  for (const auto& [before, after] : {std::pair(one, std::string()), std::pair(std::string(), of_loop)}) {
    const std::string a = head + before + loop + after + each, b = head + before + loop + after + first;
    expect_different(a, b);
    expect_different(b, a);
    expect_equal(a, a);
    expect_equal(b, b);
    EXPECT_EQ(compared(a, head + before + loop + after + each, {.searches = false}).verdict, Verdict::equal);
  }
  // As the optimizer writes it.
  expect_equal(head + loop + of_loop + each,
               head + loop + "parallel v in tiles(1, 64) {\nz[v] = max(y[0], full(f32, [1, v.size], -inf))\n}\n" + each);
}

TEST(KeptLoops, OfAnotherTextAreNotDecided) {
  // Inputs show that they round differently; without them it is not decided, for this reason.
  EXPECT_EQ(compared(softmax(kScale, "a_"), softmax(kScale, "b_", "64")).verdict, Verdict::different);
  const Result result = compared(softmax(kScale, "a_"), softmax(kScale, "b_", "64"), {.searches = false});
  EXPECT_EQ(result.verdict, Verdict::not_decided);
  EXPECT_NE(result.text().find("scope b_scope of B keeps its author's loops"), std::string::npos) << result.text();
  EXPECT_NE(result.text().find("carries a value from one iteration of b_c to the next"), std::string::npos) << result.text();
}

TEST(KeptLoops, OfOneKernelThatNoOutputDependsOn) {
  const std::string dead =
      "create v: f32[T, 128]\nat \"dead\" {\nlet c = full(f32, [1, 128], 0.0)\nrange i in 0 .. T {\n"
      "c = c * 0.5 + x[i +: 1, :]\nv[i +: 1, :] = c\n}\n}\n";
  const std::string head = "dim T\ninput x: f32[T, 128]\noutput y: f32[T, 128]\n", store = "y[:, :] = x[:, :]";
  EXPECT_EQ(compared(head + dead + store, head + store).text(),
            "equal        for every T >= 1\n"
            "             scope dead of A keeps its author's loops, and no output depends on it\n");
}

// What is not decided is said in the words of the kernel, without the optimizer's advice; parts that both have are none of it.
TEST(KeptLoops, SayWhatIsNotDecided) {
  const std::string more =
      "create v: f32[T, 128]\nat \"same\" {\nlet c = full(f32, [1, 128], 0.0)\nrange i in 0 .. T {\n"
      "c = c * 0.5 + x[i +: 1, :]\nv[i +: 1, :] = c\n}\n}\n";
  const Result result = compared(softmax(more + "S[:, :] = v[:, :] * 0.125\n", "a_"),
                                 softmax(more + "S[:, :] = v[:, :] * 0.125\n", "b_", "64"), {.searches = false});
  EXPECT_EQ(result.text(),
            "not decided  y: A computes y[i0, i1] of scope a_scope (a.tile:16)\n"
            "                B computes y[i0, i1] of scope b_scope (b.tile:16)\n"
            "             scope a_scope of A keeps its author's loops (a.tile:22): a_sum carries a value from one iteration of "
            "a_c to the next\n"
            "             scope b_scope of B keeps its author's loops (b.tile:22): b_sum carries a value from one iteration of "
            "b_c to the next\n");
}

std::string recurrence(const std::string& body) {
  return "dim T typical 8\ninput x: f32[T, 8]\ninput z: f32[T, 8]\noutput y: f32[T, 8]\nat \"carry\" {\n"
         "let c = full(f32, [1, 8], 0.0)\nrange i in 0 .. T {\n" +
         body + "\ny[i +: 1, :] = c\n}\n}\n";
}

TEST(KeptLoops, OperandsThatMayBeExchangedAndScopesMakeNoDifference) {
  const std::string plain = recurrence("let s = x[i +: 1, :] * z[i +: 1, :]\nc = max(c * 0.5, s) + select(gt(s, c), s, c)");
  for (const std::string body :
       {"let s = z[i +: 1, :] * x[i +: 1, :]\nc = select(gt(s, c), s, c) + max(s, 0.5 * c)",
        "let s = x[i +: 1, :] * z[i +: 1, :]\nc = max(c * 0.5, s) + select(lt(c, s), s, c)",
        "let s = x[i +: 1, :] * z[i +: 1, :]\nat \"more\" { c = max(c * 0.5, s) + select(gt(s, c), s, c) }"}) {
    EXPECT_EQ(compared(plain, recurrence(body), {.searches = false}).verdict, Verdict::equal) << body;
    // Beside loops that differ, too.
    const std::string more = "create w: f32[T, 8]\n";
    const auto beside = [](const std::string& kernel, const std::string& loop) {
      std::string text = kernel;
      return text.insert(text.find("at \"carry\""), "output q: f32[T, 8]\n" + loop);
    };
    const Result result =
        compared(beside(plain, "q[:, :] = x[:, :] + 1.0\n"),
                 beside(recurrence(body), "parallel t in tiles(T, 4) { q[t, :] = x[t, :] + 1.0 }\n"), {.searches = false});
    EXPECT_EQ(result.verdict, Verdict::equal) << result.text() << body;
  }
  for (const std::string body : {"let s = x[i +: 1, :] * x[i +: 1, :]\nc = max(c * 0.5, s) + select(gt(s, c), s, c)",
                                 "let s = x[i +: 1, :] * z[i +: 1, :]\nc = max(c * 0.5, s) + select(gt(s, c), c, s)",
                                 "let s = x[i +: 1, :] * z[i +: 1, :]\nc = max(s * 0.5, c) + select(gt(s, c), s, c)",
                                 "let s = x[i +: 1, :] * z[i +: 1, :]\nc = max(c * 0.5, s) + select(lt(s, c), s, c)"})
    expect_different(plain, recurrence(body));
}

// Tensors and views that a kept scope makes for itself.
TEST(KeptLoops, WithTensorsOfTheirOwn) {
  const auto text = [](const std::string& product) {
    return "dim T typical 8\ninput x: f32[T, 8]\ninput z: f32[T, 8]\noutput y: f32[T, 8]\nview w = x: [T * 8]\nat \"carry\" {\n"
           "create s: f32[T, 8]\nview v = s: [T * 8]\ns[:, :] = " +
           product +
           " + reshape(w[:], [T, 8])\n"
           "let c = full(f32, [1, 8], 0.0)\nrange i in 0 .. T {\nc = c * 0.5 + s[i +: 1, :]\ny[i +: 1, :] = c\n}\n}\n";
  };
  EXPECT_EQ(compared(text("x[:, :] * z[:, :]"), text("z[:, :] * x[:, :]"), {.searches = false}).verdict, Verdict::equal);
  expect_different(text("x[:, :] * z[:, :]"), text("z[:, :] * z[:, :]"));
}

// Nothing of it is followed, and it is what it is.
TEST(KeptLoops, AKernelIsEqualToItself) {
  const auto triangle = [](const std::string& i, const std::string& factor) {
    return "dim T typical 8 max 8\ninput x: f32[T, 8]\noutput y: f32[T, 8]\nrange " + i + " in 0 .. T {\ny[" + i +
           " +: 1, 0 +: " + i + " + 1] = x[" + i + " +: 1, 0 +: " + i + " + 1] * " + factor + "\ny[" + i + " +: 1, " + i +
           " + 1 +: 7 - " + i + "] = -x[" + i + " +: 1, " + i + " + 1 +: 7 - " + i + "]\n}";
  };
  expect_equal(triangle("i", "2.0"), triangle("row", "2.0"));
  expect_different(triangle("i", "2.0"), triangle("row", "3.0"));
}

// Data decides where: kept, and equal to itself only.
TEST(KeptLoops, RowsThatDataDecides) {
  const std::string head =
      "dim T typical 8\ndim S typical 8\ninput i: int32[T, 1]\ninput x: f32[S, 8]\noutput y: f32[T, 8]\n"
      "let rows = i[:, :]\nassume 0 <= rows and rows < S\n";
  const std::string a = head + "y[:, :] = x[by rows, :] * 2.0";
  expect_equal(a, head + "y[:, :] = x[by rows, :] * 2.0");
  expect_different(a, head + "y[:, :] = x[by rows, :] * 3.0");
}

// What is assumed of data is named where the other kernel does not assume it.
TEST(KeptLoops, AssumptionsOnDataAreNamed) {
  const std::string head = "dim T\ninput i: int32[T, 1]\noutput y: int32[T, 1]\n", store = "y[:, :] = i[:, :] + 1\n";
  const std::string assumed = "let rows = i[:, :]\nassume 0 <= rows and rows <= 9\n";
  const Result result = compared(head + store, head + assumed + store);
  EXPECT_EQ(result.verdict, Verdict::equal) << result.text();
  EXPECT_NE(result.text().find("where 0 <= rows and rows <= 9, which B assumes and A does not"), std::string::npos)
      << result.text();
  EXPECT_TRUE(compared(head + assumed + store, head + assumed + store).conditions.empty());
  const Result scope = compared(head + store, head + "at \"check\" {\n" + assumed + "}\n" + store);
  EXPECT_EQ(scope.verdict, Verdict::equal) << scope.text();
  EXPECT_EQ(scope.conditions.size(), 1u) << scope.text();
}

// The tensor that a kept scope changes in part had other values before.
TEST(KeptLoops, WhatTheyLeaveOfATensorCounts) {
  const auto text = [](const std::string& before) {
    return "dim T typical 8\ninput x: f32[T, 64]\noutput y: f32[T, 64]\ncreate s: f32[T, 64]\ns[:, :] = x[:, :] * " + before +
           "\nat \"half\" {\nrange i in 1 .. T {\ns[i +: 1, 0 +: 32] = s[i - 1 +: 1, 0 +: 32] + 1.0\n}\n}\n"
           "y[:, :] = s[:, :]";
  };
  EXPECT_EQ(compared(text("2.0"), text("2.0")).verdict, Verdict::equal) << compared(text("2.0"), text("2.0")).text();
  EXPECT_EQ(compared(text("2.0"), text("3.0")).verdict, Verdict::different);
}

}  // namespace
}  // namespace imbrex::equal
