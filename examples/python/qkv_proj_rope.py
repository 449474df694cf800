"""The front of DeepSeek-V4's attention on whole tensors, without loops and tiles: the plain variant of deepseek_v4/qkv_proj_rope.

The optimizer finds the loops and tiles. imbrex/kernels/deepseek_v4/qkv_proj_rope.h has the formulas and rounding points.
"""

import imbrex as ib
from imbrex import bf16, f32, int8, int32

T = ib.dim("T", typical=128)
D, H, Q = ib.const("D"), ib.const("H"), ib.const("Q")  # hidden, heads, query latent
HEAD, ROPE = 512, 64
NOPE = HEAD - ROPE


def to_f32(x):
    if x.dtype == f32:
        return x
    return ib.cast(x, f32)


def normalized(x, n, eps):
    """Rows of x, each divided by its root mean square."""
    return x * (1 / ib.sqrt(ib.row_sum(x * x) * (1 / n) + eps))


def store_rotated(out, rows, cosine, sine):
    """Rows of 512 columns, the last 64 of them rotated in pairs by the angles of each row."""
    out[:, 0:NOPE] = ib.cast(ib.columns(rows, 0, NOPE), bf16, "rint")
    tail = ib.columns(rows, NOPE, ROPE)
    e, o = ib.even(tail), ib.odd(tail)
    turned_even, turned_odd = ib.cast(e * cosine - o * sine, bf16, "rint"), ib.cast(e * sine + o * cosine, bf16, "rint")
    out[:, NOPE:HEAD] = ib.interleave(turned_even, turned_odd)


@ib.kernel
def qkv_proj_rope(
    x: ib.Tensor[bf16, T, D],
    norm_w: ib.Tensor[f32, D],
    wq_a: ib.Weight[bf16, D, Q],
    gamma_cq: ib.Tensor[bf16, Q],
    wq_b: ib.Weight[int8, Q, H * HEAD],
    wq_b_scale: ib.Tensor[f32, H * HEAD],
    wkv: ib.Weight[bf16, D, HEAD],
    gamma_ckv: ib.Tensor[bf16, HEAD],
    rope_cos: ib.Tensor[bf16, T, ROPE],
    rope_sin: ib.Tensor[bf16, T, ROPE],
    q: ib.Out[bf16, T, H, HEAD],
    kv: ib.Out[bf16, T, HEAD],
    qr: ib.Out[int8, T, Q],
    qr_scale: ib.Out[f32, T, 1],
    eps: float = 1e-6,
):
    normed = ib.cast(normalized(to_f32(x[:, :]), D, eps) * norm_w[:], bf16, "rint")

    latent = ib.cast(normalized(normed @ wq_a[:, :], Q, eps) * to_f32(gamma_cq[:]), bf16, "rint")
    r = ib.cast(latent, f32)
    quant = 127 / ib.max(1e-4, ib.row_max(ib.abs(r)))
    integers = ib.cast(ib.cast(r * quant, int32, "rint"), int8, "rint")
    scale = 1 / quant
    qr[:, :] = integers
    qr_scale[:, :] = scale

    cosine, sine = to_f32(rope_cos[:, 0 : ROPE // 2]), to_f32(rope_sin[:, 0 : ROPE // 2])
    column_scale = ib.view("wq_b_scale_row", wq_b_scale, H * HEAD)
    u = ib.cast(integers @ wq_b[:, :], f32, "rint") * scale * column_scale[:]
    heads = normalized(ib.reshape(u, T * H, HEAD), HEAD, eps)
    store_rotated(ib.view("q_heads", q, T * H, HEAD), heads, ib.repeat_rows(cosine, H), ib.repeat_rows(sine, H))

    rows = normalized(normed @ wkv[:, :], HEAD, eps) * to_f32(gamma_ckv[:])
    store_rotated(kv, rows, cosine, sine)
