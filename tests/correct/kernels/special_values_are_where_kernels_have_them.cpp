// NaN, infinities and what overflows f32: the references have them where kernels have them, and the judges see each that is not
// in its place, even a single one.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "imbrex/base/numbers.h"
#include "imbrex/kernels/compare.h"
#include "imbrex/tools/expose.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

constexpr const char* kFront = "deepseek_v4/qkv_proj_rope";
constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
constexpr double overflowing = 0x1p100;  // its square is
constexpr int64_t kTokens = 3;

struct Special {
  const char* tensor;
  int64_t index;
  double value;
};
std::ostream& operator<<(std::ostream& out, const Special& s) { return out << s.tensor << "[" << s.index << "] = " << s.value; }

// x has 512 columns: those of tokens 0 and 2. The columns of rope tables from 32 on are not used.
const std::vector<std::vector<Special>>& specials() {
  static const std::vector<std::vector<Special>> all = {
      {{"x", 7, nan}},
      {{"x", 2 * 512 + 511, infinity}},
      {{"x", 2 * 512, -infinity}},
      {{"x", 3, infinity}, {"x", 4, -infinity}, {"x", 1030, nan}},
      {{"x", 9, overflowing}},
      {{"x", 9, -0x1.fep127}},
      {{"norm_w", 5, nan}},
      {{"norm_w", 6, infinity}},
      {{"norm_w", 6, 0x1p127}},
      {{"wq_a", 300, nan}},
      {{"wq_a", 301, -infinity}},
      {{"gamma_cq", 17, nan}},
      {{"gamma_cq", 18, infinity}},
      {{"gamma_cq", 18, 0x1p126}},
      {{"wq_b_scale", 600, nan}},
      {{"wq_b_scale", 601, infinity}},
      {{"wq_b_scale", 1200, 0x1p127}},
      {{"wkv", 1000, nan}},
      {{"wkv", 1001, infinity}},
      {{"gamma_ckv", 2, -infinity}},
      {{"gamma_ckv", 500, nan}},
      {{"gamma_ckv", 501, 0x1p127}},
      {{"rope_cos", 64 + 3, nan}},
      {{"rope_cos", 5, infinity}},
      {{"rope_sin", 130, -infinity}},
      {{"rope_sin", 31, 0x1p127}},
  };
  return all;
}

struct Outcome {
  kernels::Built built;
  kernels::Tensors inputs, all;  // all: with what the kernel keeps between its stages
};

Outcome run(const std::string& variant, const kernels::Options& options, const std::vector<Special>& spoilt) {
  Outcome r{kernels::build(kFront, variant, "demo", options), {}, {}};
  r.inputs = inputs_of(r.built.program, kTokens, 7, true);
  for (const Special& s : spoilt) set_value_at(r.inputs.at(s.tensor), s.index, s.value);
  std::vector<std::string> exposed;
  r.all =
      interpreted(tools::with_temporaries_as_outputs(r.built.program, {"token_x_bf16", "qr_bf16"}, exposed), kTokens, r.inputs);
  return r;
}

kernels::Judgement judged(const Outcome& r, const kernels::Tensors& outputs) {
  return kernels::find_kernel("deepseek_v4/qkv_proj_rope")
      .judge({r.inputs, outputs, nullptr, r.built.options, false}, [](int64_t) {});
}

void expect_accepted(const Outcome& r) {
  const kernels::Judgement report = judged(r, r.all);
  for (const kernels::OutputResult& output : report.outputs) {
    EXPECT_EQ(output.tally.misplaced, 0) << output.name;
    EXPECT_TRUE(output.pass()) << output.name << " " << output.tally.outside << " outside";
  }
  for (const kernels::StageResult& stage : report.stages) EXPECT_TRUE(stage.pass()) << stage.stage << " " << stage.tensor;
}

TEST(SpecialValues, OfAnyInputAreThoseOfTheReference) {
  int64_t not_finite = 0;
  for (const char* variant : {"fused", "unfused", "plain"})
    for (const kernels::Options& options :
         {kernels::Options(), kernels::Options{{"norm_w_bf16", 1}, {"rope_f32", 1}, {"eps", 1e-20}}})
      for (const std::vector<Special>& spoilt : specials()) {
        SCOPED_TRACE(testing::Message() << variant << " " << kernels::text_of(options) << " " << testing::PrintToString(spoilt));
        const Outcome r = run(variant, options, spoilt);
        expect_accepted(r);
        for (const char* output : {"q", "kv", "qr_scale"})
          for (int64_t i = 0; i < r.all.at(output).size(); ++i) not_finite += !std::isfinite(value_at(r.all.at(output), i));
      }
  EXPECT_GT(not_finite, 1000);
}

