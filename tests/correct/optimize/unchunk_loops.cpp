#include "imbrex/optimize/unchunk_loops.h"

#include "correct/optimize/same_bits.h"

namespace imbrex::optimize {
namespace {

using ir::Loop;

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 40]
  input v: f32[T]
  input a: bf16[T, 40]
  input b: bf16[40, 24]
  input p: int8[T, 40]
  input q: int8[24, 40]
  inout z: f32[T, 40]
  output y: f32[T, 40]
  output c: f32[T, 24]
  output i: int32[T, 24]
  y[:, :] = full(f32, [T, 40], 0.0)
  c[:, :] = full(f32, [T, 24], 0.0)
  i[:, :] = full(int32, [T, 24], 0)
)";

ir::Program with(const std::string& body) { return checked(kHead + body); }

void expect_straight(const std::string& body) {
  const ir::Program before = with(body), after = unchunk_loops(before);
  EXPECT_EQ(count_loops(after, Loop::Kind::range) + count_loops(after, Loop::Kind::pipeline), 0) << ir::print(after);
  expect_same_bits(before, after);
}

void expect_untouched(const std::string& body) {
  const ir::Program before = with(body);
  EXPECT_TRUE(ir::equal(before, unchunk_loops(before))) << ir::print(unchunk_loops(before));
}

TEST(UnchunkLoops, SumsOverChunksAreOneSum) {
  expect_straight(R"(
  parallel t in tiles(T, 8) {
    let s = full(f32, [t.size, 1], 0.0)
    range d in tiles(40, 16) { s = row_sum_acc(s, x[t, d] * x[t, d]) }
    range e in tiles(40, 12) { y[t, e] = x[t, e] / s + cast(iota(e.size, e.begin), f32, rint) }
  })");
}

TEST(UnchunkLoops, ProductsOverChunksOfKAreOneProduct) {
  expect_straight(R"(
  parallel t in tiles(T, 8) {
    parallel n in tiles(24, 16) {
      let acc = full(f32, [t.size, n.size], 0.0)
      pipeline(2) k in tiles(40, 6) { acc = matmul_acc(acc, a[t, k], b[k, n]) }
      c[t, n] = acc
      let whole = full(int32, [t.size, n.size], 0)
      range l in tiles(40, 7) { whole = matmul_acc(whole, p[t, l], q[n, l], transpose_b) }
      i[t, n] = whole
    }
  })");
}

TEST(UnchunkLoops, MaximaAndColumnSumsFold) {
  expect_straight(R"(
  let m = full(f32, [1, 40], -inf)
  let s = full(f32, [1, 40], 0.0)
  range t in tiles(T, 8) {
    m = max(col_max(x[t, :]), m)
    s = col_sum_acc(s, x[t, :])
  }
  y[0 +: 1, :] = m + s)");
}

TEST(UnchunkLoops, NestedLoopsFromTheInside) {
  expect_straight(R"(
  range t in tiles(T, 8) {
    let s = full(f32, [t.size, 1], 0.0)
    range d in tiles(40, 16) {
      range e in tiles(d, 4) { s = row_sum_acc(s, x[t, e]) }
    }
    z[t, :] = z[t, :] * s
    y[t, :] = z[t, :] + s
  })");
}

TEST(UnchunkLoops, KeepsALoopThatReadsAnotherChunkOfWhatItStores) {
  expect_untouched(R"(
  range t in tiles(T, 8) { z[t, :] = x[t, :] + z[0, :] })");
  expect_untouched(R"(
  view w = z: [T * 40]
  range t in tiles(T, 8) { z[t, :] = x[t, :] + w[0 +: 40] })");
}

TEST(UnchunkLoops, KeepsALoopThatCarriesOtherwise) {
  expect_untouched(R"(
  let m = full(f32, [1, 40], 0.0)
  range t in tiles(T, 8) { m = m * 0.5 + col_max(x[t, :]) }
  y[0 +: 1, :] = m)");
  // The running value is seen in every iteration.
  expect_untouched(R"(
  let m = full(f32, [1, 40], -inf)
  range t in tiles(T, 8) {
    m = max(m, col_max(x[t, :]))
    y[t, :] = x[t, :] - m
  })");
}

TEST(UnchunkLoops, KeepsALoopWhoseReductionIsPerChunk) {
  expect_untouched(R"(
  range d in tiles(40, 8) { y[:, d] = x[:, d] * row_sum(x[:, d]) })");
  expect_untouched(R"(
  range d in tiles(40, 8) { y[:, d] = x[:, d] + cast(iota(d.size, 0), f32, rint) })");
  expect_untouched(R"(
  range d in tiles(40, 8) { y[:, d] = x[:, d] + cast(int32(d.index), f32, rint) })");
}

TEST(UnchunkLoops, KeepsWhatIsPinned) {
  expect_untouched("range t in tiles(T, 8) @as_written { y[t, :] = x[t, :] }");
  expect_untouched("at \"s\" @as_written { range t in tiles(T, 8) { y[t, :] = x[t, :] } }");
}

}  // namespace
}  // namespace imbrex::optimize
