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
void PrintTo(const Idiom& idiom, std::ostream* out) { *out << idiom.name; }

ir::Program with(const Idiom& idiom, const char* body) { return checked(std::string(idiom.head) + body); }

std::string terms_of(const ir::Program& program) {
  auto result = dissolve(as_written(program), Divided::all_loops);
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

constexpr const char* kProduct = "dim T\ninput a: bf16[T, 160]\ninput b: bf16[160, 24]\noutput c: f32[T, 24]\n";
constexpr const char* kWholeProduct = "c[:, :] = matmul(a[:, :], b[:, :])\n";
constexpr const char* kHeadsOfWeights = "dim T\ninput x: bf16[T, 128]\ninput w: bf16[4, 32, 24]\noutput c: f32[T, 24]\n";
constexpr const char* kOneColumn = "dim T\ninput x: f32[T, 40]\noutput s: f32[T, 1]\n";
constexpr const char* kDown = "dim T\ninput x: f32[T, 32]\noutput s: f32[1, 32]\n";

constexpr const char* kOfHeads = "dim T\ninput x: f32[T, 32]\noutput y: f32[T, 4, 8]\n";
constexpr const char* kByHeads =
    "parallel h in 0 .. 4 {\ny[:, h, 0 +: 6] = x[:, 8 * h +: 6] * 2.0\ny[:, h, 6 +: 2] = -x[:, 8 * h + 6 +: 2]\n}\n";

const Idiom kIdioms[] = {
    {"a_row_vector_is_a_column_by_reshape", kRows, kByMaximum,
     R"(create s: f32[1, T]
                 parallel t in tiles(T, 8) { s[:, t] = reshape(row_max(abs(x[t, :])), [1, t.size]) }
                 parallel u in tiles(T, 16) { y[u, :] = x[u, :] / reshape(s[:, u], [u.size, 1]) })",
     R"(create s: f32[1, T]
                 parallel t in tiles(T, 8) { s[:, t] = reshape(row_max(x[t, :]), [1, t.size]) }
                 parallel u in tiles(T, 16) { y[u, :] = x[u, :] / reshape(s[:, u], [u.size, 1]) })"},
    {"a_row_vector_is_a_column_by_view", kRows, kByMaximum,
     R"(create s: f32[1, T]
                 view c = s: [T, 1]
                 s[:, :] = reshape(row_max(abs(x[:, :])), [1, T])
                 parallel t in tiles(T, 8) { y[t, :] = x[t, :] / c[t, :] })",
     R"(create s: f32[1, T]
                 view c = s: [T, 1]
                 s[:, :] = reshape(row_max(abs(x[:, :])), [1, T])
                 parallel t in tiles(T, 8) { y[t, :] = x[t, :] / c[0, :] })"},
    {"a_column_is_computed_on_as_a_row", kRows, kByMaximum,
     R"(parallel t in tiles(T, 8) {
                   let m = reshape(row_max(abs(x[t, :])), [1, t.size])
                   range d in tiles(32, 8) { y[t, d] = x[t, d] / reshape(m, [t.size, 1]) }
                 })",
     R"(parallel t in tiles(T, 8) {
                   let m = reshape(row_max(abs(x[t, :])) * 2.0, [1, t.size])
                   range d in tiles(32, 8) { y[t, d] = x[t, d] / reshape(m, [t.size, 1]) }
                 })"},
    {"two_axes_are_one_by_view", kHeads, "parallel b in 0 .. B { y[b, :, :] = matmul(x[b, :, :], w[:, :]) }\n",
     R"(view f = x: [B * S, 32]
                 view g = y: [B * S, 24]
                 parallel t in tiles(B * S, 16) { g[t, :] = matmul(f[t, :], w[:, :]) })",
     R"(view f = x: [B * S, 32]
                 view g = y: [B * S, 24]
                 parallel t in tiles(B * S, 16) { g[t, :] = matmul(f[B * S - 1 - t.begin - t.size + 1 +: t.size, :], w[:, :]) })"},
    {"the_first_product_stands_before_the_loop", kProduct, kWholeProduct,
     R"(parallel t in tiles(T, 8) {
  let acc = matmul(a[t, 0 +: 32], b[0 +: 32, :])
  pipeline(2) k in 1 .. 5 { acc = matmul_acc(acc, a[t, 32 * k +: 32], b[32 * k +: 32, :]) }
  c[t, :] = acc
})",
     R"(parallel t in tiles(T, 8) {
  let acc = matmul(a[t, 32 +: 32], b[32 +: 32, :])
  pipeline(2) k in 1 .. 5 { acc = matmul_acc(acc, a[t, 32 * k +: 32], b[32 * k +: 32, :]) }
  c[t, :] = acc
})"},
    {"the_last_product_stands_behind_the_loop", kProduct, kWholeProduct,
     R"(let acc = full(f32, [T, 24], 0.0)
range k in 0 .. 2 { acc = matmul_acc(acc, a[:, 64 * k +: 64], b[64 * k +: 64, :]) }
acc = matmul_acc(acc, a[:, 128 +: 32], b[128 +: 32, :])
c[:, :] = acc)",
     R"(let acc = full(f32, [T, 24], 0.0)
