// Right sides of products are packed ahead of the loops that take them again, as far out as they stay the same, and where they
// are not, the plan says why. Most programs stand beside a twin with one word more that holds the pack back.
#include <fmt/format.h>

#include "correct/optimize/same_bits.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/plan/print.h"

namespace imbrex::plan {
namespace {

// f32, for which every machine has a kernel of one name.
constexpr const char* kTensors = R"(
  dim T
  dim S typical 1024
  input a: f32[T, 64]
  input b: f32[S, 64]
  input lengths: int32[8]
  inout c: f32[S, 64]
  inout y: f32[T, S]
  inout z: f32[T, 64]
)";

const target::Machine& machine() {
  static const target::Machine machine(*target::target_named("scalar"));
  return machine;
}

std::string page(const std::string& body) {
  return print(make_plan(optimize::checked(kTensors + body + "\n"), machine(), false), machine());
}

// Lines, without what is before "phase:", "pack" and so on, of those that begin so.
std::string steps(const std::string& body) {
  const std::string text = page(body);
  std::string found;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const size_t word = text.find_first_not_of(' ', begin);
    for (const char* known : {"phase", "pack ", "barrier", "loop", "if ", "else", "product"})
      if (text.compare(word, std::string(known).size(), known) == 0) found += text.substr(begin, end - begin) + "\n";
  }
  return found;
}

