// Where two kernels differ, the first difference is named in both authors' lines, and inputs are found that show it.
#include "comparing.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::equal {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to, size_t times = 1) {
  size_t found = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
    ++found;
  }
  EXPECT_EQ(found, times) << from << " in\n" << text;
  return text;
}

// The unfused front, edited.
class EditedFront : public testing::Test {
 protected:
  const ir::Program front_ = kernels::build("deepseek_v4/qkv_proj_rope", "unfused", "demo", {}).program;
  const std::string text_ = ir::print(front_);

  void expect_difference(const std::string& edited, const std::string& a, const std::string& b) const {
    const ir::Program program = ir::parse(edited, "edited.tile");
    ir::verify_or_throw(program);
    const ir::Program original = ir::parse(text_, "original.tile");
    const Result result = compare(original, program);
    ASSERT_EQ(result.verdict, Verdict::different) << result.text();
    EXPECT_NE(result.difference->a.computes.find(a), std::string::npos) << result.text();
    EXPECT_NE(result.difference->b.computes.find(b), std::string::npos) << result.text();
    EXPECT_EQ(result.difference->a.where.file, "original.tile");
    EXPECT_EQ(result.difference->b.where.file, "edited.tile");
    EXPECT_EQ(result.difference->a.where.line, result.difference->b.where.line) << result.text();
    expect_true(*result.witness, original, program);
  }
};

TEST_F(EditedFront, ARoundingIsDropped) {
  std::string edited =
      replaced(text_, "q_rot_even_bf16[t_13, :] = cast(difference, bf16, rint)", "q_rot_even_bf16[t_13, :] = difference");
  edited = replaced(edited, "create q_rot_even_bf16: bf16", "create q_rot_even_bf16: f32");
  edited = replaced(edited, "cast(q_rot_even_bf16[t_14, :], f32)", "q_rot_even_bf16[t_14, :]");
  // Rounding twice to bf16 is rounding once.
  const ir::Program program = ir::parse(edited, "edited.tile");
  ir::verify_or_throw(program);
  EXPECT_EQ(compare(front_, program).verdict, Verdict::equal);
  edited = replaced(text_, "qr_bf16[t_7, c_6] = cast(qr_fp32[t_7, c_6], bf16, rint)", "qr_bf16[t_7, c_6] = qr_fp32[t_7, c_6]");
  edited = replaced(edited, "create qr_bf16: bf16", "create qr_bf16: f32");
  edited = replaced(edited, "cast(qr_bf16[t_8, c_7], f32)", "qr_bf16[t_8, c_7]");
  edited = replaced(edited, "cast(qr_bf16[t_9, c_8], f32)", "qr_bf16[t_9, c_8]");
  const ir::Program unrounded = ir::parse(edited, "edited.tile");
  const Result result = compare(front_, unrounded);
  ASSERT_EQ(result.verdict, Verdict::different) << result.text();
  EXPECT_NE(result.difference->a.computes.find("bf16, rint"), std::string::npos) << result.text();
  EXPECT_EQ(result.difference->b.computes.find("bf16, rint"), std::string::npos) << result.text();
  expect_true(*result.witness, front_, unrounded);
}

TEST_F(EditedFront, AnotherEps) {
  expect_difference(replaced(text_, "qr_inv_rms[t_5, :] = 1.0 / sqrt(sum_2 * 0.00390625 + 1e-06)",
                             "qr_inv_rms[t_5, :] = 1.0 / sqrt(sum_2 * 0.00390625 + 1e-05)"),
                    "1e-06", "1e-05");
}

TEST_F(EditedFront, AWrongRopePair) {
  expect_difference(replaced(text_, "let difference = e * cosine - o * sine", "let difference = o * cosine - e * sine"), "*",
                    "*");
}

TEST_F(EditedFront, TwoScalesChangePlaces) {
  expect_difference(replaced(text_, " * qr_scale[t_11, :] * wq_b_scale[c_9]", " * wq_b_scale[c_9] * qr_scale[t_11, :]"),
                    "wq_b_scale", "wq_b_scale");
}

const std::string kHead = "dim T typical 16\ninput x: f32[T, 64]\noutput y: f32[T, 64]\n";

TEST(Different, IsSaidInOneScreen) {
  const Result result = expect_different(kHead + "y[:, :] = x[:, :] * 0.5 + 1.0", kHead + "y[:, :] = x[:, :] * 0.5 - 1.0");
  EXPECT_EQ(result.text().substr(0, result.text().find("shown")),
            "different    y: A computes ((x[i0, i1] * 0.5) + 1) (a.tile:6)\n"
            "                B computes ((x[i0, i1] * 0.5) - 1) (b.tile:6)\n"
            "             ");
  EXPECT_NE(result.text().find("shown by T=1, seed 1: y[0, 0] is "), std::string::npos) << result.text();
}

TEST(Different, IsSaidWithItsScope) {
  const Result result = expect_different(kHead + "at \"first\" {\ny[:, :] = x[:, :] * 0.5\n}",
                                         kHead + "parallel t in tiles(T, 8) {\nat \"other\" {\ny[t, :] = x[t, :] * 0.25\n}\n}");
  EXPECT_NE(result.text().find("A computes 0.5 (scope first, a.tile:7)"), std::string::npos) << result.text();
  EXPECT_NE(result.text().find("B computes 0.25 (scope other, b.tile:8)"), std::string::npos) << result.text();
}