range k in 0 .. 2 { acc = matmul_acc(acc, a[:, 64 * k +: 64], b[64 * k +: 64, :]) }
acc = acc * 0.5 + matmul(a[:, 128 +: 32], b[128 +: 32, :])
c[:, :] = acc)"},
    {"the_first_iteration_asks_for_itself", kProduct, kWholeProduct,
     R"(let acc = full(f32, [T, 24], 7.0)
range k in 0 .. 5 {
  if k > 0 {
    let l = a[:, 32 * k +: 32]
    acc = matmul_acc(acc, l, b[32 * k +: 32, :])
  } else { acc = matmul(a[:, 0 +: 32], b[0 +: 32, :]) }
}
c[:, :] = acc)",
     R"(let acc = full(f32, [T, 24], 7.0)
range k in 0 .. 5 {
  if k > 1 {
    let l = a[:, 32 * k +: 32]
    acc = matmul_acc(acc, l, b[32 * k +: 32, :])
  } else { acc = matmul(a[:, 0 +: 32], b[0 +: 32, :]) }
}
c[:, :] = acc)"},
    {"the_first_iteration_clears_and_the_last_one_stores", kProduct, kWholeProduct,
     R"(let acc = full(f32, [T, 24], 7.0)
range k in tiles(160, 64) {
  if k.index == 0 { acc = full(f32, [T, 24], 0.0) }
  acc = matmul_acc(acc, a[:, k], b[k, :])
  if k.begin + k.size == 160 { c[:, :] = acc }
})",
     R"(let acc = full(f32, [T, 24], 7.0)
range k in tiles(160, 64) {
  if k.begin == 64 { acc = full(f32, [T, 24], 0.0) }
  acc = matmul_acc(acc, a[:, k], b[k, :])
  if k.begin + k.size == 160 { c[:, :] = acc }
})"},
    {"heads_of_a_weight_are_chunks", kHeadsOfWeights, "view f = w: [128, 24]\nc[:, :] = matmul(x[:, :], f[:, :])\n",
     R"(let acc = full(f32, [T, 24], 0.0)
range h in 0 .. 4 { acc = matmul_acc(acc, x[:, 32 * h +: 32], w[h, :, :]) }
c[:, :] = acc)",
     R"(let acc = full(f32, [T, 24], 0.0)
range h in 0 .. 4 { acc = matmul_acc(acc, x[:, 32 * h +: 32], w[3 - h, :, :]) }
c[:, :] = acc)"},
    {"a_sum_is_peeled", kOneColumn, "s[:, :] = row_sum(x[:, :])\n",
     R"(let a = row_sum(x[:, 0 +: 8])
range k in 1 .. 5 { a = row_sum_acc(a, x[:, 8 * k +: 8]) }
s[:, :] = a)",
     R"(let a = row_sum(x[:, 0 +: 8])
