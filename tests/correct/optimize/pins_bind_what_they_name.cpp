// A pin binds what it names; what stands before it and behind it is optimized. Every result is proven and has the input's bits.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 32]
  input v: f32[32]
  weight w: f32[32, 64]
  output y: f32[T, 64]
)";

// Three scopes: a norm, a product, what is made of it.
struct Scopes {
  std::string norm = "", product = "", after = "", loop = "";  // pins

  ir::Program program() const {
    return checked(kHead + fmt::format(R"(
  create n: f32[T, 32]
  create p: f32[T, 64]
  parallel t in tiles(T, 8) {{
    at "norm" {} {{
      let inv = rsqrt(row_sum(x[t, :] * x[t, :]))
      n[t, :] = x[t, :] * inv * v[:]
    }}
  }}
  parallel c in tiles(64, 16) {{
    at "product" {} {{
      range r in tiles(T, 8) {} {{ p[r, c] = matmul(n[r, :], w[:, c]) }}
    }}
  }}
  parallel u in tiles(T, 8) {{
    at "after" {} {{ y[u, :] = p[u, :] * recip(row_max(p[u, :])) }}
  }}
)",
                                       norm, product, loop, after));
  }
};

Optimized expect_sound(const ir::Program& program) {
  Optimized after = test::optimized(program);
  expect_same_bits(program, after.program);
  expect_round_trip(after.program);
  expect_proven(after.program);
  return after;
}

std::string text_of(const Optimized& after) { return ir::print(after.program); }

const Exclusion* exclusion_named(const Optimized& after, const std::string& what) {
  for (const Exclusion& exclusion : after.exclusions)
    if (exclusion.what == what) return &exclusion;
  return nullptr;
}

const Choice* choice_on(const Optimized& after, const std::string& decision) {
  for (const Choice& choice : after.choices)
    if (choice.decision == decision) return &choice;
  return nullptr;
}

TEST(Pins, WithoutThemEverythingIsOneSegment) {
  const Optimized after = expect_sound(Scopes{}.program());
  EXPECT_TRUE(after.is_scheduled);
  EXPECT_TRUE(after.exclusions.empty());
  EXPECT_EQ(text_of(after).find("create n:"), std::string::npos) << text_of(after);
}

TEST(Pins, AScopeAsWrittenStaysAndTheOthersAreOptimized) {
  const Optimized after = expect_sound(Scopes{.product = "@as_written"}.program());
  ASSERT_TRUE(after.is_scheduled);
  const std::string text = text_of(after);
  EXPECT_NE(text.find("at \"product\" @as_written {\n      range r in tiles(T, 8) {"), std::string::npos) << text;
  EXPECT_EQ(text.find("at \"after\""), std::string::npos) << text;  // dissolved
  EXPECT_EQ(text.find("at \"norm\""), std::string::npos) << text;
  ASSERT_EQ(after.exclusions.size(), 1u);
  EXPECT_EQ(after.exclusions[0].what, "scope product");
  EXPECT_EQ(after.exclusions[0].kind, Exclusion::Kind::as_written);
  EXPECT_EQ(after.exclusions[0].where.line, 19);
  EXPECT_TRUE(after.exclusions[0].is_pinned);
}

TEST(Pins, ALoopAsWrittenStays) {
  const Optimized after = expect_sound(Scopes{.loop = "@as_written"}.program());
  ASSERT_TRUE(after.is_scheduled);
  EXPECT_NE(text_of(after).find("range r in tiles(T, 8) @as_written {"), std::string::npos) << text_of(after);
  EXPECT_EQ(text_of(after).find("at \"norm\""), std::string::npos);
  EXPECT_NE(exclusion_named(after, "loop r"), nullptr);
}

TEST(Pins, AScopeThatNothingFusesAcrossKeepsItsOutputInMemory) {
  // Without the pin, the sum of squares is the norm's and n is no tensor of its author's name.
  const Optimized after = expect_sound(Scopes{.norm = "@no_fusion"}.program());
  ASSERT_TRUE(after.is_scheduled);
  const std::string text = text_of(after);
  EXPECT_NE(text.find("create n: f32[T, 32]"), std::string::npos) << text;
  EXPECT_NE(text.find("at \"n\" {"), std::string::npos) << text;  // it is optimized, by itself
  EXPECT_EQ(text.find("at \"after\""), std::string::npos) << text;
  ASSERT_NE(exclusion_named(after, "scope norm"), nullptr);
  EXPECT_EQ(exclusion_named(after, "scope norm")->kind, Exclusion::Kind::separate);
}

