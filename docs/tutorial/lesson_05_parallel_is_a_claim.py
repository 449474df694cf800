"""Lesson 5: `parallel` is a claim, and the prover checks it.

Memory that is made before a loop is shared by its iterations; memory that is made inside belongs to one. Where data decides an address
nothing can be proven, so the author says what is known of the data: ib.assume_each, which is checked when the kernel runs.
"""

import imbrex as ib
import numpy as np

T, V = ib.dim("T", typical=128), ib.dim("V", typical=1000)


@ib.kernel
def shared(x: ib.Tensor[ib.f32, T, 256], y: ib.Out[ib.f32, T, 256]):
    scratch = ib.create_tensor(ib.f32, T, 64)
    for h in ib.parallel(4):
        scratch[:, :] = x[:, h * 64 : h * 64 + 64] * 2
        y[:, h * 64 : h * 64 + 64] = scratch[:, :] + 1


@ib.kernel
def its_own(x: ib.Tensor[ib.f32, T, 256], y: ib.Out[ib.f32, T, 256]):
    for h in ib.parallel(4):
        scratch = ib.create_tensor(ib.f32, T, 64)
        scratch[:, :] = x[:, h * 64 : h * 64 + 64] * 2
        y[:, h * 64 : h * 64 + 64] = scratch[:, :] + 1


@ib.kernel
def rows_of_a_table(
    table: ib.Tensor[ib.f32, V, 64], ids: ib.Tensor[ib.int32, T, 1], y: ib.Out[ib.f32, T, 64], says_what_is_known: bool = True
):
    for t in ib.parallel(ib.tiles(T, 16)):
        rows = ids[t, :]
        if says_what_is_known:  # a constant: decided when the kernel is built
            ib.assume_each(0, rows, V)
        y[t, :] = table[ib.by(rows), :]


def refused(check):
    try:
        check()
    except ib.Error as error:
        print(error, end="\n\n")
        return error.id
    return ""


assert refused(shared.check) == "parallel-conflict"  # names two heads and the element that both write
its_own.check()
assert refused(lambda: rows_of_a_table.check(says_what_is_known=False)) == "undecidable"
rows_of_a_table.check()

# What was assumed is checked: row 7 of a table of 5 is refused, not read.
table, ids = np.zeros((5, 64), np.float32), np.full((1, 1), 7, np.int32)
assert refused(lambda: rows_of_a_table(table, ids)) == "assumption-failed"
