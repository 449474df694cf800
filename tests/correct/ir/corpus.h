// Programs that together use every statement, operation and form of the text.
#pragma once

namespace imbrex::ir::corpus {

inline constexpr const char* kRmsNorm = R"(imbrex 1
kernel "rms_norm" {
  dim T typical 128
  input x: bf16[T, 512]
  input w: f32[512]
  output y: bf16[T, 512] @streaming

  parallel t in tiles(T, 16) {
    at "rms_norm" {
      let sum = full(f32, [t.size, 1], 0.0)
      range d in tiles(512, 128) {
        sum = row_sum_acc(sum, cast(x[t, d], f32) * cast(x[t, d], f32))
      }
      let inv = 1.0 / sqrt(sum * 0.001953125 + 1e-06)
      range e in tiles(512, 128) {
        y[t, e] = cast(cast(x[t, e], f32) * inv * w[e], bf16, rint)
      }
    }
  }
}
)";

inline constexpr const char* kMatmul = R"(imbrex 1
kernel "projection" @preset(flash, 4096, "two words") {
  dim T typical 128 max 8192
  input a: bf16[T, 256]
  weight b: bf16[256, 128]
  input q: int8[T, 64]
  input s: int8[32, 64]
  output c: f32[T, 128]
  output u: int32[T, 32]

  create staged: f32[T, 128]
  parallel t in tiles(T, 32) {
    parallel n in tiles(128, 64) {
      let acc = full(f32, [t.size, n.size], 0.0)
      pipeline(2) k in tiles(256, 128) @prefetch {
        if k.index == 0 {
          acc = matmul(a[t, k], b[k, n])
        } else {
          acc = matmul_acc(acc, a[t, k], b[k, n])
        }
      }
      staged[t, n] = acc @placement(slot, -3)
    }
    u[t, :] = matmul(q[t, :], s[:, :], transpose_b)
  }
  parallel r in tiles(T, 8) {
    c[r, :] = -staged[r, :] * 2.0 - (staged[r, :] - -0.5) / 3.0
  }
}
)";

inline constexpr const char* kEverything = R"(imbrex 1
kernel "everything" {
  dim T
  dim B typical 4 max 64
  input x: f32[T, 64]
  input rows: int32[T]
  input heads: bf16[T, 4, 32]
  inout table: int32[8, 8]
  output y: f32[T, 64]
  output z: f32[1, 1]
  output flags: int32[T, 64]

  view flat = heads: [T * 4, 32]
  range i in 0 .. T {
    read r = rows[i]
    assume r >= 0 and r < T
    let line = x[r, :]
    let h = cast(heads[i, 0, 0 +: 16], f32) + cast(flat[4 * i + 1, 16 +: 16], f32)
    let e = even(line)
    let o = odd(line)
    y[i, :] = interleave(e * 0.5 - o, -(1.0) + o)
    let biggest = max(row_max(abs(line)), 0.0001)
    tap "biggest" biggest
    let picked = gather(line, iota(64, 0 - 3) * 0 + int32(i % 64))
    flags[i, :] = select(lt(picked, biggest), full(int32, [1, 64], -7), cast(picked * 3.5, int32, rint))
  }
  parallel t in tiles(T, 16) {
    let top = full(f32, [1, 64], -inf)
    range inner in tiles(t, 4) {
      top = max(top, col_max(x[inner, :]))
    }
    y[t, :] = y[t, :] + top
    let joined = concat_columns(x[t, 0 +: 32], x[t, 32 +: 32])
    let turned = transpose(transpose(joined))
    y[t, :] = exp(-turned)
  }
  let which = cast(iota(8), int32)
  assume_distinct which
  assume_distinct which except -3
  table[by which, :] = table[by which, :] + 1
  table[0 +: 2, min(1, 2) +: 3] = full(int32, [2, 3], 5)
  z[:, :] = reshape(full(f32, [1, 1], nan), [1, 1])
  if T > 4 and T % 2 == 0 {
    z[0, 0] = log(recip(2.5)) + rsqrt(3.0) * 1e-45
  }
}
)";

}  // namespace imbrex::ir::corpus
