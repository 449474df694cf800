// One wrong element in what a stage of the attention front made: that stage is named for every output that depends on it, and for
// no other. (Stages after it are judged on the inputs that they really had, and are right.)
#include <gtest/gtest.h>

#include "imbrex/tools/expose.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

struct Spoilt {
  const char* tensor;
  const char* stage;
  std::vector<std::string> outputs;  // that depend on it
};

TEST(FirstBadStage, IsTheOneThatWentWrong) {
  const kernels::Built built = kernels::build("deepseek_v4/qkv_proj_rope", "fused", "demo", {});
  std::vector<std::string> exposed;
  const ir::Program program = tools::with_temporaries_as_outputs(built.program, {"token_x_bf16", "qr_bf16"}, exposed);
  const kernels::Tensors inputs = inputs_of(built.program, 3, 7, true);
  const kernels::Tensors good = interpreted(program, 3, inputs);
  for (const Spoilt& spoilt :
       {Spoilt{"token_x_bf16", "attn_norm", {"q", "kv", "qr", "qr_scale"}}, Spoilt{"qr_bf16", "qr_rms", {"q", "qr", "qr_scale"}},
        Spoilt{"q", "q_heads", {"q"}}, Spoilt{"kv", "kv", {"kv"}}}) {
    kernels::Tensors spoilt_tensors = good;
    Array& array = spoilt_tensors.at(spoilt.tensor);
    array.as<uint16_t>()[5] ^= 0x4000;  // its exponent
    const kernels::Judgement report = kernels::find_kernel("deepseek_v4/qkv_proj_rope")
                                          .judge({inputs, spoilt_tensors, nullptr, built.options, false}, [](int64_t) {});
    EXPECT_FALSE(report.pass());
    for (const std::string output : {"q", "kv", "qr", "qr_scale"}) {
      const kernels::StageResult* bad = report.first_bad_stage(output);
      const bool depends = std::count(spoilt.outputs.begin(), spoilt.outputs.end(), output) > 0;
      ASSERT_EQ(bad != nullptr, depends) << spoilt.tensor << ", " << output;
      if (bad) {
        EXPECT_EQ(bad->stage, spoilt.stage) << output;
      }
    }
  }
}

}  // namespace
}  // namespace imbrex::test
