#include "imbrex/optimize/unchunk_loops.h"

#include "correct/optimize/same_bits.h"
#include "imbrex/optimize/merge_peeled_first_step.h"

namespace imbrex::optimize {
namespace {

using ir::Loop;

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 40]
  input v: f32[T]
  input a: bf16[T, 80]
  weight b: bf16[80, 24]
  input p: int8[T, 40]
  weight q: int8[24, 40]
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
      pipeline(2) k in tiles(80, 32) { acc = matmul_acc(acc, a[t, k], b[k, n]) }
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

TEST(UnchunkLoops, ChunksMayBeAWindowOfTheAxis) {
  expect_straight(R"(
  parallel h in 0 .. 2 {
    range t in tiles(T, 8) {
      let s = full(f32, [t.size, 1], 0.0)
      range d in tiles(20, 16) {
        let u = x[t, h * 20 + d.begin +: d.size]
        s = row_sum_acc(s, u * u)
      }
      range e in tiles(17, 5) {
        y[t, h * 20 + 3 + e.begin +: e.size] = x[t, e] * s + cast(iota(e.size, 7 + e.begin), f32, rint)
      }
    }
  })");
}

TEST(UnchunkLoops, ChunksMayBeNumberedByIntegers) {
  expect_straight(R"(
  parallel t in tiles(T, 8) {
    let s = full(f32, [t.size, 1], 0.0)
    range n in 0 .. 5 {
      let u = x[t, n * 8 +: 8]
      s = row_sum_acc(s, u * u)
    }
    range j in 1 .. 4 { y[t, j * 8 + 2 +: 8] = x[t, 8 * j +: 8] / s + cast(iota(8, j * 8), f32, rint) }
    let whole = full(int32, [t.size, 24], 0)
    pipeline(2) k in 0 .. 10 { whole = matmul_acc(whole, p[t, k * 4 +: 4], q[:, 4 * k +: 4], transpose_b) }
    i[t, :] = whole
  })");
}

// The forms in which authors end the last chunk by hand.
TEST(UnchunkLoops, IntegerChunksMayEndAtTheExtent) {
  expect_straight("range n in 0 .. (T + 7) // 8 { y[n * 8 +: min(8, T - n * 8), :] = x[n * 8 +: min(8, T - n * 8), :] }");
  expect_straight(
      "range n in 0 .. (T + 7) // 8 { y[n * 8 +: min(T, (n + 1) * 8) - n * 8, :] = x[n * 8 +: min(T, (n + 1) * 8) - n * 8, :] }");
  expect_straight(R"(
  range n in 0 .. 3 {
    let u = x[:, n * 16 +: max(min((n + 1) * 16, 40) - n * 16, 0)]
    y[:, n * 16 +: max(min((n + 1) * 16, 40) - n * 16, 0)] = u * u
  })");
  // From the second chunk on.
  expect_straight("range n in 1 .. (T + 7) // 8 { y[n * 8 +: min(8, T - n * 8), :] = x[n * 8 +: min(8, T - n * 8), :] }");
}

TEST(UnchunkLoops, ThePeeledFirstChunkIsOneOfThem) {
  const ir::Program before = with(R"(
  parallel t in tiles(T, 8) {
    let acc = full(f32, [t.size, 24], 0.0)
    pipeline(2) k in 0 .. 2 {
      if k == 0 {
        acc = matmul(a[t, k * 32 +: 32], b[k * 32 +: 32, :])
      } else {
        acc = matmul_acc(acc, a[t, k * 32 +: 32], b[k * 32 +: 32, :])
      }
    }
    c[t, :] = acc
  })");
  const ir::Program after = unchunk_loops(merge_peeled_first_step(before));
  EXPECT_EQ(count_loops(after, Loop::Kind::pipeline), 0) << ir::print(after);
  expect_same_bits(before, after);
}

TEST(UnchunkLoops, KeepsIntegerLoopsThatAreNotOverChunks) {
  // Chunks that leave gaps, that overlap, that go backwards, of two sizes; a last chunk that is not the extent's end.
  expect_untouched("range n in 0 .. 5 { y[:, n * 8 +: 4] = x[:, n * 8 +: 4] }");
  expect_untouched("range n in 0 .. 5 { z[:, n * 4 +: 8] = z[:, n * 4 +: 8] * 0.5 }");
  expect_untouched("range n in 0 .. 5 { y[:, 32 - n * 8 +: 8] = x[:, 32 - n * 8 +: 8] }");
  expect_untouched("range n in 0 .. 5 { y[:, n * 8 +: 8] = concat_columns(x[:, n * 4 +: 4], x[:, n * 4 +: 4]) }");
  expect_untouched("range n in 0 .. 2 { y[:, n * 16 +: min(16, 40 - n * 16)] = x[:, n * 16 +: min(16, 40 - n * 16)] }");
  // Eight columns that are the same in every iteration.
  expect_untouched("range n in 0 .. 4 { y[:, n * 8 +: 8] = x[:, n * 8 +: 8] * x[:, 32 +: 8] }");
  expect_untouched("range n in 0 .. 5 { y[:, n * 8 +: 8] = x[:, n * 8 +: 8] * row_sum(x[:, n * 8 +: 8]) }");
  // One chunk is read where the next iteration stores.
  expect_untouched("range n in 0 .. 4 { z[:, n * 8 + 8 +: 8] = z[:, n * 8 +: 8] }");
}

TEST(UnchunkLoops, KeepsAWindowThatReadsWhereItStoresElsewhere) {
  expect_untouched("range d in tiles(32, 8) { z[:, 8 + d.begin +: d.size] = z[:, d] }");
  expect_untouched("range d in tiles(20, 8) { y[:, 2 * d.begin +: d.size] = x[:, d] }");
}

TEST(UnchunkLoops, KeepsALoopThatReadsAnotherChunkOfWhatItStores) {
  expect_untouched(R"(
  range t in tiles(T, 8) { z[t, :] = x[t, :] + z[0, :] })");
  expect_untouched(R"(
  view w = z: [T * 40]
  range t in tiles(T, 8) { z[t, :] = x[t, :] + w[0 +: 40] })");
}

TEST(UnchunkLoops, KeepsALoopWhoseIterationsAllStoreToOnePlace) {
  expect_straight("range d in tiles(40, 8) { z[:, d] = z[:, d] * 0.5 }");
  expect_untouched("range d in tiles(40, 8) { z[:, 0 +: 8] = z[:, 0 +: 8] * 0.5 }");
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

// Each of them goes over the same elements in every iteration, not over the loop's chunk of them. The twins do.
TEST(UnchunkLoops, KeepsALoopWhoseReductionIsOfTheSameElementsAgain) {
  const auto sum = [](const char* columns) {
    return std::string(
               "parallel t in tiles(T, 8) { let s = full(f32, [t.size, 1], 0.0)\n range d in tiles(40, 8) { s = row_sum_acc(s, "
               "x[t, ") +
           columns + "] ) }\n y[t, 0 +: 1] = s }\n";
  };
  expect_untouched(sum("0 +: 8"));
  expect_straight(sum("d"));
  const auto down = [](const char* rows) {
    return std::string("let s = full(f32, [1, 40], 0.0)\nrange t in tiles(T, 8) { s = col_sum_acc(s, x[") + rows +
           ", :]) }\ny[0 +: 1, :] = s\n";
  };
  expect_untouched(down("0 +: 1"));
  expect_straight(down("t"));
  const auto product = [](const char* k) {
    return std::string("let acc = full(f32, [T, 24], 0.0)\nrange k in tiles(80, 32) { acc = matmul_acc(acc, a[:, ") + k +
           "], b[" + k + ", :]) }\nc[:, :] = acc\n";
  };
  expect_untouched(product("0 +: 32"));
  expect_straight(product("k"));
  const auto most = [](const char* columns) {
    return std::string("let m = full(f32, [T, 1], -inf)\nrange d in tiles(40, 8) { m = max(m, row_max(x[:, ") + columns +
           "])) }\ny[:, 0 +: 1] = m\n";
  };
  expect_untouched(most("0 +: 8"));
  expect_straight(most("d"));
}

// One column is a chunk only of what has a column for each.
TEST(UnchunkLoops, KeepsALoopThatStoresOneColumnAgain) {
  const auto store = [](const std::string& value) {
    return "parallel t in tiles(T, 8) { range h in 0 .. 40 { y[t, h +: 1] = " + value + " } }";
  };
  expect_straight(store("x[t, h +: 1] * 2.0"));
  expect_untouched(store("x[t, 3 +: 1] * 2.0"));
  expect_untouched(store("row_max(x[t, :])"));
  const auto assign = [](const std::string& value) {
    return "parallel t in tiles(T, 8) { range h in 0 .. 40 { let u = x[t, h +: 1] u = " + value + " y[t, h +: 1] = u } }";
  };
  expect_straight(assign("u * 2.0"));
  expect_untouched(assign("row_max(x[t, :])"));
}

// Where it may run no iteration, what it accesses beside its chunk may lie outside then.
TEST(UnchunkLoops, KeepsALoopThatMayNotRunAndAccessesMoreThanItsChunk) {
  const auto down = [](const std::string& extent, const std::string& value) {
    return "range t in tiles(" + extent + ", 8) { y[t, :] = x[t, :] * " + value + " }";
  };
  expect_untouched(down("T - 4", "row_max(x[T - 5, :])"));
  expect_straight(down("T", "row_max(x[T - 1, :])"));
  expect_straight(down("T - 4", "row_max(x[t, :])"));
  const auto gathered = [&](const std::string& extent) {
    return down(extent, "cast(gather(iota(40, 0), full(int32, [1, 1], 39)), f32, rint)");
  };
  expect_untouched(gathered("T - 4"));
  expect_straight(gathered("T"));
}

// Its chunks find room, whatever the data says; all of them together may not.
TEST(UnchunkLoops, KeepsALoopThatNoDimensionBounds) {
  const auto chunks_of = [](const std::string& assumed) {
    return ir::parse("imbrex 1\nkernel \"k\" {\ndim T\ninput n: int32[1]\noutput s: int32[1, 8]\nread m = n[0]\n" + assumed + R"(
  let sum = full(int32, [1, 8], 0)
  range t in tiles(m, 16) { sum = col_sum_acc(sum, transpose(iota(t.size, t.begin)) + full(int32, [t.size, 8], 1)) }
  s[:, :] = sum
})",
                     "k.tile");
  };
  const ir::Program unbounded = chunks_of(""), bounded = chunks_of("assume m <= 2 * T");
  EXPECT_TRUE(ir::equal(unbounded, unchunk_loops(unbounded))) << ir::print(unchunk_loops(unbounded));
  EXPECT_EQ(count_loops(unchunk_loops(bounded), Loop::Kind::range), 0) << ir::print(unchunk_loops(bounded));
}

TEST(UnchunkLoops, KeepsWhatIsPinned) {
  expect_untouched("range t in tiles(T, 8) @as_written { y[t, :] = x[t, :] }");
  expect_untouched("at \"s\" @as_written { range t in tiles(T, 8) { y[t, :] = x[t, :] } }");
}

}  // namespace
}  // namespace imbrex::optimize
