"""Lesson 9: in an engine: x is a slice of wider activations, the weight is stored as [out, in] and packed once for many calls.

A kernel of the library is called as one of yours. `bind` checks the arrays and packs the weight; the result is called again and again
on what the arrays hold then. docs/engine.md and examples/engine.c do the same in C, ahead of time and without a compiler on the
machine that runs it.
"""

import imbrex as ib
import numpy as np

matmul = ib.kernels.nn.matmul
K, N, T = 512, 256, 9

activations = np.full((T, K + 64), 0x3F80, np.uint16)  # the bits of bf16: 1
weight = np.full((N, K), 0x3F00, np.uint16)  # 0.5, [out, in]
c = np.empty((T, N), np.float32)

step = matmul.bind(activations[:, :K], weight.T, c=c, inner=K, columns=N)  # strided views: nothing is copied
step()
assert (c == 0.5 * K).all()

activations[:] = 0x4000  # 2
step()
assert (c == K).all()
print(T, "times", N, "outputs, each", c[0, 0])
