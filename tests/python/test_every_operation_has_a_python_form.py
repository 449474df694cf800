"""Every operation of the compiler's table can be written in a body."""

import imbrex as ib
import pytest
from imbrex import _imbrex, bf16, e4m3, e8m0, f32, int32

T = ib.dim("T")


@ib.kernel
def every_operation(
    x: ib.Tensor[f32, T, 64],
    i: ib.Tensor[int32, T, 64],
    a: ib.Tensor[bf16, T, 64],
    w: ib.Tensor[bf16, 64, 64],
    q: ib.Tensor[e4m3, 64, 64],
    s: ib.Tensor[e8m0, 2, 2],
    y: ib.InOut[f32, T, 64],
):
    v = x[:, :]  # load, variable
    v = -ib.abs(v) + ib.recip(v) - ib.sqrt(v) * ib.rsqrt(v) / ib.exp(v)
    v = ib.log(v) + ib.floor(v)
    v = ib.min(ib.max(v, 1), 2)
    for mask in (v == 1, v != 1, v < 1, v <= 1, v > 1, v >= 1):
        v = ib.select(mask, v, ib.full(f32, T, 64, 0.5))
    v = v + ib.row_sum(v) + ib.row_max(v) + ib.row_min(v) + ib.col_sum(v) + ib.col_max(v) + ib.col_min(v)
    rows, columns = ib.zeros(f32, T, 1), ib.zeros(f32, 1, 64)
    rows += ib.row_sum(v)  # row_sum_acc
    columns += ib.col_sum(v)  # col_sum_acc
    v = v + rows + columns
    product = a[:, :] @ w[:, :]
    product += ib.matmul(a[:, :], w[:, :], transpose_b=True)  # matmul_acc
    product = product + ib.matmul_scaled(ib.full(f32, T, 2, 1.0), s[:, :], a[:, :], q[:, :], 32, 32)
    product = product + ib.matmul_expanded(s[:, :], a[:, :], q[:, :], 32, 32)
    v = v + product
    v = ib.transpose(ib.transpose(v))
    v = ib.reshape(ib.reshape(v, T * 2, 32), T, 64)
    v = ib.concat_columns(ib.columns(v, 0, 32), ib.columns(v, 32, 32))
    v = ib.interleave(ib.even(v), ib.odd(v))
    v = v + ib.gather(v, i[:, :])
    v = v + ib.cast(ib.iota(64) + T, f32, "rint")  # int32(T), an index as a value
    y[:, :] = v
    for t in ib.tiles(T, 1):
        part = ib.columns(x[t, :], 0, 16)
        y[t, :] = ib.reshape(ib.concat_rows(part, part, ib.repeat_rows(part, 2)), t.size, 64)


def written_as(operation):
    """How the text of a program has an operation."""
    symbols = {"neg": "-abs", "add": " + ", "sub": " - ", "mul": " * ", "div": " / ", "load": "x[", "variable": "v"}
    return symbols.get(operation, operation + "(")


@pytest.mark.parametrize("operation", [operation["name"] for operation in _imbrex.operations()])
def test_operation(operation):
    assert written_as(operation) in every_operation.text()


def test_the_table_is_whole():
    assert len(_imbrex.operations()) >= 48