TEST(Pins, OneScopeOfALoopIsSetApart) {
  const auto program = [](const std::string& pin) {
    return checked(kHead + fmt::format(R"(
  create a: f32[T, 32]
  create b: f32[T, 32]
  parallel t in tiles(T, 8) {{
    at "first" {{ a[t, :] = x[t, :] * v[:] }}
    at "second" {} {{ b[t, :] = a[t, :] + v[:] }}
    at "third" {{ y[t, 0 +: 32] = b[t, :] * v[:]  y[t, 32 +: 32] = a[t, :] }}
  }}
)",
                                       pin));
  };
  const Optimized one = expect_sound(program(""));
  EXPECT_EQ(one.scopes_after, 1) << text_of(one);
  const Optimized kept = expect_sound(program("@as_written"));
  EXPECT_NE(text_of(kept).find("at \"second\" @as_written"), std::string::npos) << text_of(kept);
  EXPECT_EQ(text_of(kept).find("at \"third\""), std::string::npos) << text_of(kept);
  const Optimized alone = expect_sound(program("@no_fusion"));
  EXPECT_NE(text_of(alone).find("create a:"), std::string::npos) << text_of(alone);
  EXPECT_NE(text_of(alone).find("create b:"), std::string::npos) << text_of(alone);
  EXPECT_EQ(alone.scopes_after, 3) << text_of(alone);
}