void expect_why(const std::string& body, const std::string& why) {
  const std::string text = page(body);
  EXPECT_NE(text.find("by pack_f32, again each time: " + why + "\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("_packed"), std::string::npos) << text;
}

std::string loops(const std::string& inside, const std::string& before = "", const std::string& right = "b[c_, :]") {
  return fmt::format(
      "{}\nparallel t in tiles(T, 16) {{\nrange c_ in tiles(S, 64) {{\n{}\ny[t, c_] = matmul(a[t, :], {}, transpose_b)\n}}\n}}",
      before, inside, right);
}

TEST(PacksAhead, StandBeforeThePhaseWhoseTasksTakeTheSame) {
  EXPECT_EQ(steps(loops("")), R"(if T > 16
  phase 1: c_ in tiles of 64 of S; b_packed_panel in 0 .. 2; each worker its part
    pack panel b_packed_panel of b[c_, :] into b_packed, by pack_f32
  barrier: b_packed: stored above, read below
phase 2: t in tiles of 16 of T; each worker its part
  loop: c_ in tiles of 64 of S
    pack b[c_, :] by pack_f32, where b_packed does not hold it
    product: y[t, c_] = a[t, :] . b[c_, :] in b_packed, by matmul_f32
)");
}

TEST(PacksAhead, StandInATaskWhereItsOwnLoopTakesTheSame) {
  EXPECT_EQ(steps(R"(
    parallel h in tiles(64, 32) {
      range t in tiles(T, 16) { z[t, h] = matmul(y[t, :], c[:, h]) }
    })"),
            R"(phase 1: h in tiles of 32 of 64; each worker its part
  if T > 16
    pack c[:, h] into c_packed, by pack_f32
  loop: t in tiles of 16 of T
    pack c[:, h] by pack_f32, where c_packed does not hold it
    product: z[t, h] = y[t, :] . c[:, h] in c_packed, by matmul_f32
)");
}

// Four tasks always take the same: nothing is packed in the loop, and nothing is asked.
TEST(PacksAhead, AskNothingWhereTheLoopSaysHowOften) {
  EXPECT_EQ(steps(R"(
    range h in 0 .. 4 {
      parallel t in tiles(T, 16) { y[t, :] = y[t, :] + matmul(a[t, :], b[:, :], transpose_b) }
    })")
                .find("if "),
            std::string::npos);
  EXPECT_EQ(steps("range i in 0 .. 1 { y[:, :] = matmul(a[:, :], b[:, :], transpose_b) }").find("_packed"), std::string::npos);
}

// What is packed after the phase that stores it is what was stored.
TEST(PacksAhead, WaitForWhoStoredIt) {
  const std::string update = "parallel s in tiles(S, 8) { c[s, :] = c[s, :] * 2.0 }";
  const std::string text = steps(loops("", update, "c[c_, :]"));
  const size_t waits = text.find("barrier: all workers share what is inside"), packs = text.find("pack panel");
  EXPECT_LT(waits, packs) << text;
  EXPECT_NE(packs, std::string::npos) << text;
}

TEST(PacksAhead, OfOneOperandAreOne) {
  const auto packs = [](const char* second) {
    const std::string text =
        steps(fmt::format("parallel t in tiles(T, 16) {{\ny[t, :] = matmul(a[t, :], b[:, :], transpose_b)\n"
                          "y[t, :] = y[t, :] + matmul(a[t, :] * 2.0, {}, transpose_b)\n}}",
                          second));
    int found = 0;
    for (size_t at = text.find("pack panel"); at != std::string::npos; at = text.find("pack panel", at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(packs("b[:, :]"), 1);
  EXPECT_EQ(packs("c[:, :]"), 2);
}

TEST(PacksAhead, StopAtWhatChangesTheOperand) {
  expect_why(loops("c[c_, :] = c[c_, :] * 2.0", "", "c[c_, :]"), "it is stored to in the loop over c_");
  expect_why(R"(
    range i in 0 .. 3 {
      c[i +: 1, :] = a[0 +: 1, :]
      parallel s in 0 .. 1 { y[:, :] = matmul(a[:, :], c[:, :], transpose_b) }
    })",
             "it is stored to in the loop over i");
  expect_why(R"(
    range t in tiles(T, 16) {
      let r = b[0 +: 32, :] * 2.0
      y[t, 0 +: 32] = matmul(a[t, :], r, transpose_b)
    })",
             "it is computed in the loop over t");
  expect_why(R"(
    range t in tiles(T, 16) {
      create r: f32[32, 64]
      r[:, :] = b[0 +: 32, :] * 2.0
      y[t, 0 +: 32] = matmul(a[t, :], r[:, :], transpose_b)
    })",
             "it is stored to in the loop over t");
}

TEST(PacksAhead, StopAtWhatDecidesItsPlaceOrSize) {
  expect_why(R"(
    range t in tiles(T, 16) {
      read n = lengths[t.index % 8]
      if n > 0 and n <= S { y[t, 0 +: n] = matmul(a[t, :], b[0 +: n, :], transpose_b) }
    })",
             "data decides where it lies");
  expect_why(R"(
    range t in tiles(T, 16) {
      if t.index == 0 { y[t, :] = matmul(a[t, :], b[:, :], transpose_b) }
    })",
             "a condition decides whether it is taken");
  expect_why(R"(
    range t in tiles(T - 16, 16) { y[t, :] = matmul(a[t, :], b[:, :], transpose_b) })",
             "the loop over t may have no iteration");
  expect_why(R"(
    range t in tiles(T, 16) {
      assume S > 16
      y[t, 0 +: 16] = matmul(a[t, :], b[0 +: 16, :], transpose_b)
    })",
             "an assumption in the loop over t may be about it");
}

// Rows take the columns before them: all are packed once, for most rows a part of them.
TEST(PacksAhead, AreOfAllThatAnyIterationTakes) {
  EXPECT_EQ(steps(R"(
    parallel t in tiles(T, 16) {
      range c_ in tiles(min(t.begin + t.size, S), 64) { y[t, c_] = matmul(a[t, :], b[c_, :], transpose_b) }
    })"),
            R"(if T > 16
  phase 1: c_packed in tiles of 64 of min(T, S); b_packed_panel in 0 .. 2; each worker its part
    pack panel b_packed_panel of b[c_packed, :] into b_packed, by pack_f32
  barrier: b_packed: stored above, read below
barrier: its tasks are unequal, and are divided among all workers before any steals
phase 2: t in tiles of 16 of T; idle workers steal
  loop: c_ in tiles of 64 of min(t.begin + t.size, S)
    pack b[c_, :] by pack_f32, where b_packed does not hold it
    product: y[t, c_] = a[t, :] . b[c_, :] in b_packed, by matmul_f32
)");
  expect_why(R"(
    parallel t in tiles(T, 16) {
      range c_ in 0 .. min(t.index + 1, 8) { y[t, c_ * 16 +: 16] = matmul(a[t, :], b[c_ * 16 +: 16, :], transpose_b) }
    })",
             "the largest part of it that a loop can take may lie outside of its tensor");
}