// A difference that few inputs show: ties, zeros of both signs, sums of one sign.
TEST(Different, RareOnesAreFound) {
  expect_different(kHead + "y[:, :] = cast(cast(x[:, :], int32, rint), f32, rint)",
                   kHead + "y[:, :] = cast(cast(x[:, :], int32, round), f32, rint)");
  expect_different(kHead + "y[:, :] = x[:, :] + 0.0", kHead + "y[:, :] = x[:, :]");
  expect_different(kHead + "y[:, :] = x[:, :] * 0.3 * 0.7", kHead + "y[:, :] = x[:, :] * 0.7 * 0.3");
  // The last of 17 rows.
  expect_different(
      kHead + "y[:, :] = x[:, :]",
      kHead + "range i in 0 .. T {\nif i <= 15 {\ny[i +: 1, :] = x[i +: 1, :]\n} else {\ny[i +: 1, :] = x[i - 16 +: 1, :]\n}\n}");
}

// Terms that differ without a result that does: no witness, so nothing is claimed.
TEST(NotDecided, WhereNoInputShowsADifference) {
  expect_not_decided(kHead + "y[:, :] = abs(x[:, :]) * abs(x[:, :])", kHead + "y[:, :] = x[:, :] * x[:, :]",
                     "runs of both on the same inputs");
  const Result result = compared(kHead + "y[:, :] = x[:, :] + 1.0", kHead + "y[:, :] = x[:, :] + 2.0", {.searches = false});
  EXPECT_EQ(result.verdict, Verdict::not_decided);
  EXPECT_EQ(result.tried, 0);
}

TEST(NotDecided, WhereOneIsNotProven) {
  expect_not_decided(kHead + "y[:, :] = x[:, :]", kHead + "y[0 +: 1, :] = x[0 +: 1, :]", "B is not proven: ");
}

// Which row is read depends on a quotient of the place, which is no place itself.
TEST(Different, RowsThatAreRepeatedOtherwise) {
  const std::string head = "input x: f32[2, 8]\noutput y: f32[6, 8]\n", rows = "concat_rows(x[0 +: 1, :], x[1 +: 1, :]";
  expect_different(head + "y[:, :] = repeat_rows(" + rows + "), 3)",
                   head + "y[:, :] = repeat_rows(" + rows + ", x[0 +: 1, :]), 2)");
}

// Halves of columns that change from one tensor to the other at rows of their own.
TEST(Different, APartThatIsDividedAlongTheOtherAxisThanTheOneBefore) {
  const std::string head = "input x: f32[8, 16]\ninput z: f32[8, 16]\noutput y: f32[8, 16]\n";
  const std::string left = "y[:, :] = concat_columns(concat_rows(x[0 +: 4, 0 +: 8], z[0 +: 4, 0 +: 8]), ";
  expect_different(head + left + "concat_rows(x[0 +: 6, 8 +: 8], z[0 +: 2, 8 +: 8]))", head + left + "x[:, 8 +: 8])");
}

// A triangle whose lower rows are another tensor's: its columns end where their row in the whole says, not in the part.
TEST(Different, ATriangleThatIsDividedAtARow) {
  const std::string head = "input x: f32[8, 16]\ninput z: f32[8, 16]\noutput y: f32[8, 16]\n";
  const auto row = [](const std::string& of, const std::string& i, const std::string& in_part) {
    return fmt::format("concat_columns({0}[{1}, 0 +: {2} + 1], {0}[{1}, 0 +: 1] + full(f32, [1, 15 - {2}], 0.0))", of, i,
                       in_part);
  };
  expect_different(head + "create s: f32[8, 16]\ns[0 +: 4, :] = x[0 +: 4, :]\ns[4 +: 4, :] = z[4 +: 4, :]\n" +
                       "range i in 0 .. 8 {\ny[i, :] = " + row("s", "i", "i") + "\n}",
                   head + "range i in 0 .. 4 {\ny[i, :] = " + row("x", "i", "i") + "\n}\n" +
                       "range j in 0 .. 4 {\ny[4 + j, :] = " + row("z", "4 + j", "j") + "\n}");
}

// What B does not store it has from no line of its own, nor of A's.
TEST(Different, AnInoutThatBLeavesAlone) {
  const std::string head = "dim T\ninput x: f32[T, 8]\ninout s: f32[T, 8]\noutput y: f32[T, 8]\n";
  const Result result = expect_different(head + "\n\n\n\ns[:, :] = s[:, :] + 1.0\ny[:, :] = x[:, :]", head + "y[:, :] = x[:, :]");
  ASSERT_TRUE(result.difference.has_value());
  EXPECT_EQ(result.difference->b.where.line, 0);
}

// Of int32, the least number is its own negative.
TEST(Different, ForTheEndsOfIntegers) {
  const std::string head = "dim T\ninput x: int32[T, 3]\noutput y: int32[T, 1]\n";
  expect_different(head + "y[:, :] = max(row_max(x[:, :]), -row_min(x[:, :]))", head + "y[:, :] = row_max(abs(x[:, :]))");
}

}  // namespace
}  // namespace imbrex::equal
