"""Lesson 4: no row is lost, for any T. The prover decides it for every T at once, and shows the smallest T that fails.

Three ways to cut T rows in two. Whoever divides loses the last row of an odd T. Rounding up and clamping is right, and proven; so is
tiles(T, n), which needs no thought: its last span is shorter where n does not divide T.
"""

import imbrex as ib
import numpy as np

T = ib.dim("T", typical=128)


@ib.kernel
def divided(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for half in ib.parallel(2):
        rows = ib.span(half * (T // 2), T // 2)
        y[rows, :] = x[rows, :] * 2


@ib.kernel
def rounded_up(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for half in ib.parallel(2):
        rows = ib.between(half * ib.ceil_div(T, 2), ib.min((half + 1) * ib.ceil_div(T, 2), T))
        y[rows, :] = x[rows, :] * 2


@ib.kernel
def in_tiles(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for t in ib.parallel(ib.tiles(T, 64)):
        y[t, :] = x[t, :] * 2


try:
    divided.check()
    raise SystemExit("a kernel that loses a row was proven")
except ib.Error as error:
    print(error)
    assert error.id == "output-not-written"

x = np.ones((129, 64), np.float32)
for kernel in (rounded_up, in_tiles):
    kernel.check()
    assert (kernel(x) == 2).all()
print("rounded up, or in tiles: every row, for every T")