// The inner axis of what is packed is that of each product: where tasks end within a tile, it is not.
TEST(PacksAhead, AreOfTheSameInnerAxis) {
  const auto sums = [](int64_t columns) {
    return fmt::format(R"(
    parallel t in tiles(T, 16) {{
      range c_ in tiles(min(t.begin + t.size, S), {}) {{ z[t, :] = z[t, :] + matmul(y[t, c_], b[c_, :]) }}
    }})",
                       columns);
  };
  EXPECT_NE(page(sums(8)).find("into b_packed"), std::string::npos) << page(sums(8));
  EXPECT_NE(page(sums(16)).find("into b_packed"), std::string::npos) << page(sums(16));
  expect_why(sums(64), "the part of it that one iteration of the loop over c_ takes depends on another loop");
}

// A condition over indices holds a pack back only where what it lets be taken may lie elsewhere.
TEST(PacksAhead, PassConditionsOverIndices) {
  EXPECT_NE(page(loops("if c_.begin < t.begin + t.size {") + "}").find("into b_packed"), std::string::npos);
  expect_why(
      "range t in tiles(T, 16) { if t.index > 0 and S > 15 { y[t, 0 +: 16] = matmul(a[t, :], b[0 +: 16, :], transpose_b) } }",
      "a condition decides whether it is taken, and elsewhere it may lie outside of its tensor");
}

// Before its begin as after its end.
TEST(PacksAhead, PassConditionsThatKeepABeginInside) {
  const auto rows = [](const char* begin) {
    return fmt::format(
        "input g: f32[128, 64]\nrange t in tiles(T, 16) {{ range i in 0 .. 8 {{ if i > 0 {{\n"
        "y[t, 0 +: 16] = matmul(a[t, :], g[{} +: 16, :], transpose_b)\n}} }} }}",
        begin);
  };
  EXPECT_NE(page(rows("i * 16")).find("into g_packed"), std::string::npos) << page(rows("i * 16"));
  expect_why(rows("i * 16 - 16"), "a condition decides whether it is taken, and elsewhere it may lie outside of its tensor");
}

// Four heads that take the same keys take them packed once.
TEST(PacksAhead, AreOncePerGroup) {
  const auto heads = [](const char* chosen) {
    return steps(fmt::format(R"(
    parallel h in 0 .. 8 {{
      parallel t in tiles(T, 16) {{
        range c_ in tiles(S, 64) {{ y[t, c_] = y[t, c_] + matmul(a[t, 0 +: 16], b[c_, {} +: 16], transpose_b) }}
      }}
    }})",
                             chosen));
  };
  EXPECT_NE(heads("h // 4 * 16").find("h_packed in 0 .. 2; c_ in tiles of 64 of S"), std::string::npos) << heads("h // 4 * 16");
  EXPECT_NE(heads("h // 4 * 16").find("pack panel b_packed_panel of b[c_, h_packed * 16 +: 16] into b_packed"),
            std::string::npos);
  EXPECT_NE(heads("h % 2 * 16").find("phase 1: h in 0 .. 8; c_ in"), std::string::npos) << heads("h % 2 * 16");
  EXPECT_NE(heads("(h // 4 + h // 2) * 4").find("phase 1: h in 0 .. 8; c_ in"), std::string::npos);
}

