// What authors write in several ways dissolves into the same terms, and so does nothing that computes something else.
#include "correct/optimize/optimized.h"
#include "imbrex/optimize/dissolve.h"

namespace imbrex::optimize {
namespace {

struct Idiom {
  const char *name, *head;
  // The plain way, the idiom, and the idiom with one edit that computes something else.
  const char *plain, *idiom, *other;
};

ir::Program with(const Idiom& idiom, const char* body) { return checked(std::string(idiom.head) + body); }

std::string terms_of(const ir::Program& program) {
  auto result = dissolve(as_written(program));
  if (const auto* refused = std::get_if<NotDissolved>(&result)) return "refused: " + refused->reason;
  return std::get<Dissolved>(result).text();
}

class Idioms : public testing::TestWithParam<Idiom> {};

TEST_P(Idioms, ReachTheSameTerms) {
  const Idiom& idiom = GetParam();
  const ir::Program plain = with(idiom, idiom.plain), same = with(idiom, idiom.idiom), other = with(idiom, idiom.other);
  EXPECT_FALSE(terms_of(plain).starts_with("refused")) << terms_of(plain);
  EXPECT_EQ(terms_of(plain), terms_of(same));
  EXPECT_NE(terms_of(plain), terms_of(other));
  for (const ir::Program& program : {plain, same, other}) expect_same_bits(program, test::optimized(program).program);
  bool differs = false;
  for (int64_t size : {1, 2, 3, 7, 8, 9, 15, 16, 17, 33}) {
    const auto expected = run_with(plain, size, 3), actual = run_with(same, size, 3), twin = run_with(other, size, 3);
    for (const auto& [name, array] : expected) {
      EXPECT_EQ(array.bytes, actual.at(name).bytes) << name << ", size " << size;
      differs = differs || array.bytes != twin.at(name).bytes;
    }
  }
  EXPECT_TRUE(differs) << "the twin is no other program";
}

constexpr const char* kRows = "dim T\ninput x: f32[T, 32]\noutput y: f32[T, 32]\n";
constexpr const char* kByMaximum = "y[:, :] = x[:, :] / row_max(abs(x[:, :]))\n";
constexpr const char* kHeads = "dim B\ndim S\ninput x: bf16[B, S, 32]\ninput w: bf16[32, 24]\noutput y: f32[B, S, 24]\n";

INSTANTIATE_TEST_SUITE_P(All, Idioms,
                         testing::Values(Idiom{"a_row_vector_is_a_column_by_reshape", kRows, kByMaximum,
                                               R"(create s: f32[1, T]
                 parallel t in tiles(T, 8) { s[:, t] = reshape(row_max(abs(x[t, :])), [1, t.size]) }
                 parallel u in tiles(T, 16) { y[u, :] = x[u, :] / reshape(s[:, u], [u.size, 1]) })",
                                               R"(create s: f32[1, T]
                 parallel t in tiles(T, 8) { s[:, t] = reshape(row_max(x[t, :]), [1, t.size]) }
                 parallel u in tiles(T, 16) { y[u, :] = x[u, :] / reshape(s[:, u], [u.size, 1]) })"},
                                         Idiom{"a_row_vector_is_a_column_by_view", kRows, kByMaximum,
                                               R"(create s: f32[1, T]
                 view c = s: [T, 1]
                 s[:, :] = reshape(row_max(abs(x[:, :])), [1, T])
                 parallel t in tiles(T, 8) { y[t, :] = x[t, :] / c[t, :] })",
                                               R"(create s: f32[1, T]
                 view c = s: [T, 1]
                 s[:, :] = reshape(row_max(abs(x[:, :])), [1, T])
                 parallel t in tiles(T, 8) { y[t, :] = x[t, :] / c[0, :] })"},
                                         Idiom{"a_column_is_computed_on_as_a_row", kRows, kByMaximum,
                                               R"(parallel t in tiles(T, 8) {
                   let m = reshape(row_max(abs(x[t, :])), [1, t.size])
                   range d in tiles(32, 8) { y[t, d] = x[t, d] / reshape(m, [t.size, 1]) }
                 })",
                                               R"(parallel t in tiles(T, 8) {
                   let m = reshape(row_max(abs(x[t, :])) * 2.0, [1, t.size])
                   range d in tiles(32, 8) { y[t, d] = x[t, d] / reshape(m, [t.size, 1]) }
                 })"},
                                         Idiom{"two_axes_are_one_by_view", kHeads,
                                               "parallel b in 0 .. B { y[b, :, :] = matmul(x[b, :, :], w[:, :]) }\n",
                                               R"(view f = x: [B * S, 32]
                 view g = y: [B * S, 24]
                 parallel t in tiles(B * S, 16) { g[t, :] = matmul(f[t, :], w[:, :]) })",
                                               R"(view f = x: [B * S, 32]
                 view g = y: [B * S, 24]
                 parallel t in tiles(B * S, 16) { g[t, :] = matmul(f[B * S - 1 - t.begin - t.size + 1 +: t.size, :], w[:, :]) })"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace imbrex::optimize
