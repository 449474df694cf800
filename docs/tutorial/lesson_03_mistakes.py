"""Lesson 3: what cannot be right does not become a program. Errors name your line, your tensors and the repair."""

import imbrex as ib

T = ib.dim("T")


# The most common first bug: `row = ...` gives the variable another value and stores nothing.
@ib.kernel
def stores_nothing(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for t in ib.parallel(ib.tiles(T, 8)):
        row = x[t, :]
        row = row * 2  # meant: y[t, :] = row * 2


# A value that iterations of a parallel loop hand to each other.
@ib.kernel
def carries_a_sum(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, 1, 64]):
    sum = ib.zeros(ib.f32, 1, 64)
    for t in ib.parallel(ib.tiles(T, 8)):  # meant: ib.range
        sum += ib.col_sum(x[t, :])
    y[0, :] = sum


# A word of another library, which is found when the kernel is decorated or built.
@ib.kernel
def calls_a_softmax(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for t in ib.parallel(ib.tiles(T, 8)):
        y[t, :] = ib.softmax(x[t, :])  # meant: ib.exp(x[t, :] - ...), divided by its row_sum


told = []
for kernel in (stores_nothing, carries_a_sum, calls_a_softmax):
    try:
        kernel.check()
    except ib.Error as error:
        print(error, end="\n\n")
        told.append(error.id)
assert told == ["output-not-stored", "parallel-rebind", "python-habit"], told
