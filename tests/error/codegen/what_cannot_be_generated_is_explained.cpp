// What code generation refuses, with its message, and the twin that differs by the hinted edit alone and is generated.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "imbrex/codegen/generate.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/plan/make_plan.h"

namespace imbrex::codegen {
namespace {

std::string first_message(const std::string& body) {
  const ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n" + body + "\n}\n", "k.tile");
  ir::verify_or_throw(program);
  try {
    return generate(plan::make_plan(program, target::targets().front(), false), target::targets().front()).empty() ? "no text"
                                                                                                                   : "";
  } catch (const UserError& error) {
    const Diagnostic& first = error.diagnostics().front();
    return fmt::format("{} [{}] {}; try: {}", first.where.line, first.id, first.message, first.hint);
  }
}

TEST(Refused, a_tile_that_no_dimension_bounds) {
  const std::string declarations = "dim N\ninput x: f32[N, 20]\ninput count: int32[1]\noutput y: f32[20, N]\nread n = count[0]\n";
  const std::string use = "let t = transpose(x[0 +: n, :])\ny[:, 0 +: n] = t";
  EXPECT_EQ(first_message(declarations + use),
            "8 [unbounded-tile] a tile of max(0, n) * 20 elements, which no dimension bounds; try: bound what is read from "
            "data, as `assume n <= N` does");
  EXPECT_EQ(first_message(declarations + "assume n <= N\n" + use), "");
}

// What is said of the index where it is not used says nothing of where it is.
TEST(Refused, a_tile_that_is_bounded_elsewhere) {
  const std::string declarations =
      "dim N\ninput x: f32[N, 4]\ninput count: int32[1]\noutput y: f32[N, 4]\ny[:, :] = x[:, :]\nread n = count[0]\n";
  const std::string use = "create s: f32[max(n, 1), 4]\ns[0, :] = x[0, :]\ny[0, :] = s[0, :]\n";
  const auto is_refused = [&](const std::string& body) {
    return first_message(declarations + body).find("[unbounded-tile]") != std::string::npos;
  };
  EXPECT_TRUE(is_refused("if N < 9 {\nassume n < 8\n} else {\n" + use + "}"));
  EXPECT_FALSE(is_refused("if N < 9 {\n} else {\nassume n < 8\n" + use + "}"));
  EXPECT_TRUE(is_refused("range i in 0 .. N {\nassume n < 8\n}\n" + use));
  EXPECT_TRUE(is_refused(use + "assume n < 8\n"));
  EXPECT_FALSE(is_refused("at \"known\" {\nassume n < 8\n}\n" + use));
  EXPECT_TRUE(is_refused("if n > 8 {\n" + use + "}"));
  EXPECT_FALSE(is_refused("if n < 8 {\n" + use + "}"));
  EXPECT_FALSE(is_refused("if n > 8 {\n} else {\n" + use + "}"));
}

}  // namespace
}  // namespace imbrex::codegen
