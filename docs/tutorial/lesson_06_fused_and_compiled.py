"""Lesson 6: write scopes one after the other; the optimizer fuses them, and the compiled kernel gives the interpreter's bits.

A product, then bias and relu, through a tensor in memory. Nothing here says how the two are to be joined, which tiles the product is
to use or how its weight is to be packed.
"""

import imbrex as ib
import numpy as np

T, K, N = ib.dim("T", typical=128), ib.const("K"), ib.const("N")


@ib.kernel
def linear_relu(a: ib.Tensor[ib.bf16, T, K], w: ib.Weight[ib.bf16, K, N], bias: ib.Tensor[ib.f32, N], y: ib.Out[ib.bf16, T, N]):
    product = ib.create_tensor(ib.f32, T, N)
    for n in ib.parallel(ib.tiles(N, 64)):
        with ib.at("product"):
            acc = ib.zeros(ib.f32, T, n)
            for d in ib.pipeline(2, ib.tiles(K, 128)):
                acc += a[:, d] @ w[d, n]  # matmul_acc: one sum over all of K
            product[:, n] = acc
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("bias_relu"):
            y[t, :] = ib.cast(ib.max(product[t, :] + bias[:], 0), ib.bf16, "rint")


optimized = linear_relu.optimized(K=256, N=192)
print(optimized)
assert optimized.count(" at ") < linear_relu.text(K=256, N=192).count(" at ") and "create product" not in optimized


def bits(shape):  # of bf16: 0.5 to 2, of either sign
    i = np.arange(np.prod(shape))
    return (np.where(i % 3, 0x3F00, 0xBF00) + i * 89 % 256).astype(np.uint16).reshape(shape)


same = linear_relu.compare(bits((37, 256)), bits((256, 192)), np.zeros(192, np.float32))
assert same
print(same)
