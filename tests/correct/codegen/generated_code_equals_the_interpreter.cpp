// Every operation and statement, at sizes around the vector's length, on every instruction set of this CPU, by one to three
// workers.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

struct Case {
  const char* name;
  const char* text;  // declarations and statements; the dimensions are N and M
};

constexpr Case kCases[] = {
    {"arithmetic", R"(
  input x: f32[N, M]
  input z: f32[N, M]
  output y: f32[N, M]
  let a = x[:, :] + z[:, :] * 3.0
  let b = min(a, x[:, :]) - max(neg(z[:, :]), abs(a)) / 1.5
  y[:, :] = select(lt(b, a), sqrt(abs(b)) + recip(a), rsqrt(abs(z[:, :])) + exp(x[:, :]) - log(abs(b))))"},
    {"casts", R"(
  input x: f32[N, M]
  output a: bf16[N, M]
  output b: f16[N, M]
  output c: int8[N, M]
  output d: uint8[N, M]
  output e: int32[N, M]
  output f: f32[N, M]
  a[:, :] = cast(x[:, :], bf16, rint)
  b[:, :] = cast(x[:, :] * 100.0, f16, floor)
  c[:, :] = cast(x[:, :] * 50.0, int8, round)
  d[:, :] = cast(x[:, :] * 200.0, uint8, ceil)
  e[:, :] = cast(x[:, :] * 1000000000.0, int32, trunc)
  f[:, :] = cast(cast(x[:, :] * 30.0, int8, rint), f32) + cast(lt(x[:, :], 0.0), f32))"},
    {"broadcasts", R"(
  input x: f32[N, M]
  input row: f32[M]
  input column: f32[N, 1]
  output y: f32[N, M]
  y[:, :] = x[:, :] * row[:] + column[:, 0 +: 1] * 2.0)"},
    {"columns_with_rows", R"(
  input x: f32[N, M]
  input row: f32[M]
  input column: f32[N, 1]
  input i: int32[N, 1]
  output y: f32[N, M]
  output z: f32[N, M]
  output s: f32[N, 1]
  output k: int32[N, M]
  output c: f32[1, M]
  y[:, :] = column[:, :] - row[:] * 0.5
  z[:, :] = select(lt(row[:], column[:, :]), exp(row[:]) * column[:, :], x[:, :])
  s[:, :] = row_sum(row[:] * abs(column[:, :]))
  c[:, :] = col_max(column[:, :] + row[:])
  k[:, :] = (i[:, :] + 5) * iota(M))"},
    {"one_column_with_rows_and_columns_with_one_row", R"(
  input row: f32[M]
  input column: f32[N, 1]
  output y: f32[1, M]
  output z: f32[N, 1]
  y[:, :] = column[0 +: 1, :] - row[:]
  z[:, :] = column[:, :] - row[0 +: 1])"},
    {"row_reductions", R"(
  input x: f32[N, M]
  output s: f32[N, 1]
  output y: f32[N, M]
  let sum = row_sum(x[:, :] * x[:, :])
  let most = row_max(x[:, :])
  let least = row_min(exp(x[:, :]))
  s[:, :] = sum + most
  y[:, :] = (x[:, :] - most) * rsqrt(sum) + least)"},
    {"integer_reductions", R"(
  input x: int32[N, M]
  output s: int32[N, 1]
  output t: int32[1, M]
  s[:, :] = row_sum(x[:, :]) + row_max(x[:, :]) * row_min(x[:, :])
  t[:, :] = col_sum(x[:, :]) + col_max(x[:, :]) - col_min(x[:, :]))"},
    {"chunked_sum", R"(
  input x: f32[N, M]
  output s: f32[N, 1]
  let sum = full(f32, [N, 1], 0.0)
  range d in tiles(M, 24) {
    sum = row_sum_acc(sum, x[:, d])
  }
  s[:, :] = sqrt(sum))"},
    {"zeros_that_start_a_sum", R"(
  input x: f32[N, 16]
  output s: f32[N, 1]
  output r: f32[1, 16]
  let sum = full(f32, [N, 1], -0.0)
  range k in tiles(N - 4, 4) { sum = row_sum_acc(sum, x[:, k] * 0.0) }
  s[:, :] = sum
  let down = full(f32, [1, 16], -0.0)
  range n in tiles(N - 4, 4) { down = col_sum_acc(down, x[n, :] * -0.0) }
  r[:, :] = down)"},
    {"reductions_of_nothing", R"(
  input x: f32[N, 8]
  input i: int32[N, 8]
  output f: f32[N, 4]
  output g: int32[N, 3]
  output h: f32[3, 8]
  output d: f32[N, N]
  let few = x[:, 0 +: max(min(N - 4, 8), 0)]
  f[:, 0 +: 1] = row_sum(few)
  f[:, 1 +: 1] = row_max(few)
  f[:, 2 +: 1] = row_min(few)
  f[:, 3 +: 1] = row_sum(few * -1.0) * -1.0
  g[:, 0 +: 1] = row_sum(i[:, 0 +: max(min(N - 4, 8), 0)])
  g[:, 1 +: 1] = row_max(i[:, 0 +: max(min(N - 4, 8), 0)])
  g[:, 2 +: 1] = row_min(i[:, 0 +: max(min(N - 4, 8), 0)])
  h[0 +: 1, :] = col_sum(x[0 +: max(N - 4, 0), :])
  h[1 +: 1, :] = col_max(x[0 +: max(N - 4, 0), :])
  h[2 +: 1, :] = col_min(x[0 +: max(N - 4, 0), :])
  let start = matmul(x[:, 0 +: 2] * -0.0, x[:, 2 +: 2], transpose_b)
  start = matmul_acc(start, few, few, transpose_b)
  d[:, :] = start)"},
    {"column_sums", R"(
  input x: f32[N, M]
  output s: f32[1, M]
  let sum = col_sum(x[:, :] * 0.5)
  range n in tiles(N, 3) {
    sum = col_sum_acc(sum, x[n, :])
  }
  s[:, :] = sum + col_max(x[:, :]) - col_min(abs(x[:, :])))"},
    {"moves", R"(
  input x: f32[N, M]
  output y: f32[M, N]
  output z: f32[N, M]
  output w: f32[M, N]
  y[:, :] = transpose(x[:, :]) + 1.0
  z[:, :] = concat_rows(x[0 +: 1, :], x[1 +: N - 1, :])
  w[:, :] = reshape(x[:, :], [M, N]))"},
    {"columns", R"(
  input x: f32[N, 40]
  output y: f32[N, 40]
  output z: f32[N, 40]
  let v = x[:, :] * 2.0
  let rotated = interleave(even(v) - odd(v), odd(v) + even(v))
  y[:, :] = rotated
  z[:, :] = concat_columns(x[:, 8 +: 32], columns(rotated, 0, 8)))"},
    {"gathers", R"(
  input x: f32[N, M]
  input rows: int32[N, 1]
  output y: f32[N, M]
  output z: f32[N, M]
  let i = rows[:, :]
  y[:, :] = x[by i, :] * 2.0
  z[:, :] = gather(x[:, :], full(int32, [N, M], 0) + rows[:, :]))"},
    {"f32_product", R"(
  input a: f32[N, M]
  input b: f32[M, N]
  output y: f32[N, N]
  y[:, :] = matmul(a[:, :], b[:, :]) * 0.5)"},
    {"int8_product", R"(
  input a: int8[N, 70]
  weight b: int8[70, 96]
  output y: f32[N, 96]
  parallel n in tiles(N, 5) {
    parallel h in tiles(96, 32) {
      y[n, h] = cast(matmul(a[n, :], b[:, h]), f32, rint) * 0.5
    }
  })"},
    {"bf16_product_transposed", R"(
  input a: bf16[N, 40]
  weight b: bf16[48, 40]
  output y: f32[N, 48]
  parallel n in tiles(N, 7) {
    y[n, :] = matmul(a[n, :], b[:, :], transpose_b)
  })"},
    {"chunked_product", R"(
  input a: bf16[N, 80]
  weight b: bf16[80, 24]
  output y: f32[N, 24]
  let acc = full(f32, [N, 24], 0.0)
  range k in tiles(80, 32) {
    acc = matmul_acc(acc, a[:, k], b[k, :])
  }
  y[:, :] = acc)"},
    {"phases", R"(
  input x: f32[N, M]
  output y: f32[N, M]
  create t: f32[N, M]
  let first = x[0 +: 1, :]
  parallel n in tiles(N, 4) {
    at "scale" {
      create u: f32[4, M]
      u[0 +: n.size, :] = x[n, :] * 2.0
      t[n, :] = u[0 +: n.size, :] + first
    }
  }
  range i in 0 .. 3 {
    parallel m in tiles(M, 8) {
      t[:, m] = t[:, m] * 1.5
    }
  }
  parallel row in 0 .. N {
    y[N - 1 - row, :] = t[row, :]
  })"},
    {"branches", R"(
  input x: f32[N, M]
  output y: f32[N, M]
  parallel n in tiles(N, 4) {
    let v = x[n, :]
    if n.index == 0 and N > 2 {
      v = v + 1.0
    } else {
      v = v * cast(iota(M), f32, rint)
    }
    y[n, :] = v
  })"},
    {"a_last_task_of_fewer_rows", R"(
  input x: f32[37, M]
  output y: f32[37, M]
  parallel n in tiles(37, 8) {
    y[n, :] = x[n, :] * 2.0
  })"},
    {"quotients_of_negative_numbers", R"(
  input x: f32[4, M]
  output y: f32[N, M]
  parallel i in 0 .. N {
    y[i, :] = x[(i - 3) % 4, :] + cast(int32((2 - i) // 3) * 100 + int32((1 - i) % 5), f32, rint)
  })"},
    {"read", R"(
  input x: f32[N, M]
  input where: int32[1]
  output y: f32[1, M]
  read i = where[0]
  assume i >= 0 and i < N
  y[:, :] = x[i, :])"},
    {"int64", R"(
  input x: f32[N, M]
  input slots: int64[N, M]
  input where: int64[1]
  output y: f32[1, M]
  output z: int64[N, M]
  output f: f32[N, M]
  output b: int8[N, M]
  output column: int64[N, 1]
  output turned: int64[M, N]
  read i = where[0]
  assume i >= 0 and i < N
  y[:, :] = x[i, :]
  z[:, :] = slots[:, :]
  f[:, :] = cast(cast(slots[:, :], int32), f32, rint) + cast(slots[:, :], f32, trunc)
  b[:, :] = cast(slots[:, :], int8, rint)
  view pairs = slots: [N, M, 1]
  column[:, :] = pairs[:, 0, :]
  turned[:, :] = transpose(slots[:, :]))"},
    {"blocks_of_columns", R"(
  input x: bf16[N, 256]
  input w: e4m3[N, M]
  input z: e8m0[N, 1]
  output y: e4m3[N, 256]
  output s: e8m0[N, 4]
  output t: f32[N, 4]
  output back: bf16[N, 256]
  output u: f32[N, M]
  output i: int8[N, M]
  output turned: e4m3[M, N]
  parallel n in tiles(N, 5) {
    let v = reshape(cast(x[n, :], f32), [4 * n.size, 64])
    let scale = cast(max(row_max(abs(v)), 0.0001) * 0.002232142857142857, e8m0, ceil)
    let q = cast(min(max(v / cast(scale, f32), -448.0), 448.0), e4m3, rint)
    y[n, :] = reshape(q, [n.size, 256])
    s[n, :] = reshape(scale, [n.size, 4])
    t[n, :] = reshape(row_sum(v), [n.size, 4])
    back[n, :] = reshape(cast(cast(q, f32) * cast(scale, f32), bf16, rint), [n.size, 256])
  }
  u[:, :] = cast(w[:, :], f32) * cast(z[:, :], f32) + cast(cast(cast(w[:, :], f32) * 3.0, e4m3, trunc), f32)
  i[:, :] = cast(w[:, :], int8, ceil)
  turned[:, :] = transpose(w[:, :]))"},
    {"views", R"(
  input x: f32[N, 48]
  output y: f32[N, 48]
  view heads = x: [N, 3, 16]
  view out = y: [N, 3, 16]
  parallel h in 0 .. 3 {
    out[:, h, :] = heads[:, 2 - h, :] + 1.0
  })"},
    {"repeated_rows", R"(
  input x: int8[3, M]
  input z: f32[N, 5]
  output y: int8[12, M]
  output w: f32[N * 2, 5]
  y[:, :] = repeat_rows(x[:, :], 4)
  w[:, :] = repeat_rows(z[:, :] + 1.0, 2))"},
    {"uint8_product", R"(
  input a: uint8[N, 37]
  weight b: int8[37, 50]
  input c: int8[50, 37]
  output y: int32[N, 50]
  let acc = matmul(a[:, :], b[:, :])
  parallel n in tiles(N, 6) {
    y[n, :] = matmul_acc(matmul(a[n, :], b[:, :]), a[n, :], c[:, :], transpose_b)
  }
  y[:, :] = y[:, :] - acc)"},
    {"scaled_product", R"(
  input x: bf16[N, 300]
  weight w: e4m3[300, 150]
  input t: f32[10, 4]
  output y: f32[N, 150]
  y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], w[:, :], [32, 40]))"},
    {"scaled_product_of_narrow_rows", R"(
  input x: e4m3[N, 300]
  input s: f32[N, 3]
  weight w: e4m3[177, 300]
  input t: e8m0[45, 3]
  output y: f32[N, 177]
  parallel n in tiles(N, 5) {
    range c in tiles(177, 48) {
      y[n, c] = matmul_scaled(s[n, :], t[c.begin // 4 +: (c.size + 3) // 4, :], x[n, :], w[c, :], [128, 4], transpose_b)
    }
  })"},
    {"scaled_product_of_bytes", R"(
  input x: int8[N, 300]
  input s: e8m0[1, 5]
  weight w: int8[300, 97]
  input u: int8[300, M]
  input v: e4m3[300, M]
  input t: f32[5, 7]
  input r: f32[5, M]
  output y: f32[N, 97]
  output z: f32[N, M]
  y[:, :] = matmul_scaled(s[:, :], t[:, :], x[:, :], w[:, :], [64, 15])
  z[:, :] = matmul_scaled(s[:, :], r[:, :], x[:, :], u[:, :], [64, 1]) * matmul_scaled(0.5, r[:, :], x[:, :], v[:, :], [64, 1]))"},
    {"scaled_product_of_many_rows", R"(
  input x: bf16[141, 70]
  weight w: int8[70, 20]
  input s: f32[141, 1]
  output y: f32[141, 20]
  output z: f32[2, 2]
  y[:, :] = matmul_scaled(s[:, :], full(f32, [1, 1], 0.25), x[:, :], w[:, :], [2147483616, 2147483647])
  z[:, :] = matmul_scaled(1.0, full(f32, [0, 1], 0.25), x[0 +: 2, 0 +: 0], w[0 +: 0, 0 +: 2], [32, 2]))"},
    {"expanded_product", R"(
  input x: bf16[N, 300]
  weight w: e4m3[300, 150]
  weight v: e4m3[300, 96]
  input t: f32[10, 4]
  input u: e8m0[3, 3]
  output y: f32[N, 150]
  output z: f32[N, 96]
  y[:, :] = matmul_expanded(t[:, :], x[:, :], w[:, :], [32, 40])
  parallel n in tiles(N, 7) {
    range c in tiles(96, 48) {
      z[n, c] = matmul_expanded(u[:, c.begin // 32 +: (c.size + 31) // 32], x[n, :], v[:, c], [128, 32])
    }
  })"},
    {"expanded_product_in_parts", R"(
  input x: bf16[N, 600]
  weight w: e4m3[177, 600]
  weight v: e4m3[M, 600]
  input t: e8m0[45, 5]
  input r: f32[M, 19]
  output y: f32[N, 177]
  output z: f32[N, M]
  parallel n in tiles(N, 5) {
    range c in tiles(177, 48) {
      y[n, c] = matmul_expanded(t[c.begin // 4 +: (c.size + 3) // 4, :], x[n, :], w[c, :], [128, 4], transpose_b)
    }
  }
  z[:, :] = matmul_expanded(r[:, :], x[:, :], v[:, :], [32, 1], transpose_b))"},
    {"expanded_product_of_few_rows", R"(
  input x: bf16[4, 2368]
  input z: bf16[N, 640]
  weight w: e4m3[2368, 150]
  weight v: e4m3[640, 272]
  weight s: e8m0[74, 3]
  weight t: e8m0[5, 9]
  output y: f32[4, 150]
  output a: f32[N, 272]
  output b: f32[1, 272]
  range r in tiles(4, 3) {
    y[r, :] = matmul_expanded(s[:, :], x[r, :], w[:, :], [32, 64])
  }
  parallel n in tiles(N, 2) {
    range c in tiles(272, 96) {
      a[n, c] = matmul_expanded(t[:, c.begin // 32 +: (c.size + 31) // 32], z[n, :], v[:, c], [128, 32])
    }
  }
  let of_no_rows = matmul_expanded(t[:, :], z[0 +: 0, :], v[:, :], [128, 32])
  b[:, :] = col_sum(of_no_rows))"},
    {"expanded_product_of_many_rows", R"(
  input x: bf16[141, 300]
  weight w: e4m3[300, 170]
  input t: e8m0[3, 2]
  output y: f32[141, 170]
  output z: f32[2, 2]
  y[:, :] = matmul_expanded(t[:, :], x[:, :], w[:, :], [128, 128])
  z[:, :] = matmul_expanded(full(f32, [0, 1], 0.25), x[0 +: 2, 0 +: 0], w[0 +: 0, 0 +: 2], [32, 2]))"},
    {"expanded_product_of_rows_in_tiles", R"(
  input x: bf16[N, 640]
  weight w: e4m3[640, 96]
  input t: e8m0[5, 3]
  output y: f32[N, 96]
  create n: bf16[N, 640] @tiles
  range r in tiles(N, 16) {
    n[r, :] = cast(cast(x[r, :], f32) * 0.5, bf16, rint)
  }
  range r_2 in tiles(N, 32) {
    y[r_2, :] = matmul_expanded(t[:, :], n[r_2, :], w[:, :], [128, 32])
  })"},
    {"expanded_codes", R"(
  weight w: e4m3[1, 256]
  input s: e8m0[1, 256]
  output y: f32[256, 256]
  range i in 0 .. 256 {
    y[i, :] = matmul_expanded(s[:, i +: 1], cast(1.0, bf16, rint), w[:, :], [32, 256])
  })"},
    {"widened_codes", R"(
  weight w: e4m3[1, 256]
  weight v: int8[1, 256]
  output y: f32[1, 256]
  output z: f32[1, 256]
  y[:, :] = matmul_scaled(1.0, full(f32, [1, 1], 1.0), cast(1.0, bf16, rint), w[:, :], [32, 256])
  z[:, :] = matmul_scaled(1.0, full(f32, [1, 1], 1.0), cast(1.0, bf16, rint), v[:, :], [32, 256]))"},
    {"product_of_which_more_is_said", R"(
  input a: int8[1, 37]
  input b: int8[37, 1]
  output y: int32[1, 1]
  let only = matmul(a[:, :], b[:, :])
  y[:, :] = only
  assume_sorted only)"},
    {"bools", R"(
  input x: f32[N, 44]
  input limit: f32[1, 44]
  output y: bool[N, 44]
  output e: bool[N, 22]
  output s: f32[N, 44]
  let small = lt(x[:, :], limit[:, :])
  y[:, :] = interleave(odd(small), even(small))
  e[:, :] = even(small)
  s[:, :] = select(gt(x[:, 0 +: 1], 0.0), x[:, :], cast(concat_columns(columns(small, 4, 40), columns(small, 0, 4)), f32)))"},
    {"constants", R"(
  input x: f32[N, M]
  output y: f32[N, M]
  output z: int32[N, M]
  y[:, :] = max(x[:, :] * -0.0, full(f32, [N, M], 0.0)) + x[:, :] * 1e-45 - 3.4028235e38 * x[:, :]
  z[:, :] = full(int32, [N, M], -2147483648) - 2147483647)"},
    {"empty_spans", R"(
  input x: f32[N, M]
  output y: f32[N, M]
  output s: f32[N, 1]
  let sum = full(f32, [N, 1], 0.0)
  range i in 0 .. 5 {
    y[:, i * 40 +: min(40, M - i * 40)] = x[:, i * 40 +: min(40, M - i * 40)] * 2.0
    sum = row_sum_acc(sum, x[:, i * 40 +: min(40, M - i * 40)])
  }
  s[:, :] = sum)"},
    {"negative_spans", R"(
  input x: f32[N, 200]
  input i: int32[N, M]
  output y: f32[N, 1]
  output z: f32[N, 1]
  let none = i[0 +: 0 - N, 0 +: 14 - M]
  assume_distinct none
  assume_sorted none
  let sum = full(f32, [N, 1], 0.0)
  sum = row_sum_acc(sum, x[:, 0 +: 7])
  sum = row_sum_acc(sum, x[:, 7 +: min(M - 18, 60)])
  sum = row_sum_acc(sum, x[:, 67 +: 130])
  y[:, :] = sum
  sum = row_sum(x[:, 0 +: 16 - N])
  sum = row_sum_acc(sum, x[:, 16 +: 170])
  z[:, :] = sum)"},
    {"large_tiles", R"(
  input x: f32[N, M]
  output y: f32[N, M]
  range n in tiles(N, 3) {
    range o in tiles(n, 9223372036854775807) {
      range m in tiles(M, 1000000) {
        range p in tiles(m, 65537) {
          y[o, p] = x[o, p] * 2.0
        }
      }
    }
  })"},
    {"scattered_rows", R"(
  input x: f32[3, M]
  input rows: int32[1, 3] @distinct
  inout y: f32[3, M]
  let i = rows[:, :]
  assume_distinct i
  y[by i, :] = x[:, :] + y[by i, :])"},
    {"rows_in_tiles", R"(
  input x: f32[N, 128]
  weight b: int8[128, 50]
  output y: int32[N, 50]
  create a: int8[N, 128] @tiles
  parallel n in tiles(N, 5) {
    a[n, :] = cast(x[n, :] * 20.0, int8, rint)
  }
  parallel r in tiles(N, 16) {
    y[r, :] = matmul(a[r, :], b[:, :])
  })"},
    {"stored_product_of_which_something_is_assumed", R"(
  input a: int8[1, 37]
  input b: int8[37, 1]
  output y: int32[1, 1]
  let only = matmul(a[:, :], b[:, :])
  y[:, :] = only
  assume_sorted only)"},
    {"bf16_rows_in_tiles", R"(
  input x: f32[N, 96]
  input v: bf16[N, 96]
  weight b: bf16[96, 50]
  output y: f32[N, 50]
  output z: f32[N, 50]
  create a: bf16[N, 96] @tiles
  create c: bf16[N, 96] @tiles
  parallel n in tiles(N, 5) {
    a[n, :] = cast(x[n, :] * 0.1, bf16, rint)
    c[n, :] = v[n, :]
  }
  parallel r in tiles(N, 16) {
    y[r, :] = matmul(a[r, :], b[:, :])
    z[r, :] = matmul(c[r, :], b[:, :])
  })"},
    {"bf16_parts_in_tiles", R"(
  input x: f32[N, 64]
  weight b: bf16[128, 33]
  output y: f32[N, 33]
  output z: f32[N, 33]
  output u: f32[N, 33]
  create a: bf16[N, 128] @tiles
  create c: bf16[N, 128] @tiles
  create d: bf16[N, 128] @tiles
  a[:, :] = concat_columns(cast(x[:, 0 +: 24], bf16, rint), cast(x[:, 0 +: 40] + x[:, 5 +: 40], bf16, rint), cast(x[:, :], bf16, trunc))
  c[:, :] = interleave(cast(x[:, :] + 1.0, bf16, rint), cast(x[:, :], bf16, rint))
  parallel n in 0 .. N {
    d[n, :] = interleave(cast(x[n, :], bf16, trunc), cast(x[n, :], bf16, floor))
  }
  y[:, :] = matmul(a[:, :], b[:, :])
  z[:, :] = matmul(c[:, :], b[:, :])
  u[:, :] = matmul(d[:, :], b[:, :]))"},
    {"bf16_moved_into_tiles", R"(
  input x: bf16[N, 128]
  weight v: bf16[64, 64]
  weight w: bf16[64, 48]
  output y: f32[N, 48]
  output z: f32[64, 64]
  create a: bf16[N, 64] @tiles
  create t: bf16[64, 64] @tiles
  a[:, :] = odd(x[:, :])
  t[:, :] = transpose(v[:, :])
  y[:, :] = matmul(a[:, :], w[:, :])
  z[:, 0 +: 48] = matmul(t[:, :], w[:, :])
  z[:, 48 +: 16] = matmul(t[:, :], w[:, 0 +: 16]))"},
    {"columns_in_tiles", R"(
  input x: f32[N, 192]
  weight b: int8[192, 33]
  input c: int8[192, 16]
  output y: int32[N, 33]
  output z: int32[N, 16]
  create a: uint8[N, 192] @tiles
  parallel n in 0 .. N {
    range k in tiles(192, 24) {
      a[n, k] = cast(abs(x[n, k]) * 50.0, uint8, rint)
    }
  }
  parallel r in tiles(N, 32) {
    y[r, :] = matmul(a[r, :], b[:, :])
  }
  z[:, :] = matmul(a[:, :], c[:, :]))"},
    {"in_place", R"(
  inout x: f32[N, M]
  output y: f32[N, M]
  x[:, :] = x[:, :] * 2.0
  x[0 +: 1, :] = x[N - 1 +: 1, :] + x[0 +: 1, :]
  y[:, :] = x[:, :])"},
};

std::mt19937 generator(7);

Array random_array(DType dtype, const std::vector<int64_t>& shape) {
  Array array = Array::zeros(dtype, shape);
  for (int64_t i = 0; i < array.size(); ++i) {
    const float value =
        std::ldexp(static_cast<float>(static_cast<int32_t>(generator())) / 2147483648.0f, static_cast<int>(generator() % 6));
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    switch (dtype) {
      case DType::f32: array.as<float>()[i] = value; break;
      case DType::bf16: array.as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16); break;
      case DType::int32: array.as<int32_t>()[i] = 0; break;
      case DType::int64: array.as<int64_t>()[i] = i == 0 ? 0 : static_cast<int64_t>(generator()) << (generator() % 8) << 4; break;
      default: array.as<int8_t>()[i] = static_cast<int8_t>(generator()); break;
    }
  }
  return array;
}

bool has(const ir::Program& program, const char* in_its_name) { return program.name.find(in_its_name) != std::string::npos; }

// As released weights: codes of normal numbers but for one of 3000, which may be any, and scales near 1.
void make_ordinary(Array& array) {
  for (int64_t i = 0; i < array.size(); ++i) {
    uint8_t& code = array.as<uint8_t>()[i];
    if (array.dtype == DType::e8m0) code = static_cast<uint8_t>(121 + code % 12);
    if (array.dtype == DType::e4m3 && generator() % 3000 != 0)
      code = static_cast<uint8_t>(8 + (code & 0x7f) % 118 + (code & 0x80));
  }
}

TEST(GeneratedCode, equals_the_interpreter) {
  std::vector<ir::Program> programs;
  for (const Case& each : kCases) {
    std::string text = fmt::format("imbrex 1\nkernel \"{}\" {{\n  dim N\n  dim M\n{}\n}}\n", each.name, each.text);
    try {
      programs.push_back(ir::parse(text, std::string(each.name) + ".tile"));
      ir::verify_or_throw(programs.back());
    } catch (const std::exception& error) {
      ADD_FAILURE() << each.name << ": " << error.what();
      if (!programs.empty() && programs.back().name == each.name) programs.pop_back();
    }
  }
  uint64_t number = 0;
  const std::vector<const target::Target*> targets = test::runnable_targets();
  for (const target::Target* target : targets) {
    const target::Machine machine = test::machine_by(number++, *target);
    std::vector<ir::Program> in_turn;
    for (size_t i = 0; i < programs.size(); ++i)
      if (has(programs[i], "few_rows") || test::is_turn_of(target, targets, i)) in_turn.push_back(programs[i]);
    const GeneratedCode code(in_turn, machine);
    const std::string name = machine.target->name + " on " + machine.rates.name;
    ASSERT_EQ(code.error(), "") << name;
    for (const ir::Program& program : in_turn) {
      const imbrex_kernel* kernel = code.kernel(program);
      ASSERT_NE(kernel, nullptr) << program.name;
      for (const auto& [n, m] :
           {std::pair{1, 1}, {1, 17}, {17, 1}, {2, 15}, {3, 16}, {7, 17}, {16, 64}, {17, 65}, {4, 129}, {37, 50}, {48, 20}}) {
        if (n > 17 && !has(program, "in_tiles")) continue;
        const Dims dims{{"N", n}, {"M", m}};
        Tensors inputs;
        for (const ir::Tensor& tensor : program.tensors) {
          if (tensor.role == ir::Role::output) continue;
          std::vector<int64_t> shape;
          for (const auto& e : tensor.shape)
            shape.push_back(ir::evaluate(e, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
          inputs[tensor.name] = random_array(tensor.dtype, shape);
          if (has(program, "few_rows")) make_ordinary(inputs[tensor.name]);
          if (has(program, "_codes") && tensor.role == ir::Role::input)
            for (int32_t i = 0; i < 256; ++i) inputs[tensor.name].as<uint8_t>()[i] = static_cast<uint8_t>(i);
          if (ir::find(tensor.annotations, "distinct"))
            for (int32_t i = 0; i < inputs[tensor.name].size(); ++i) inputs[tensor.name].as<int32_t>()[i] = (i + 1) % 3;
        }
        for (int threads = 1; threads <= 3; ++threads) {
          const auto difference = difference_from_interpreter(program, kernel, dims, inputs, threads, threads == 2 ? 3 : 0);
          EXPECT_FALSE(difference) << name << ", " << *difference;
          if (difference) break;
        }
      }
    }
  }
}

// Seen as one row, rows must lie one behind the other: every tensor that is seen so is asked.
TEST(GeneratedCode, asks_for_dense_rows_where_a_view_needs_them) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "flat" {
  dim N
  input x: f32[N, 24]
  input z: f32[N, 24]
  output y: f32[N, 24]
  view u = x: [24 * N]
  view v = z: [24 * N]
  view w = y: [24 * N]
  range t in tiles(24 * N, 10) { w[t] = u[t] * 2.0 + v[t] }
}
)",
                                        "flat.tile");
  const GeneratedCode code(std::span(&program, 1), target::targets().front());
  ASSERT_EQ(code.error(), "");
  const Tensors inputs{{"x", random_array(DType::f32, {5, 24})}, {"z", random_array(DType::f32, {5, 24})}};
  EXPECT_EQ(difference_from_interpreter(program, code.kernel(program), {{"N", 5}}, inputs, 2, 0), std::nullopt);
  EXPECT_GT(run_generated(program, code.kernel(program), {{"N", 5}}, inputs, 2, 3).failed_assumption, 0);
}

}  // namespace
}  // namespace imbrex::test
