// What only some tensors of a program need stores the same to them, and does not compute the others.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/tools/expose.h"
#include "imbrex/tools/needed_for.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

TEST(NeededFor, TheStagesOfTheFrontHaveTheirBits) {
  for (const char* variant : {"fused", "unfused"}) {
    const kernels::Built built = kernels::build("deepseek_v4/qkv_proj_rope", variant, "demo", {});
    std::vector<std::string> exposed;
    const ir::Program whole = tools::with_temporaries_as_outputs(built.program, {"token_x_bf16", "qr_bf16"}, exposed);
    const ir::Program part = tools::needed_for(whole, {"token_x_bf16", "qr_bf16", "kv"});
    ir::verify_or_throw(part);
    const std::string text = ir::print(part);
    EXPECT_EQ(text.find("wq_b["), std::string::npos) << text;
    EXPECT_EQ(text.find("output q:"), std::string::npos) << text;
    const kernels::Tensors inputs = inputs_of(built.program, 5, 7, true);
    const kernels::Tensors all = interpreted(whole, 5, inputs), some = interpreted(part, 5, inputs);
    for (const char* name : {"token_x_bf16", "qr_bf16", "kv"}) EXPECT_EQ(some.at(name).bytes, all.at(name).bytes) << name;
  }
}

TEST(NeededFor, CarriesViewsReadsAndBranchesAreFollowed) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "k" {
  dim T
  input x: f32[T, 8]
  input at: int32[T]
  output y: f32[T, 8]
  output z: f32[T, 8]
  output other: f32[T, 8]

  create rows: f32[T, 4, 2]
  view wide = rows: [T, 8]
  let sum = full(f32, [1, 8], 0.0)
  let unused = full(f32, [1, 8], 0.0)
  range t in 0 .. T {
    read i = at[t]
    assume 0 <= i and i < T
    wide[t, :] = x[i, :] + sum
    if t == 0 {
      sum = sum + 1.0
    } else {
      unused = unused + 1.0
    }
    other[t, :] = unused
    tap "sum" sum
  }
  y[:, :] = reshape(wide[:, :], [T, 8])
  z[:, :] = x[:, :]
}
)",
                                        "k.tile");
  const ir::Program part = tools::needed_for(program, {"y"});
  ir::verify_or_throw(part);
  const std::string text = ir::print(part);
  for (const char* gone : {"unused", "other", "z[", "tap", "assume", "else"})
    EXPECT_EQ(text.find(gone), std::string::npos) << text;
  kernels::Tensors inputs = inputs_of(program, 5, 3, false);
  for (int64_t i = 0; i < 5; ++i) inputs.at("at").as<int32_t>()[i] = static_cast<int32_t>(4 - i);
  EXPECT_EQ(interpreted(part, 5, inputs).at("y").bytes, interpreted(program, 5, inputs).at("y").bytes);
}

}  // namespace
}  // namespace imbrex::test