// A NaN in one token stays there: in q, kv and the scale, all of them; integers are 0.
TEST(SpecialValues, OfOneTokenAreInNoOther) {
  for (const char* variant : {"fused", "unfused", "plain"}) {
    const Outcome good = run(variant, {}, {}), spoilt = run(variant, {}, {{"x", 7, nan}});
    for (const char* output : {"q", "kv", "qr", "qr_scale"}) {
      const Array &a = spoilt.all.at(output), &e = good.all.at(output);
      const int64_t row = a.size() / kTokens;
      for (int64_t i = 0; i < a.size(); ++i) {
        const double value = value_at(a, i);
        if (i >= row)
          ASSERT_EQ(value, value_at(e, i)) << output << i;
        else if (a.dtype == DType::int8)
          ASSERT_EQ(value, 0) << i;
        else
          ASSERT_TRUE(std::isnan(value)) << output << i;
      }
    }
  }
}

// One element of many, which a share that may be outside does not cover.
TEST(SpecialValues, OutOfPlaceAreSeenByTheJudge) {
  const Outcome good = run("fused", {}, {}), spoilt = run("fused", {}, {{"x", 7, nan}});
  for (const char* output : {"q", "kv", "qr_scale"})
    for (const bool is_spoilt : {false, true}) {
      const Outcome& r = is_spoilt ? spoilt : good;
      const std::vector<double> wrong =
          is_spoilt ? std::vector<double>{0, 1, infinity} : std::vector<double>{nan, infinity, -infinity};
      for (const double value : wrong) {
        kernels::Tensors outputs = r.all;
        set_value_at(outputs.at(output), 0, value);
        const kernels::Judgement report = judged(r, outputs);
        EXPECT_FALSE(report.pass());
        for (const kernels::OutputResult& result : report.outputs) {
          EXPECT_EQ(result.pass(), result.name != output) << result.name << " of " << output << " with " << value;
          EXPECT_EQ(result.tally.misplaced, result.name == output) << result.name;
        }
      }
    }
}

// The largest number and infinity are neighbours, for whom is close to both.
TEST(SpecialValues, InfinityIsNextToTheLargestNumber) {
  Array actual = Array::zeros(DType::bf16, {1, 4}), expected = actual;
  const double largest = 0x1.fep127;
  const std::vector<std::pair<double, double>> close = {
      {infinity, largest}, {largest, infinity}, {-infinity, -largest}, {nan, nan}};
  for (int64_t i = 0; i < 4; ++i) {
    set_value_at(actual, i, close[static_cast<size_t>(i)].first);
    set_value_at(expected, i, close[static_cast<size_t>(i)].second);
  }
  EXPECT_TRUE(kernels::compare_values("y", actual, expected).pass());
  for (const auto& [a, e] : std::vector<std::pair<double, double>>{{infinity, 1},
                                                                   {1, infinity},
                                                                   {infinity, -largest},
                                                                   {nan, infinity},
                                                                   {infinity, nan},
                                                                   {infinity, -infinity},
                                                                   {0, nan}}) {
    set_value_at(actual, 1, a);
    set_value_at(expected, 1, e);
    EXPECT_EQ(kernels::compare_values("y", actual, expected).tally.misplaced, 1) << a << " for " << e;
  }
}

TEST(SpecialValues, OfSharedBlocksAreThoseOfTheirReferences) {
  for (const kernels::Entry& entry : kernels::registry()) {
    if (entry.name.rfind("nn/", 0) != 0) continue;
    const kernels::Built built = kernels::build(entry.name, "", "", {});
    const kernels::Tensors inputs = inputs_of(built.program, kTokens, 11, false);
    for (const auto& [tensor, array] : inputs)
      for (const double value : {nan, infinity, -infinity, overflowing, 0x1p-130})
        for (const int64_t index : {int64_t{0}, array.size() / 2, array.size() - 1}) {
          kernels::Tensors spoilt = inputs;
          set_value_at(spoilt.at(tensor), index, value);
          const kernels::Tensors results = interpreted(built.program, kTokens, spoilt);
          for (const auto& [name, expected] : built.reference(spoilt))
            EXPECT_TRUE(kernels::compare_values(name, results.at(name), expected).pass())
                << entry.name << " " << name << ", " << Special{tensor.c_str(), index, value};
        }
  }
}

}  // namespace
}  // namespace imbrex::test