range k in 1 .. 5 { a = a + row_sum(x[:, 8 * k +: 8]) }
s[:, :] = a)"},
    {"a_sum_of_rows_has_a_tail", kDown, "s[:, :] = col_sum(x[:, :])\n",
     R"(let a = full(f32, [1, 32], 0.0)
range k in 0 .. T // 16 { a = col_sum_acc(a, x[16 * k +: 16, :]) }
if T % 16 > 0 { a = col_sum_acc(a, x[16 * (T // 16) +: T % 16, :]) }
s[:, :] = a)",
     R"(let a = full(f32, [1, 32], 0.0)
range k in 0 .. T // 16 { a = col_sum_acc(a, x[16 * k +: 16, :]) }
if T % 16 > 1 { a = col_sum_acc(a, x[16 * (T // 16) +: T % 16, :]) }
s[:, :] = a)"},
    {"rows_are_added_one_by_one", kDown, "s[:, :] = col_sum(x[:, :])\n",
     R"(let a = full(f32, [1, 32], 0.0)
range t in 0 .. T { a = a + x[t, :] }
s[:, :] = a)",
     R"(let a = full(f32, [1, 32], 0.0)
range t in 0 .. T { a = a + x[T - 1 - t, :] }
s[:, :] = a)"},
    {"a_maximum_is_peeled", kOneColumn, "s[:, :] = row_max(x[:, :])\n",
     R"(let a = row_max(x[:, 0 +: 8])
range k in 1 .. 5 { a = max(row_max(x[:, 8 * k +: 8]), a) }
s[:, :] = a)",
     R"(let a = row_max(x[:, 0 +: 8])
range k in 1 .. 5 { a = max(row_min(x[:, 8 * k +: 8]), a) }
s[:, :] = a)"},
    {"a_magnitude_is_carried_through_lets", kOneColumn, "s[:, :] = max(row_max(abs(x[:, :])), 0.0001)\n",
     R"(let m = full(f32, [T, 1], 0.0001)
range c in tiles(40, 16) {
  let v = x[:, c]
  let n = -v
  let r = row_max(max(n, v))
  let most = max(m, r)
  m = most
}
s[:, :] = m)",
     R"(let m = full(f32, [T, 1], 0.0001)
range c in tiles(40, 16) {
  let v = x[:, c]
  let n = -v
  let r = row_max(min(n, v))
  let most = max(m, r)
  m = most
}
s[:, :] = m)"},
    {"a_magnitude_is_that_of_the_least_or_the_greatest", kOneColumn, "s[:, :] = row_max(abs(x[:, :]))\n",
     R"(let m = full(f32, [T, 1], 0.0)
range c in tiles(40, 16) {
  let v = x[:, c]
  m = max(m, max(row_max(v), -row_min(v)))
}
s[:, :] = m)",
     R"(let m = full(f32, [T, 1], 0.0)
range c in tiles(40, 16) {
  let v = x[:, c]
  m = max(m, max(row_max(v), row_min(v)))
}
s[:, :] = m)"},
    {"chunks_are_staged", kOneColumn, "s[:, :] = row_sum(x[:, :] * x[:, :])\n",
     R"(let a = full(f32, [T, 1], 0.0)
range c in tiles(40, 16) {
  create part: f32[T, c.size]
  at "stage" { part[:, :] = x[:, c] }
  at "sum" { a = row_sum_acc(a, part[:, :] * x[:, c]) }
}
s[:, :] = a)",
     R"(let a = full(f32, [T, 1], 0.0)
range c in tiles(40, 16) {
  create part: f32[T, c.size]
  at "stage" { part[:, :] = x[:, 0 +: c.size] }
  at "sum" { a = row_sum_acc(a, part[:, :] * x[:, c]) }
}
s[:, :] = a)"},
    {"a_flat_view_of_heads_is_stored_to_in_parts", kOfHeads, kByHeads,
     R"(view f = y: [T, 32]
parallel t in tiles(T, 8) {
  parallel h in 0 .. 4 {
    f[t, 8 * h +: 6] = x[t, 8 * h +: 6] * 2.0
    f[t, 8 * h + 6 +: 2] = -x[t, 8 * h + 6 +: 2]
  }
})",
     R"(view f = y: [T, 32]
parallel t in tiles(T, 8) {
  parallel h in 0 .. 4 {
    f[t, 8 * h +: 6] = x[t, 8 * h +: 6] * 2.0
    f[t, 8 * h + 6 +: 2] = -x[t, 8 * h +: 2]
  }
})"},
    {"rows_of_heads_are_stored_to", kOfHeads, kByHeads,
     R"(view f = y: [T * 4, 8]
parallel t in 0 .. T {
  range h in 0 .. 4 {
    f[4 * t + h, 0 +: 6] = x[t, 8 * h +: 6] * 2.0
    f[4 * t + h, 6 +: 2] = -x[t, 8 * h + 6 +: 2]
  }
})",
     R"(view f = y: [T * 4, 8]
parallel t in 0 .. T {
  range h in 0 .. 4 {
    f[4 * t + 3 - h, 0 +: 6] = x[t, 8 * h +: 6] * 2.0
    f[4 * t + 3 - h, 6 +: 2] = -x[t, 8 * h + 6 +: 2]
  }
})"},
    {"halves_are_an_axis_of_a_view", "dim T\ninput x: f32[T, 40]\noutput y: f32[T, 40]\n",
     "y[:, 0 +: 20] = x[:, 20 +: 20]\ny[:, 20 +: 20] = -x[:, 0 +: 20]\n",
     R"(view p = x: [T, 2, 20]
view q = y: [T, 2, 20]
parallel t in tiles(T, 8) {
  q[t, 0, :] = p[t, 1, :]
  q[t, 1, :] = -p[t, 0, :]
})",
     R"(view p = x: [T, 2, 20]
