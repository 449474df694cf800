"""Lesson 2: a reduction over chunks is one reduction, and a cast happens where it is written.

A kernel that normalizes rows of bf16 in chunks. `sum += ib.row_sum(v)` continues the sum that `sum` holds, so that every chunk size
gives the same bits: chunking is no part of the meaning.
"""

import imbrex as ib
import numpy as np

T, D = ib.dim("T", typical=128), ib.const("D")


@ib.kernel
def rms_norm(x: ib.Tensor[ib.bf16, T, D], y: ib.Out[ib.bf16, T, D], chunk: int = 64):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("rms_norm"):
            sum = ib.zeros(ib.f32, t, 1)
            for d in ib.tiles(D, chunk):
                v = ib.cast(x[t, d], ib.f32)
                sum += ib.row_sum(v * v)
            inverse = 1 / ib.sqrt(sum * (1 / D) + 1e-6)
            # To bf16 values are rounded, so the mode is written; from bf16 to f32 nothing changes, and none is needed.
            for d in ib.tiles(D, chunk):
                y[t, d] = ib.cast(ib.cast(x[t, d], ib.f32) * inverse, ib.bf16, "rint")


x = (0x3F80 + np.arange(5 * 300) * 37 % 200).astype(np.uint16).reshape(5, 300)  # the bits of bf16 from 1.0 to 4.1
whole, chunked = rms_norm.interpret(x, chunk=300), rms_norm.interpret(x, chunk=64)
assert (whole == chunked).all()
print("whole rows and chunks of 64 columns: the same bits")
