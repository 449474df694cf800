"""The kernels of imbrex/kernels/nn/, written in Python."""

import imbrex as ib
from imbrex import bf16, f32, int8

T = ib.dim("T", typical=128)
D, K, N, M, H = ib.const("D"), ib.const("K"), ib.const("N"), ib.const("M"), ib.const("H")


# ---- norms


@ib.kernel
def rms_norm(x: ib.Tensor[bf16, T, D], w: ib.Tensor[f32, D], y: ib.Out[bf16, T, D], eps: float = 1e-6):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("rms_norm"):
            sum = ib.zeros(f32, t, 1)
            for d in ib.tiles(D, 512):
                v = ib.cast(x[t, d], f32)
                sum += ib.row_sum(v * v)
            inv = 1 / ib.sqrt(sum * (1 / D) + eps)
            for d_apply in ib.tiles(D, 512):
                y[t, d_apply] = ib.cast(ib.cast(x[t, d_apply], f32) * inv * w[d_apply], bf16, "rint")


@ib.kernel
def layer_norm(x: ib.Tensor[bf16, T, D], w: ib.Tensor[f32, D], b: ib.Tensor[f32, D], y: ib.Out[bf16, T, D], eps: float = 1e-6):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("layer_norm"):
            v = ib.cast(x[t, :], f32)
            mean = ib.row_sum(v) * (1 / D)
            centered = v - mean
            inv = 1 / ib.sqrt(ib.row_sum(centered * centered) * (1 / D) + eps)
            y[t, :] = ib.cast(centered * inv * w[:] + b[:], bf16, "rint")


@ib.kernel
def softmax(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("softmax"):
            v = x[t, :]
            p = ib.exp(v - ib.row_max(v))
            y[t, :] = p / ib.row_sum(p)


# ---- products


def product(a, b, t, n):
    """a[t, :] . b[:, n], K in a pipeline of two stages."""
    acc = ib.zeros(f32, t, n)
    for k in ib.pipeline(2, ib.tiles(a.shape[1], 512)):
        acc += a[t, k] @ b[k, n]
    return acc


# Columns run in parallel, so that the rows use the weights while they are in cache.
@ib.kernel
def matmul(a: ib.Tensor[bf16, T, K], b: ib.Weight[bf16, K, N], c: ib.Out[f32, T, N]):
    for n in ib.parallel(ib.tiles(N, 64)):
        with ib.at("matmul"):
            for t in ib.tiles(T, 64):
                c[t, n] = product(a, b, t, n)


@ib.kernel
def gemm_bias_silu(a: ib.Tensor[bf16, T, K], b: ib.Weight[bf16, K, N], bias: ib.Tensor[f32, N], c: ib.Out[bf16, T, N]):
    for n in ib.parallel(ib.tiles(N, 64)):
        with ib.at("gemm"):
            for t in ib.tiles(T, 64):
                v = product(a, b, t, n) + bias[n]
                c[t, n] = ib.cast(v / (1 + ib.exp(-v)), bf16, "rint")


def project(scope, out, x, w):
    for n in ib.parallel(ib.tiles(w.shape[1], 64)):
        with ib.at(scope):
            for t in ib.tiles(T, 64):
                out[t, n] = ib.cast(product(x, w, t, n), bf16, "rint")


@ib.kernel
def projections(
    x: ib.Tensor[bf16, T, D],
    wq: ib.Weight[bf16, D, N],
    wk: ib.Weight[bf16, D, M],
    wv: ib.Weight[bf16, D, M],
    q: ib.Out[bf16, T, N],
    k: ib.Out[bf16, T, M],
    v: ib.Out[bf16, T, M],
):
    project("project_q", q, x, wq)
    project("project_k", k, x, wk)
    project("project_v", v, x, wv)


# ---- rows


@ib.kernel
def rope_interleaved(
    x: ib.Tensor[bf16, T, H, D],
    cosine: ib.Tensor[f32, T, D // 2],
    sine: ib.Tensor[f32, T, D // 2],
    y: ib.Out[bf16, T, H, D],
):
    for h in ib.parallel(H):
        with ib.at("rope_interleaved"):
            for t in ib.tiles(T, 16):
                c, s = cosine[t, :], sine[t, :]
                v = ib.cast(x[t, h, :], f32)
                e, o = ib.even(v), ib.odd(v)
                y[t, h, :] = ib.cast(ib.interleave(e * c - o * s, e * s + o * c), bf16, "rint")


@ib.kernel
def rope_half_split(
    x: ib.Tensor[bf16, T, H, D],
    cosine: ib.Tensor[f32, T, D // 2],
    sine: ib.Tensor[f32, T, D // 2],
    y: ib.Out[bf16, T, H, D],
):
    for h in ib.parallel(H):
        with ib.at("rope_half_split"):
            for t in ib.tiles(T, 16):
                c, s = cosine[t, :], sine[t, :]
                low, high = ib.span(0, D // 2), ib.span(D // 2, D // 2)
                a, b = ib.cast(x[t, h, low], f32), ib.cast(x[t, h, high], f32)
                y[t, h, low] = ib.cast(a * c - b * s, bf16, "rint")
                y[t, h, high] = ib.cast(a * s + b * c, bf16, "rint")


@ib.kernel
def quantize_rows(x: ib.Tensor[bf16, T, D], y: ib.Out[int8, T, D], scale: ib.Out[f32, T, 1]):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("quantize_rows"):
            v = ib.cast(x[t, :], f32)
            quant = 127 / ib.max(ib.row_max(ib.abs(v)), 1e-4)
            scale[t, :] = 1 / quant
            y[t, :] = ib.cast(v * quant, int8, "rint")