view q = y: [T, 2, 20]
parallel t in tiles(T, 8) {
  q[t, 1, :] = p[t, 1, :]
  q[t, 0, :] = -p[t, 0, :]
})"},
    {"what_is_stored_through_a_view_is_read_again", kOfHeads, kByHeads,
     R"(create s: f32[T, 4, 8]
view f = s: [T, 32]
parallel t in tiles(T, 8) {
  parallel h in 0 .. 4 {
    f[t, 8 * h +: 8] = x[t, 8 * h +: 8]
    y[t, h, 0 +: 6] = f[t, 8 * h +: 6] * 2.0
    y[t, h, 6 +: 2] = -s[t, h, 6 +: 2]
  }
})",
     R"(create s: f32[T, 4, 8]
view f = s: [T, 32]
parallel t in tiles(T, 8) {
  parallel h in 0 .. 4 {
    f[t, 8 * h +: 8] = x[t, 8 * h +: 8]
    y[t, h, 0 +: 6] = f[t, 8 * h +: 6] * 2.0
    y[t, h, 6 +: 2] = -s[t, h, 5 +: 2]
  }
})"},
    {"rows_go_backwards", kRows, "y[:, :] = x[:, :] * 2.0\n", R"(range t in 0 .. T { y[T - 1 - t, :] = x[T - 1 - t, :] * 2.0 })",
     R"(range t in 0 .. T { y[T - 1 - t, :] = x[t, :] * 2.0 })"},
    {"blocks_of_columns_go_backwards", kRows, "y[:, :] = x[:, :] * 2.0\n",
     R"(parallel h in 0 .. 4 { y[:, 24 - 8 * h +: 8] = x[:, 24 - 8 * h +: 8] * 2.0 })",
     R"(parallel h in 0 .. 4 { y[:, 24 - 8 * h +: 8] = x[:, 8 * h +: 8] * 2.0 })"},
    {"batches_are_rows_of_a_view", kHeads, "parallel b in 0 .. B { y[b, :, :] = matmul(x[b, :, :], w[:, :]) }\n",
     R"(view f = x: [B * S, 32]
view g = y: [B * S, 24]
parallel b in 0 .. B { g[S * b +: S, :] = matmul(f[S * b +: S, :], w[:, :]) })",
     R"(view f = x: [B * S, 32]
