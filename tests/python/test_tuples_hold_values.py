"""What is in a tuple has its value when the tuple is made, whatever becomes of the variables and the memory that it was read from."""

from __future__ import annotations

import imbrex as ib
import numpy as np
import pytest
from imbrex import f32
from test_wrong_kernels_are_explained import kernel_of

T = ib.dim("T", typical=128)

X = np.arange(1, 9, dtype=np.float32).reshape(2, 4)


def test_a_variable_that_changes_after_it_was_put_in_a_tuple():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4]):
        for t in ib.parallel(ib.tiles(T, 16)):
            a = x[t, :] * 1
            p = (a, 1)
            a = a + 1
            y[t, :] = p[0]

    assert (k.interpret(X) == X).all()


def test_an_expression_whose_variable_changes():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4]):
        a = x[:, :] * 1
        p = (a + 1, (0, a))
        a = a * 2
        y[:, :] = p[0] + p[1][1]

    assert (k.interpret(X) == X + 1 + X).all()


def test_a_loop_over_values_that_its_body_changes():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4]):
        a = x[:, :] * 1
        for w in (a, a):
            a = a + w
        for _, w in ((0, a), (1, -a)):
            a = a + w
        y[:, :] = a

    assert (k.interpret(X) == 3 * X).all()


def pair(v):
    a = v * 1
    return a, a * 3


def nested(v):
    a = v * 1
    p = (a, (a, a + 1))
    a = a + 10
    return p, p[0], a


def add_to(p):
    p += 100
    return p


def test_values_that_a_sub_kernel_returns():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4], z: ib.Out[f32, T, 4], u: ib.Out[f32, T, 4]):
        p = pair(x[:, :])
        q = p[0]
        q += 1
        y[:, :] = p[0]
        q = add_to(p[0])
        z[:, :] = p[0] + p[1]
        p, b, c = nested(x[:, :])
        b += 5
        c += 5
        u[:, :] = p[0] + p[1][0] + p[1][1]

    y, z, u = k.interpret(X)
    assert (y == X).all() and (z == 4 * X).all() and (u == 3 * X + 1).all()


def test_values_that_a_loop_takes_from_a_sub_kernel():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4]):
        s = x[:, :] * 0
        for w in pair(x[:, :]):
            w += 1
            s = s + w
        y[:, :] = s

    assert (k.interpret(X) == 4 * X + 2).all()


def test_memory_that_changes_after_it_was_read():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.InOut[f32, T, 4]):
        for t in ib.parallel(ib.tiles(T, 16)):
            p = (y[t, :], 0)
            y[t, :] = x[t, :]
            y[t, :] = p[0] + y[t, :]

    y = np.full_like(X, 5)
    k.interpret(X, y)
    assert (y == X + 5).all()


def stored(p, y):
    y[:, :] = p[1] * 2
    return p[0] + y[:, :]


def test_a_tuple_that_is_passed_on_and_one_that_stands_before_a_store():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.InOut[f32, T, 4], z: ib.Out[f32, T, 4]):
        v = stored((y[:, :], x[:, :]), y)
        (before, w), after = (y[:, :], 1), stored((y[:, :], x[:, :] + 1), y)
        z[:, :] = v + before + w + 0 * after

    y = np.full_like(X, 5)
    z = k.interpret(X, y)
    assert (z == (5 + 2 * X) + 2 * X + 1).all() and (y == 2 * X + 2).all()


def test_a_method_under_a_name():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 4], y: ib.Out[f32, T, 4]):
        v = x[:, :]
        magnitude = v.abs
        v = v * 0
        y[:, :] = magnitude() + v

    assert (k.interpret(-X) == X).all()


@pytest.mark.parametrize("change", ["listed = listed * 0", "listed *= 0", "listed += 0"])
def test_rows_under_a_name_keep_their_tile(change, tmp_path):
    text = f"""import imbrex as ib

T = ib.dim("T")

@ib.kernel
def k(x: ib.Tensor[ib.f32, T, 4], ids: ib.Tensor[ib.int32, 2], y: ib.Out[ib.f32, 2, 4]):
    listed = ids[:]
    ib.assume_each(0, listed, T)
    rows = ib.by(listed)
    {change}
    y[:, :] = x[rows, :]
"""
    kernel_of(text.replace(change, "pass"), tmp_path).check()
    with pytest.raises(ib.Error, match="'listed' gets another value") as refused:
        kernel_of(text, tmp_path).check()
    assert refused.value.line == 10 and refused.value.notes[0].line == 9