// Two phases, one pack; it stands before both, and is made again after a store to its operand.
TEST(PacksAhead, AreSharedByLoopsThatFollow) {
  const auto packs = [](const std::string& between) {
    const std::string twice = R"(
    parallel t in tiles(T, 16) {
      range c_ in tiles(S, 64) { y[t, c_] = matmul(a[t, :], c[c_, :], transpose_b) }
    })" + between + R"(
    parallel u in tiles(T, 16) {
      range d in tiles(S, 64) { y[u, d] = y[u, d] + matmul(a[u, :], c[d, :], transpose_b) }
    })";
    int found = 0;
    const std::string text = steps(twice);
    for (size_t at = text.find("pack panel"); at != std::string::npos; at = text.find("pack panel", at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(packs(""), 1);
  EXPECT_EQ(packs("parallel s in tiles(T, 8) { z[s, :] = a[s, :] * 2.0 }"), 1);
  EXPECT_EQ(packs("parallel s in tiles(S, 8) { c[s, :] = c[s, :] * 2.0 }"), 2);
  EXPECT_EQ(packs("if T > 3 { parallel s in tiles(S, 8) { c[s, :] = c[s, :] * 2.0 } }"), 2);
}

TEST(PacksAhead, StopWhereTheyWouldBeTooLarge) {
  const auto large = [](const char* size) {
    return fmt::format(
        "input l: f32[{0}, 1024]\ninout u: f32[T, {0}]\ninput m: f32[T, 1024]\nrange t in tiles(T, 16) {{\nrange c_ in "
        "tiles({0}, 64) {{ u[t, c_] = matmul(m[t, :], l[c_, :], transpose_b) }} }}",
        size);
  };
  expect_why(large("65600"), "all of it takes 268697600 bytes packed, more than 268435456");
  EXPECT_NE(page(large("65536")).find("into l_packed"), std::string::npos);
}

// Two KiB are packed twice before all workers have met.
TEST(PacksAhead, StopBeforeAPhaseWhereABarrierTakesLonger) {
  expect_why("parallel t in tiles(T, 64) { y[t, 0 +: 8] = matmul(a[t, :], b[0 +: 8, :], transpose_b) }",
             "waiting for all workers would take longer than it saves");
  EXPECT_NE(page("range t in tiles(T, 64) { y[t, 0 +: 8] = matmul(a[t, :], b[0 +: 8, :], transpose_b) }").find("into b_packed"),
            std::string::npos);
}

// A tile of the worker's own is an operand like any other.
TEST(PacksAhead, AreOfTilesToo) {
  EXPECT_EQ(steps(R"(
    parallel h in 0 .. 2 {
      let r = b[0 +: 32, :] * 2.0
      range t in tiles(T, 16) { y[t, h * 32 +: 32] = matmul(a[t, :], r, transpose_b) }
    })"),
            R"(phase 1: h in 0 .. 2; each worker its part
  if T > 16
    pack r into r_packed, by pack_f32
  loop: t in tiles of 16 of T
    pack r by pack_f32, where r_packed does not hold it
    product: y[t, h * 32 +: 32] = a[t, :] . r in r_packed, by matmul_f32
)");
}

// The estimate has the pack where it runs, and once: four times the tasks cost it nothing.
TEST(PacksAhead, AreInTheEstimateWhereTheyRun) {
  const ir::Program program = optimize::checked(kTensors + loops(""));
  const auto scopes = [&](int64_t rows) { return optimize::estimate_scopes(program, {{"T", rows}, {"S", 1024}}, machine()); };
  const auto few = scopes(64), many = scopes(256), none = scopes(16);
  ASSERT_EQ(few.size(), 2u);
  EXPECT_EQ(few[0].name, "pack b");
  EXPECT_GT(few[0].work.vector, 0);
  EXPECT_EQ(few[0].work.vector, many[0].work.vector);
  EXPECT_EQ(few[1].work.vector, 0);
  EXPECT_EQ(few[0].phase + 1, few[1].phase);
  ASSERT_EQ(none.size(), 1u);
  EXPECT_EQ(none[0].work.vector, few[0].work.vector);
}

}  // namespace
}  // namespace imbrex::plan