view g = y: [B * S, 24]
parallel b in 0 .. B { g[S * b +: S, :] = matmul(f[S * (B - 1 - b) +: S, :], w[:, :]) })"},
    {"halves_rotate_by_a_concat", "dim T\ninput x: f32[T, 32]\ninput c: f32[T, 16]\ninput d: f32[T, 16]\noutput y: f32[T, 32]\n",
     R"(let l = x[:, 0 +: 16]
let h = x[:, 16 +: 16]
y[:, 0 +: 16] = l * c[:, :] - h * d[:, :]
y[:, 16 +: 16] = h * c[:, :] + l * d[:, :])",
     R"(let turned = concat_columns(-x[:, 16 +: 16], x[:, 0 +: 16])
y[:, :] = x[:, :] * concat_columns(c[:, :], c[:, :]) + turned * concat_columns(d[:, :], d[:, :]))",
     R"(let turned = concat_columns(x[:, 16 +: 16], -x[:, 0 +: 16])
y[:, :] = x[:, :] * concat_columns(c[:, :], c[:, :]) + turned * concat_columns(d[:, :], d[:, :]))"},
    {"columns_are_taken_apart_and_put_together", kOneColumn, "s[:, :] = row_sum(x[:, :] * x[:, :])\n",
     R"(let v = interleave(even(x[:, :]), odd(x[:, :]))
s[:, :] = row_sum(v * x[:, :]))",
     R"(let v = interleave(odd(x[:, :]), even(x[:, :]))
s[:, :] = row_sum(v * x[:, :]))"},
    {"pairs_are_scaled_alike", kRows, "y[:, :] = x[:, :] * 2.0\n",
     "y[:, :] = interleave(even(x[:, :]) * 2.0, odd(x[:, :]) * 2.0)\n",
     "y[:, :] = interleave(even(x[:, :]) * 2.0, even(x[:, :]) * 2.0)\n"},
    {"whole_tiles_and_the_last_one_are_two_branches", kRows,
     "y[0 +: 16 * (T // 16), :] = x[0 +: 16 * (T // 16), :] * 2.0\ny[16 * (T // 16) +: T % 16, :] = x[16 * (T // 16) +: T % 16, "
     ":] * 2.0\n",
     R"(parallel t in tiles(T, 16) {
  if t.size == 16 { y[t.begin +: 16, :] = x[t.begin +: 16, :] * 2.0 } else { y[t, :] = x[t, :] * 2.0 }
})",
     R"(parallel t in tiles(T, 16) {
  if t.size == 16 { y[t.begin +: 16, :] = x[t.begin +: 16, :] * 2.0 } else { y[t, :] = x[t, :] * 3.0 }
})"},
    {"blocks_ask_for_the_block", kRows, "y[:, 0 +: 24] = x[:, 0 +: 24] * 2.0\ny[:, 24 +: 8] = -x[:, 24 +: 8]\n",
     R"(parallel h in 0 .. 4 {
  if h < 3 { y[:, 8 * h +: 8] = x[:, 8 * h +: 8] * 2.0 } else { y[:, 8 * h +: 8] = -x[:, 8 * h +: 8] }
})",
     R"(parallel h in 0 .. 4 {
  if h <= 1 { y[:, 8 * h +: 8] = x[:, 8 * h +: 8] * 2.0 } else { y[:, 8 * h +: 8] = -x[:, 8 * h +: 8] }
})"},
};

constexpr const char* kBytes = "dim T\ninput x: int8[T, 32]\noutput y: int32[T, 32]\n";
constexpr const char* kHalfOfBytes = "dim T\ninput x: int8[T, 32]\noutput y: int32[T, 16]\n";
constexpr const char* kColumnsOfBytes = "dim T\ninput x: int8[16, T]\noutput y: int32[16, T]\n";
constexpr const char* kBytesAsFloats = "dim T\ninput x: uint8[T, 32]\noutput y: f32[T, 16]\n";

