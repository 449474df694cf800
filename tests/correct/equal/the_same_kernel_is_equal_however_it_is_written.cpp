// Loops, tiles, scopes, staging tensors, views, names and ways that a kernel goes for some sizes make no difference.
#include "comparing.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"

namespace imbrex::equal {
namespace {

constexpr const char* kFront = "deepseek_v4/qkv_proj_rope";

ir::Program front(const std::string& variant, const std::string& preset, const kernels::Options& options = {}) {
  return kernels::build(kFront, variant, preset, options).program;
}

TEST(Equal, ThreeVariantsOfTheFrontInEveryPreset) {
  for (const kernels::Preset& preset : kernels::find_kernel(kFront).presets)
    for (const auto& [a, b] : {std::pair("plain", "fused"), {"fused", "unfused"}, {"unfused", "plain"}}) {
      const Result result = compare(front(a, preset.name), front(b, preset.name));
      EXPECT_EQ(result.text(), "equal        for every T >= 1\n") << a << ", " << b << ", " << preset.name;
    }
}

TEST(Equal, TheFrontWithEveryOption) {
  for (const kernels::Options& options :
       {kernels::Options{{"norm_w_bf16", 1}}, {{"rope_f32", 1}}, {{"scale_by_blocks", 1}}, {{"row_splits", 3}}})
    EXPECT_EQ(compare(front("fused", "demo", options), front("unfused", "demo", options)).verdict, Verdict::equal);
}

TEST(Equal, EveryKernelAndWhatTheOptimizerMakesOfIt) {
  for (const kernels::Entry& kernel : kernels::registry())
    for (const std::string& variant : kernel.variants) {
      const ir::Program program = kernels::build(kernel.name, variant, "", {}).program;
      const Result result = compare(program, optimize::optimize(program).program);
      EXPECT_EQ(result.verdict, Verdict::equal) << kernel.name << " " << variant << "\n" << result.text();
    }
}

const std::string kHead = "dim T typical 16\ninput x: f32[T, 64]\ninput g: f32[64]\noutput y: bf16[T, 64]\n";
const std::string kPlain = kHead + "y[:, :] = cast(x[:, :] * rsqrt(row_sum(x[:, :] * x[:, :]) + 1e-06) * g[:], bf16, rint)";

TEST(Equal, Tiles) {
  for (const int tile : {1, 3, 16, 64})
    expect_equal(kPlain,
                 kHead + fmt::format("parallel t in tiles(T, {}) {{\nlet v = x[t, :]\n"
                                     "let s = rsqrt(row_sum(v * v) + 1e-06)\ny[t, :] = cast(v * s * g[:], bf16, rint)\n}}",
                                     tile));
}

TEST(Equal, StagingTensorsAndScopes) {
  expect_equal(kPlain,
               kHead +
                   "create s: f32[T, 1]\ncreate v: f32[T, 64]\n"
                   "parallel t in tiles(T, 8) {\nat \"sum\" {\ns[t, :] = rsqrt(row_sum(x[t, :] * x[t, :]) + 1e-06)\n}\n}\n"
                   "range u in tiles(T, 5) {\nat \"scale\" {\nv[u, :] = x[u, :] * s[u, :]\n}\n}\n"
                   "parallel w in tiles(T, 16) {\nat \"gamma\" {\nrange c in tiles(64, 16) {\n"
                   "y[w, c] = cast(v[w, c] * g[c], bf16, rint)\n}\n}\n}");
}

// The parts of an output lie differently: halves of columns in A, a main part and a rest of rows in B.
TEST(Equal, PartsOfAnOutput) {
  expect_equal(kHead +
                   "y[:, 0 +: 40] = cast(x[:, 0 +: 40] * g[0 +: 40], bf16, rint)\n"
                   "y[:, 40 +: 24] = cast(x[:, 40 +: 24] * g[40 +: 24], bf16, rint)",
               kHead +
                   "range i in 0 .. T // 4 {\ny[i * 4 +: 4, :] = cast(x[i * 4 +: 4, :] * g[:], bf16, rint)\n}\n"
                   "y[T // 4 * 4 +: T - T // 4 * 4, :] = cast(x[T // 4 * 4 +: T - T // 4 * 4, :] * g[:], bf16, rint)");
}

// Every second column in one store, a residue in the other.
// Parts that lie beside and below each other, divided along one axis first or along the other.
TEST(Equal, PartsDividedAlongBothAxes) {
  const std::string head = "input x: f32[8, 16]\ninput z: f32[8, 16]\noutput y: f32[8, 16]\n";
  const std::string together =
      "y[:, :] = concat_columns(concat_rows(x[0 +: 3, 0 +: 5], z[3 +: 5, 0 +: 5]), concat_rows(x[0 +: 6, 5 +: 11], "
      "z[6 +: 2, 5 +: 11])) * 2.0";
  const auto stored = [&](int limit) {
    return fmt::format(
        "create s: f32[8, 16]\ns[6 +: 2, 5 +: 11] = z[6 +: 2, 5 +: 11]\ns[0 +: 3, 0 +: 5] = x[0 +: 3, 0 +: 5]\n"
        "s[3 +: 5, 0 +: 5] = z[3 +: 5, 0 +: 5]\ns[0 +: {0}, 5 +: 11] = x[0 +: {0}, 5 +: 11]\n{1}y[:, :] = s[:, :] * 2.0",
        limit, limit < 6 ? fmt::format("s[{0} +: {1}, 5 +: 11] = z[{0} +: {1}, 5 +: 11]\n", limit, 6 - limit) : "");
  };
  expect_equal(head + together, head + stored(6));
  expect_different(head + together, head + stored(5));
}

TEST(Equal, ABoxStoredOverAnother) {
  const std::string head = "input x: f32[8, 16]\ninput z: f32[8, 16]\noutput y: f32[8, 16]\n";
  const auto over = [&](int row) {
    return fmt::format("create s: f32[8, 16]\ns[:, :] = x[:, :]\ns[{0} +: 3, 4 +: 6] = z[{0} +: 3, 4 +: 6]\ny[:, :] = s[:, :]",
                       row);
  };
  const std::string beside =
      "y[0 +: 2, :] = x[0 +: 2, :]\ny[5 +: 3, :] = x[5 +: 3, :]\n"
      "y[2 +: 3, :] = concat_columns(x[2 +: 3, 0 +: 4], concat_columns(z[2 +: 3, 4 +: 6], x[2 +: 3, 10 +: 6]))";
  expect_equal(head + over(2), head + beside);
  expect_different(head + over(3), head + beside);
}

TEST(Equal, RowsRepeatedByParts) {
  const std::string head = "dim T\ninput x: f32[T, 2, 8]\ninput z: f32[T, 3, 8]\noutput y: f32[T, 15, 8]\n";
  const auto in_rows = [&](const std::string& value) { return head + "range t in 0 .. T {\ny[t, :, :] = " + value + "\n}"; };
  const std::string together = in_rows("repeat_rows(concat_rows(x[t, :, :], z[t, :, :]), 3)");
  expect_equal(together, in_rows("concat_rows(repeat_rows(x[t, :, :], 3), repeat_rows(z[t, :, :], 3))"));
  expect_different(together, in_rows("concat_rows(repeat_rows(z[t, :, :], 3), repeat_rows(x[t, :, :], 3))"));
}

TEST(Equal, PairsOfColumns) {
  const std::string head = "dim T\ninput x: f32[T, 64]\noutput y: f32[T, 64]\n";
  expect_equal(head + "y[:, :] = interleave(odd(x[:, :]), even(x[:, :]))",
               head + "let e = even(x[:, :])\nlet o = odd(x[:, :])\ny[:, :] = interleave(o, e)");
  expect_different(head + "y[:, :] = interleave(odd(x[:, :]), even(x[:, :]))", head + "y[:, :] = x[:, :]");
}

// A sum over a head's columns, by heads in a loop, in a loop that goes backwards, and one by one.
TEST(Equal, HeadsInALoopAndOneByOne) {
  const std::string head = "dim T\ninput x: f32[T, 12]\noutput y: f32[T, 3, 4]\n";
  const auto of = [](const std::string& h) {
    return "y[:, " + h + ", :] = x[:, (" + h + ") * 4 +: 4] / row_sum(x[:, (" + h + ") * 4 +: 4])\n";
  };
  const std::string loop = head + "parallel h in 0 .. 3 {\n" + of("h") + "}";
  expect_equal(loop, head + "parallel h in 0 .. 3 {\n" + of("2 - h") + "}");
  expect_equal(loop, head + of("0") + of("1") + of("2"));
  expect_different(loop, head + of("0") + of("1") + "y[:, 2, :] = x[:, 8 +: 4] / row_sum(x[:, 4 +: 4])\n");
}

TEST(Equal, BranchesThatDoTheSame) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n", plain = head + "y[:, :] = x[:, :] * 2.0";
  const auto branches = [&](const std::string& other) {
    return head + "range t in tiles(T, 4) {\nif (t.index + T) % 3 == 0 {\nlet v = x[t, :] * 2.0\ny[t, :] = v\n} else {\n" +
           "at \"scope\" {\nlet w = " + other + "\ny[t, :] = w\n}\n}\n}";
  };
  expect_equal(plain, branches("2.0 * x[t, :]"));
  expect_different(plain, branches("2.0 / x[t, :]"));
}

TEST(Equal, WaysThatAKernelGoesForSomeSizes) {
  const std::string head = "dim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\n";
  const std::string plain = head + "y[:, :] = x[:, :] * 2.0";
  expect_equal(plain, head +
                          "if T <= 64 and T % 2 == 0 {\ny[:, :] = x[:, :] * 2.0\n} else {\n"
                          "parallel t in tiles(T, 16) {\ny[t, :] = 2.0 * x[t, :]\n}\n}");
  expect_different(plain, head + "if T <= 6 {\ny[:, :] = x[:, :] * 2.0\n} else {\ny[:, :] = x[:, :] * 3.0\n}");
  // A way that no size goes does not count.
  expect_equal(plain, head + "if T <= 0 {\ny[:, :] = x[:, :] * 3.0\n} else {\ny[:, :] = x[:, :] * 2.0\n}");
}

TEST(Equal, AnInoutThatIsChangedInPlace) {
  const std::string head = "dim T\ninput x: f32[T, 8]\ninout y: f32[T, 8]\n";
  expect_equal(head + "y[:, :] = y[:, :] + x[:, :]", head + "parallel t in tiles(T, 4) {\ny[t, :] = x[t, :] + y[t, :]\n}");
  expect_different(head + "y[:, :] = y[:, :] + x[:, :]", head + "y[:, :] = x[:, :] + x[:, :]");
  // B leaves it as it was given.
  const std::string more = head + "output w: f32[T, 8]\n", scale = "at \"b\" { w[:, :] = x[:, :] * 2.0 }\n";
  expect_different(more + "at \"a\" { y[:, :] = y[:, :] + x[:, :] }\n" + scale, more + scale);
  // A part that is not stored stays.
  expect_equal(head + "y[:, 0 +: 4] = x[:, 0 +: 4]", head + "parallel t in tiles(T, 4) {\ny[t, 0 +: 4] = x[t, 0 +: 4]\n}");
  expect_different(head + "y[:, 0 +: 4] = x[:, 0 +: 4]", head + "y[:, :] = x[:, :]");
}

}  // namespace
}  // namespace imbrex::equal