TEST(Pins, WhatSharesATileWithAPinnedScopeStaysWithIt) {
  const Optimized after = expect_sound(checked(kHead + std::string(R"(
  create a: f32[T, 32]
  parallel s in tiles(T, 8) { at "before" { a[s, :] = x[s, :] * v[:] } }
  parallel t in tiles(T, 8) {
    let held = a[t, :] + v[:]
    at "first" @as_written { y[t, 0 +: 32] = held }
    at "second" { y[t, 32 +: 32] = held * v[:] }
  }
)")));
  ASSERT_TRUE(after.is_scheduled);
  EXPECT_NE(text_of(after).find("at \"second\""), std::string::npos) << text_of(after);
  EXPECT_EQ(text_of(after).find("at \"before\""), std::string::npos) << text_of(after);
  ASSERT_EQ(after.exclusions.size(), 1u);
  EXPECT_NE(after.exclusions[0].reason.find("held is made on one side of it and used on the other"), std::string::npos)
      << after.exclusions[0].reason;
}

TEST(Pins, ATileOfALoopSetsTheSizeInTheSchedule) {
  const Optimized rows = expect_sound(Scopes{.loop = "@tile(6)"}.program());
  ASSERT_TRUE(rows.is_scheduled);
  EXPECT_TRUE(rows.exclusions.empty());
  ASSERT_NE(choice_on(rows, "6 rows at a time"), nullptr) << text_of(rows);
  EXPECT_EQ(choice_on(rows, "6 rows at a time")->reason, "pinned by its author, loop r");
  EXPECT_NE(text_of(rows).find("in tiles(T, 6)"), std::string::npos) << text_of(rows);

  // Rows and columns of a scope; the tensor n is gone, and what is made of it is the product's operand.
  const Optimized both = expect_sound(Scopes{.product = "@tile(5, 24)"}.program());
  EXPECT_NE(text_of(both).find("in tiles(T, 5)"), std::string::npos) << text_of(both);
  EXPECT_NE(text_of(both).find("in tiles(64, 24)"), std::string::npos) << text_of(both);
  const Optimized operand = expect_sound(Scopes{.norm = "@tile(3)"}.program());
  EXPECT_NE(text_of(operand).find("in tiles(T, 3)"), std::string::npos) << text_of(operand);
  const Optimized last = expect_sound(Scopes{.after = "@tile(7)"}.program());
  EXPECT_NE(text_of(last).find("in tiles(T, 7)"), std::string::npos) << text_of(last);
}

TEST(Pins, ATileOfASummedAxisKeepsItsLoop) {
  const Optimized after = expect_sound(checked(R"(
  dim T
  input x: f32[T, 32]
  weight w: f32[32, 64]
  output y: f32[T, 64]
  output z: f32[T, 32]
  parallel t in tiles(T, 8) { at "doubled" { z[t, :] = x[t, :] + x[t, :] } }
  parallel c in tiles(64, 16) {
    at "product" {
      let acc = full(f32, [T, c.size], 0.0)
      range k in tiles(32, 8) @tile(8) { acc = matmul_acc(acc, x[:, k], w[k, c]) }
      y[:, c] = acc
    }
  }
)"));
  ASSERT_TRUE(after.is_scheduled);
  EXPECT_NE(text_of(after).find("range k in tiles(32, 8)"), std::string::npos) << text_of(after);
  EXPECT_EQ(text_of(after).find("at \"doubled\""), std::string::npos) << text_of(after);
}

TEST(Pins, AKernelAsWrittenStaysWhole) {
  ir::Program program = Scopes{}.program();
  program.annotations.push_back({"as_written", {}});
  const Optimized after = expect_sound(program);
  EXPECT_FALSE(after.is_scheduled);
  EXPECT_EQ(after.reason, "its author pinned it with @as_written");
}

TEST(Pins, AKernelWithoutFusionHasItsScopes) {
  ir::Program program = Scopes{}.program();
  program.annotations.push_back({"no_fusion", {}});
  const Optimized after = expect_sound(program);
  EXPECT_EQ(after.scopes_after, 3) << text_of(after);
  EXPECT_TRUE(after.dropped.empty());
}

// A loop by itself: what it stores stays in memory, whatever is inside.
TEST(Pins, NoFusionOnALoopMakesASegmentOfIt) {
  const ir::Program program = checked(R"(
  dim T
  input x: f32[T, 64]
  output y: f32[T, 64]
  create n: f32[T, 64]
  parallel t in tiles(T, 16) @no_fusion {
    at "a" { n[t, :] = x[t, :] * rsqrt(row_sum(x[t, :] * x[t, :])) }
  }
  parallel u in tiles(T, 16) {
    at "b" { y[u, :] = n[u, :] + 1.0 }
  })");
  const Optimized after = expect_sound(program);
  EXPECT_NE(text_of(after).find("create n: "), std::string::npos) << text_of(after);
}

TEST(Pins, ThatNothingObeysAreErrors) {
  const auto told = [](const std::string& on_kernel, const std::string& on_loop, const std::string& on_scope,
                       const std::string& on_store) {
    const ir::Program program = ir::parse(fmt::format(R"(imbrex 1
kernel "k" {} {{
  dim T
  input x: f32[T, 64]
  output y: f32[T, 64]
  parallel t in tiles(T, 16) {} {{
    at "a" {} {{
      y[t, :] = x[t, :] + 1.0 {}
    }}
  }}
}}
)",
                                                      on_kernel, on_loop, on_scope, on_store),
                                          "k.tile");
    ir::verify_or_throw(program);
    try {
      test::optimized(program);
    } catch (const UserError& error) {
      const Diagnostic& diagnostic = error.diagnostics().at(0);
      EXPECT_EQ(diagnostic.id, "unknown-annotation");
      return fmt::format("{}: {}, try {}", diagnostic.where.line, diagnostic.message, diagnostic.hint);
    }
    return std::string("optimized");
  };
  EXPECT_EQ(told("@as_written", "@tile(3)", "@tile(4, 5) @no_fusion", "@stream"), "optimized");
  EXPECT_EQ(told("@as_writen", "", "", ""), "0: @as_writen is not an annotation of a kernel, try @as_written");
  EXPECT_EQ(told("", "@no_fuson", "", ""), "6: @no_fuson is not an annotation of a loop, try @no_fusion");
  EXPECT_EQ(told("", "@tile(0)", "", ""), "6: @tile(0) on a loop: wrong arguments; expects @tile(n), n >= 1, try @tile(32)");
  EXPECT_EQ(told("", "@tile(4, 5)", "", ""),
            "6: @tile(4, 5) on a loop: wrong arguments; expects @tile(n), n >= 1, try @tile(32)");
  EXPECT_EQ(told("", "", "@tile(\"large\")", ""),
            "7: @tile(\"large\") on a scope: wrong arguments; expects @tile(n) or @tile(n, m), both >= 1, try @tile(32)");
  EXPECT_EQ(told("", "", "@as_written(1)", ""),
            "7: @as_written(1) on a scope: wrong arguments; expects @as_written, try @as_written");
  EXPECT_EQ(told("", "", "", "@tile(4)"), "8: @tile(4) is not an annotation of a store, try @stream");
}

}  // namespace
}  // namespace imbrex::optimize