// Products with matrices that are made in the kernel and select.
const Idiom kSelections[] = {
    {"even_columns_by_a_product", kHalfOfBytes, "y[:, :] = cast(even(x[:, :]), int32)\n",
     R"(let s = cast(select(eq(transpose(iota(32)), repeat_rows(iota(16) * 2, 32)), 1, 0), int8, rint)
parallel t in tiles(T, 8) { y[t, :] = matmul(x[t, :], s) })",
     R"(let s = cast(select(eq(transpose(iota(32)), repeat_rows(iota(16) * 2, 32)), 1, 0) + select(eq(transpose(iota(32)), repeat_rows(iota(16) + 7, 32)), 1, 0), int8, rint)
parallel t in tiles(T, 8) { y[t, :] = matmul(x[t, :], s) })"},
    {"odd_columns_of_a_matrix_of_truths", kHalfOfBytes, "y[:, :] = cast(odd(x[:, :]), int32)\n",
     R"(create s: int8[32, 16]
s[:, :] = cast(eq(transpose(repeat_rows(iota(32), 16)), iota(16, 0) + iota(16, 1)), int8)
y[:, :] = matmul(x[:, :], s[:, :]))",
     R"(create s: int8[32, 16]
s[:, :] = cast(eq(transpose(repeat_rows(iota(32), 16)), iota(16, 0) + iota(16, 2)), int8)
y[:, :] = matmul(x[:, :], s[:, :]))"},
    {"columns_are_interleaved_by_a_product", kBytes,
     "y[:, :] = interleave(cast(x[:, 0 +: 16], int32), cast(x[:, 16 +: 16], int32))\n",
     R"(let from = interleave(iota(16), iota(16, 16))
let s = cast(select(eq(transpose(iota(32)), repeat_rows(from, 32)), 1, 0), int8, rint)
y[:, :] = matmul(x[:, :], s))",
     R"(let from = interleave(iota(16), iota(16, 15))
let s = cast(select(eq(transpose(iota(32)), repeat_rows(from, 32)), 1, 0), int8, rint)
y[:, :] = matmul(x[:, :], s))"},
    {"columns_are_interleaved_by_two_matrices", kBytes,
     "y[:, :] = interleave(cast(x[:, 0 +: 16], int32), cast(x[:, 16 +: 16], int32))\n",
     R"(let e = select(eq(transpose(iota(16)) * 2, repeat_rows(iota(32), 16)), 1, 0)
let o = select(eq(transpose(iota(16)) * 2 + 1, repeat_rows(iota(32), 16)), 1, 0)
y[:, :] = matmul(x[:, :], cast(concat_rows(e, o), int8, rint)))",
     R"(let e = select(eq(transpose(iota(16)) * 2, repeat_rows(iota(32), 16)), 1, 0)
let o = select(eq(transpose(iota(16)) * 2, repeat_rows(iota(32), 16)), 1, 0)
y[:, :] = matmul(x[:, :], cast(concat_rows(e, o), int8, rint)))"},
    {"columns_are_divided_by_where_each_goes", kBytes,
     "y[:, :] = concat_columns(cast(even(x[:, :]), int32), cast(odd(x[:, :]), int32))\n",
     R"(let to = transpose(interleave(iota(16), iota(16, 16)))
y[:, :] = matmul(x[:, :], cast(select(ne(to, full(int32, [32, 32], 1) * iota(32)), 0, 1), int8, rint)))",
     R"(let to = transpose(interleave(iota(16), iota(16, 15)))
y[:, :] = matmul(x[:, :], cast(select(ne(to, full(int32, [32, 32], 1) * iota(32)), 0, 1), int8, rint)))"},
    {"halves_rotate_by_a_product", kBytes,
     "y[:, 0 +: 16] = -cast(x[:, 16 +: 16], int32)\ny[:, 16 +: 16] = cast(x[:, 0 +: 16], int32)\n",
     R"(let one = select(eq(transpose(iota(16)), repeat_rows(iota(16), 16)), 1, 0)
let none = full(int32, [16, 16], 0)
let s = concat_rows(concat_columns(none, one), concat_columns(-one, none))
y[:, :] = matmul(x[:, :], cast(s, int8, rint)))",
     R"(let one = select(eq(transpose(iota(16)), repeat_rows(iota(16), 16)), 1, 0)
let none = full(int32, [16, 16], 0)
let s = concat_rows(concat_columns(none, one), concat_columns(-one, one))
y[:, :] = matmul(x[:, :], cast(s, int8, rint)))"},
    {"columns_rotate_by_a_choice", kBytes, "y[:, :] = concat_columns(cast(x[:, 8 +: 24], int32), cast(x[:, 0 +: 8], int32))\n",
     R"(let from = select(lt(iota(32), 24), iota(32) + 8, iota(32) - 24)
y[:, :] = matmul(x[:, :], cast(select(eq(transpose(iota(32)), repeat_rows(from, 32)), 1, 0), int8, rint)))",
     R"(let from = select(lt(iota(32), 25), iota(32) + 8, iota(32) - 24)
y[:, :] = matmul(x[:, :], cast(select(eq(transpose(iota(32)), repeat_rows(from, 32)), 1, 0), int8, rint)))"},
    {"a_column_beyond_the_range_is_zero", kBytes,
     "y[:, 0 +: 31] = cast(x[:, 1 +: 31], int32)\ny[:, 31 +: 1] = full(int32, [T, 1], 0)\n",
     R"(y[:, :] = matmul(x[:, :], cast(select(eq(transpose(iota(32)), repeat_rows(iota(32) + 1, 32)), 1, 0), int8, rint)))",
     R"(y[:, :] = matmul(x[:, :], cast(select(eq(transpose(iota(32)), repeat_rows(min(iota(32) + 1, 31), 32)), 1, 0), int8, rint)))"},
    {"rows_change_places_by_a_product", kColumnsOfBytes,
     "y[0 +: 8, :] = cast(x[8 +: 8, :], int32)\ny[8 +: 8, :] = cast(x[0 +: 8, :], int32)\n",
     R"(let one = select(eq(transpose(iota(8)), repeat_rows(iota(8), 8)), 1, 0)
let none = full(int32, [8, 8], 0)
let s = concat_rows(concat_columns(none, one), concat_columns(one, none))
y[:, :] = matmul(cast(s, int8, rint), x[:, :]))",
     R"(let one = select(eq(transpose(iota(8)), repeat_rows(iota(8), 8)), 1, 0)
let none = full(int32, [8, 8], 0)
let s = concat_rows(concat_columns(none, one), concat_columns(one, one))
y[:, :] = matmul(cast(s, int8, rint), x[:, :]))"},
    {"a_product_that_selects_goes_in_chunks", kHalfOfBytes, "y[:, :] = cast(odd(x[:, :]), int32)\n",
     R"(create s: int8[32, 16]
parallel r in tiles(32, 8) { s[r, :] = cast(select(eq(transpose(iota(r.size, r.begin)), full(int32, [r.size, 16], 0) + iota(16) * 2 + 1), 1, 0), int8, rint) }
parallel t in tiles(T, 8) {
  let acc = full(int32, [t.size, 16], 0)
  range k in tiles(32, 8) { acc = matmul_acc(acc, x[t, k], s[k, :]) }
  y[t, :] = acc
})",
     R"(create s: int8[32, 16]
parallel r in tiles(32, 8) { s[r, :] = cast(select(eq(transpose(iota(r.size, r.begin)), full(int32, [r.size, 16], 0) + iota(16) * 2 - 1), 1, 0), int8, rint) }
parallel t in tiles(T, 8) {
  let acc = full(int32, [t.size, 16], 0)
  range k in tiles(32, 8) { acc = matmul_acc(acc, x[t, k], s[k, :]) }
  y[t, :] = acc
})"},
    {"bytes_are_selected_as_bf16", kBytesAsFloats, "y[:, :] = cast(even(x[:, :]), f32)\n",
     R"(let s = cast(select(eq(transpose(iota(32)), repeat_rows(2 * iota(16), 32)), 1.0, 0.0), bf16, rint)
y[:, :] = matmul(cast(x[:, :], bf16), s))",
     R"(let s = cast(select(eq(transpose(iota(32)), repeat_rows(2 * iota(16), 32)), 0.5, 0.0), bf16, rint)
y[:, :] = matmul(cast(x[:, :], bf16), s))"},
    {"bytes_are_selected_as_f32", kBytesAsFloats, "y[:, :] = cast(even(x[:, :]), f32)\n",
     R"(y[:, :] = matmul(cast(x[:, :], f32), select(eq(cast(transpose(iota(32)), f32, rint), repeat_rows(cast(iota(16), f32, rint) * 2.0, 32)), 1.0, 0.0)))",
     R"(y[:, :] = matmul(cast(x[:, :], f32), select(eq(cast(transpose(iota(32)), f32, rint), repeat_rows(cast(iota(16), f32, rint) * 1.5, 32)), 1.0, 0.0)))"},
};

INSTANTIATE_TEST_SUITE_P(All, Idioms, testing::ValuesIn(kIdioms), [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Selections, Idioms, testing::ValuesIn(kSelections),
                         [](const auto& info) { return std::string(info.param.name); });

// The matrix is as it was: two numbers in a column, none that is known, a factor that rounds or changes a sign, floats that may
// be infinite, NaN, -0 or subnormal.
TEST(Selections, AreNotTaken) {
  const std::string k = "transpose(repeat_rows(iota(32), 16))";
  const struct {
    const char* head;
    std::string value;
  } kOthers[] = {
      {kHalfOfBytes, "matmul(x[:, :], cast(select(le(" + k + ", iota(16)), 1, 0), int8, rint))"},
      {kHalfOfBytes, "matmul(x[:, :], cast(select(eq(" + k + ", iota(16)), 1, 1), int8, rint))"},
      {kHalfOfBytes,
       "matmul(x[:, :], cast(select(eq(transpose(interleave(iota(16), iota(16))), repeat_rows(iota(16), 32)), 1, 0), int8, "
       "rint))"},
      {kHalfOfBytes,
       "matmul(x[:, :], cast(select(eq(" + k + ", iota(16)), 1, 0) + select(eq(" + k + ", 31 - iota(16)), 1, 0), int8, rint))"},
      {kHalfOfBytes, "matmul(x[:, :], cast(select(eq(" + k + ", iota(16)), 1000, 0), int8, rint))"},
      {kHalfOfBytes, "matmul(x[:, :], cast(" + k + " + iota(16), int8, rint))"},
      {"dim T\ninput x: f32[T, 32]\noutput y: f32[T, 16]\n", "matmul(x[:, :], select(eq(" + k + ", 2 * iota(16)), 1.0, 0.0))"},
      {"dim T\ninput x: bf16[T, 32]\noutput y: f32[T, 16]\n",
       "matmul(x[:, :], cast(select(eq(" + k + ", 2 * iota(16)), 1.0, 0.0), bf16, rint))"},
      {"dim T\ninput x: int32[T, 32]\noutput y: f32[T, 16]\n",
       "matmul(cast(x[:, :], f32, rint), select(eq(" + k + ", 2 * iota(16)), 1.0, 0.0))"},
      {kBytesAsFloats, "matmul(-cast(x[:, :], f32), select(eq(" + k + ", 2 * iota(16)), 1.0, 0.0))"},
      {kBytesAsFloats, "matmul(cast(x[:, :], f32), select(eq(" + k + ", 2 * iota(16)), -1.0, 0.0))"},
  };
  for (const auto& [head, value] : kOthers) {
    const ir::Program program = checked(head + ("y[:, :] = " + value));
    EXPECT_NE(terms_of(program).find("= dot_"), std::string::npos) << value << "\n" << terms_of(program);
    expect_same_bits(program, test::optimized(program).program);
  }
}

}  // namespace
}  // namespace imbrex::optimize
