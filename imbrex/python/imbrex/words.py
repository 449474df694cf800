"""The functions that bodies of kernels are written with. Bodies are parsed and never executed: outside of one, all of these raise.

A *tile* is a value ``[rows, columns]``; an *operand* is a tile, a slice (which is loaded), a number, or an index. Elementwise
operations take equal shapes; a column ``[m, 1]`` is repeated along columns, a row ``[1, n]`` along rows, and a number goes with all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, overload

from .errors import error_at_caller
from .types import DType
from .values import Extent, Index, Operand, Rows, Span, Tile, Tiles

_INSIDE = "use it in the body of a function that is decorated with @ib.kernel"


# ---- loops and scopes


@overload
def parallel(
    first: Tiles, end: None = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False
) -> Iterator[Span]: ...
@overload
def parallel(
    first: Index | int,
    end: Index | int | None = None,
    *,
    as_written: bool = False,
    tile: int | None = None,
    no_fusion: bool = False,
) -> Iterator[Index]: ...
def parallel(first: Any, end: Any = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False) -> Any:
    """A loop whose iterations do not depend on each other, which the prover checks: ``for t in ib.parallel(ib.tiles(T, 16)):``.

    ``ib.parallel(n)`` and ``ib.parallel(a, b)`` are over integers. `as_written`, `tile` and `no_fusion` pin the optimizer's choices.
    """
    raise error_at_caller("no-kernel", "ib.parallel outside of a kernel", _INSIDE)


@overload
def range(
    first: Tiles, end: None = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False
) -> Iterator[Span]: ...
@overload
def range(
    first: Index | int,
    end: Index | int | None = None,
    *,
    as_written: bool = False,
    tile: int | None = None,
    no_fusion: bool = False,
) -> Iterator[Index]: ...
def range(first: Any, end: Any = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False) -> Any:
    """One iteration after the other: ``for i in ib.range(n)``, ``ib.range(a, b)``, ``ib.range(ib.tiles(T, 16))``.

    Tiles of the surroundings that the body gives new values carry them to the next iteration.
    """
    raise error_at_caller("no-kernel", "ib.range outside of a kernel", _INSIDE)


@overload
def pipeline(
    stages: int, first: Tiles, end: None = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False
) -> Iterator[Span]: ...
@overload
def pipeline(
    stages: int,
    first: Index | int,
    end: Index | int | None = None,
    *,
    as_written: bool = False,
    tile: int | None = None,
    no_fusion: bool = False,
) -> Iterator[Index]: ...
def pipeline(
    stages: int, first: Any, end: Any = None, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False
) -> Any:
    """As `range`; loads of the next `stages` - 1 iterations may run ahead: ``for k in ib.pipeline(2, ib.tiles(K, 64)):``."""
    raise error_at_caller("no-kernel", "ib.pipeline outside of a kernel", _INSIDE)


def at(name: str, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False) -> AbstractContextManager[None]:
    """A named scope: ``with ib.at("norm"):``. Tiles made in it end with it."""
    raise error_at_caller("no-kernel", "ib.at outside of a kernel", _INSIDE)


# ---- indices


def tiles(extent: Index | Span | int, size: int) -> Tiles:
    """Spans of `size` indices that cover ``0 .. extent - 1``, or a span. A loop over them: ``for t in ib.tiles(T, 16):``."""
    raise error_at_caller("no-kernel", "ib.tiles outside of a kernel", _INSIDE)


def span(begin: Index | int, size: Index | int) -> Span:
    """The indices ``begin .. begin + size - 1``: ``x[ib.span(b, n), :]``."""
    raise error_at_caller("no-kernel", "ib.span outside of a kernel", _INSIDE)


def between(begin: Index | int, end: Index | int) -> Span:
    """The indices ``begin .. end - 1``, none where `end` is not larger: what ``x[begin:end]`` means."""
    raise error_at_caller("no-kernel", "ib.between outside of a kernel", _INSIDE)


def by(rows: Tile) -> Rows:
    """The rows that an int32 tile ``[m, 1]`` or ``[1, m]`` lists: ``table[ib.by(rows), :]``."""
    raise error_at_caller("no-kernel", "ib.by outside of a kernel", _INSIDE)


def ceil_div(a: Index | int, b: Index | int) -> Index:
    """``a / b``, rounded up."""
    raise error_at_caller("no-kernel", "ib.ceil_div outside of a kernel", _INSIDE)


# ---- making tensors and tiles


def create_tensor(*arguments: Any) -> Any:
    """Memory of this execution of the block: ``z = ib.create_tensor(ib.f32, T, D)``.

    It is named after the variable; or give a name first, ``("name", ib.f32, T, D)``.

    Made in the body of a loop it belongs to the iteration; made before the loop all share it.
    """
    raise error_at_caller("no-kernel", "ib.create_tensor outside of a kernel", _INSIDE)


def view(*arguments: Any) -> Any:
    """The same memory, row-major, under another shape: ``h = ib.view(x, T, H, 64)``, or ``("name", x, T, H, 64)``."""
    raise error_at_caller("no-kernel", "ib.view outside of a kernel", _INSIDE)


def full(dtype: DType, rows: Extent, columns: Extent, value: float) -> Tile:
    """A tile of which every element is `value`; f32, int32, int8 or uint8."""
    raise error_at_caller("no-kernel", "ib.full outside of a kernel", _INSIDE)


def zeros(dtype: DType, rows: Extent, columns: Extent) -> Tile:
    """A tile of zeros: ``ib.zeros(ib.f32, t, 1)``."""
    raise error_at_caller("no-kernel", "ib.zeros outside of a kernel", _INSIDE)


def iota(columns: Extent, begin: Index | int = 0) -> Tile:
    """int32 ``[1, columns]``: begin, begin + 1, ..."""
    raise error_at_caller("no-kernel", "ib.iota outside of a kernel", _INSIDE)


# ---- elementwise


def cast(x: Operand, dtype: DType, mode: str | None = None) -> Tile:
    """Converts; `mode` is "rint" (half to even), "round", "floor", "ceil" or "trunc", left out only where no value changes.

    Saturates to integers, NaN to 0.
    """
    raise error_at_caller("no-kernel", "ib.cast outside of a kernel", _INSIDE)


def select(condition: Tile, a: Operand, b: Operand) -> Tile:
    """`a` where the condition holds, else `b`: ``ib.select(v > 0, v, 0)``. ``ib.where`` is the same."""
    raise error_at_caller("no-kernel", "ib.select outside of a kernel", _INSIDE)


def abs(x: Operand) -> Tile:
    """Magnitudes."""
    raise error_at_caller("no-kernel", "ib.abs outside of a kernel", _INSIDE)


def recip(x: Operand) -> Tile:
    """Reciprocals, ``1 / x``."""
    raise error_at_caller("no-kernel", "ib.recip outside of a kernel", _INSIDE)


def sqrt(x: Operand) -> Tile:
    """Square roots."""
    raise error_at_caller("no-kernel", "ib.sqrt outside of a kernel", _INSIDE)


def rsqrt(x: Operand) -> Tile:
    """``1 / sqrt(x)``, of two roundings."""
    raise error_at_caller("no-kernel", "ib.rsqrt outside of a kernel", _INSIDE)


def exp(x: Operand) -> Tile:
    """e to the power of `x`."""
    raise error_at_caller("no-kernel", "ib.exp outside of a kernel", _INSIDE)


def log(x: Operand) -> Tile:
    """Natural logarithms."""
    raise error_at_caller("no-kernel", "ib.log outside of a kernel", _INSIDE)


def floor(x: Operand) -> Tile:
    """The next whole number that is not larger."""
    raise error_at_caller("no-kernel", "ib.floor outside of a kernel", _INSIDE)


def min(a: Operand, b: Operand, *more: Operand) -> Any:
    """The smaller ones, NaN if either is. Of indices, an index."""
    raise error_at_caller("no-kernel", "ib.min outside of a kernel", _INSIDE)


def max(a: Operand, b: Operand, *more: Operand) -> Any:
    """The larger ones, NaN if either is. Of indices, an index."""
    raise error_at_caller("no-kernel", "ib.max outside of a kernel", _INSIDE)


# ---- reductions


def row_sum(x: Operand) -> Tile:
    """The sum of each row, ``[m, n] -> [m, 1]``. ``s += ib.row_sum(v)`` goes on with the sum in `s` as one reduction."""
    raise error_at_caller("no-kernel", "ib.row_sum outside of a kernel", _INSIDE)


def row_max(x: Operand) -> Tile:
    """The largest of each row, ``[m, n] -> [m, 1]``."""
    raise error_at_caller("no-kernel", "ib.row_max outside of a kernel", _INSIDE)


def row_min(x: Operand) -> Tile:
    """The smallest of each row, ``[m, n] -> [m, 1]``."""
    raise error_at_caller("no-kernel", "ib.row_min outside of a kernel", _INSIDE)


def col_sum(x: Operand) -> Tile:
    """The sum of each column, ``[m, n] -> [1, n]``. ``s += ib.col_sum(v)`` goes on with the sum in `s` as one reduction."""
    raise error_at_caller("no-kernel", "ib.col_sum outside of a kernel", _INSIDE)


def col_max(x: Operand) -> Tile:
    """The largest of each column, ``[m, n] -> [1, n]``."""
    raise error_at_caller("no-kernel", "ib.col_max outside of a kernel", _INSIDE)


def col_min(x: Operand) -> Tile:
    """The smallest of each column, ``[m, n] -> [1, n]``."""
    raise error_at_caller("no-kernel", "ib.col_min outside of a kernel", _INSIDE)


# ---- products


def matmul(a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Tile:
    """``[m, k] [k, n] -> [m, n]``, as ``a @ b``. bf16 or f32 to f32, int8 or uint8 by int8 to int32."""
    raise error_at_caller("no-kernel", "ib.matmul outside of a kernel", _INSIDE)


def matmul_acc(acc: Operand, a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Tile:
    """``acc + a b`` with k continued, as ``acc += a @ b``."""
    raise error_at_caller("no-kernel", "ib.matmul_acc outside of a kernel", _INSIDE)


def matmul_scaled(
    a_scales: Operand, b_scales: Operand, a: Operand, b: Operand, k: int, columns: int, transpose_b: bool = False
) -> Tile:
    """The product of each block of `k` by `columns` elements of `b`, scaled and added, block after block.

    `a_scales` is ``[m, k blocks]``, where either may be 1; `b_scales` ``[k blocks, column blocks]``.
    """
    raise error_at_caller("no-kernel", "ib.matmul_scaled outside of a kernel", _INSIDE)


def matmul_expanded(b_scales: Operand, a: Operand, b: Operand, k: int, columns: int, transpose_b: bool = False) -> Tile:
    """``a b`` where each element of the e4m3 `b` is bf16(element * scale of its block of `k` by `columns`)."""
    raise error_at_caller("no-kernel", "ib.matmul_expanded outside of a kernel", _INSIDE)


# ---- moving elements


def transpose(x: Operand) -> Tile:
    """``[m, n] -> [n, m]``."""
    raise error_at_caller("no-kernel", "ib.transpose outside of a kernel", _INSIDE)


def reshape(x: Operand, rows: Extent, columns: Extent) -> Tile:
    """The same elements, row-major, in another shape."""
    raise error_at_caller("no-kernel", "ib.reshape outside of a kernel", _INSIDE)


def concat_rows(*parts: Operand) -> Tile:
    """One below the other; equal columns."""
    raise error_at_caller("no-kernel", "ib.concat_rows outside of a kernel", _INSIDE)


def concat_columns(*parts: Operand) -> Tile:
    """Side by side; equal rows."""
    raise error_at_caller("no-kernel", "ib.concat_columns outside of a kernel", _INSIDE)


def columns(x: Operand, begin: int, size: int) -> Tile:
    """`size` columns from `begin` on."""
    raise error_at_caller("no-kernel", "ib.columns outside of a kernel", _INSIDE)


def repeat_rows(x: Operand, times: int) -> Tile:
    """Each row so many times, one below the other: ``[m, n] -> [m * times, n]``."""
    raise error_at_caller("no-kernel", "ib.repeat_rows outside of a kernel", _INSIDE)


def even(x: Operand) -> Tile:
    """Columns 0, 2, 4, ..."""
    raise error_at_caller("no-kernel", "ib.even outside of a kernel", _INSIDE)


def odd(x: Operand) -> Tile:
    """Columns 1, 3, 5, ..."""
    raise error_at_caller("no-kernel", "ib.odd outside of a kernel", _INSIDE)


def interleave(even: Operand, odd: Operand) -> Tile:
    """The inverse of `even` and `odd`."""
    raise error_at_caller("no-kernel", "ib.interleave outside of a kernel", _INSIDE)


def gather(x: Operand, columns: Operand) -> Tile:
    """``out[r, c] = x[r, columns[r, c]]``, `columns` an int32 tile."""
    raise error_at_caller("no-kernel", "ib.gather outside of a kernel", _INSIDE)


# ---- data in control, assumptions, looking in


def read(tensor: Any, *position: Index | int) -> Index:
    """One element of an int32 or int64 tensor as an index: ``r = ib.read(rows, i)``."""
    raise error_at_caller("no-kernel", "ib.read outside of a kernel", _INSIDE)


def assume(condition: Any) -> None:
    """What the author knows and the prover cannot, ``ib.assume(r < T)``: taken as true, and checked when the kernel runs."""
    raise error_at_caller("no-kernel", "ib.assume outside of a kernel", _INSIDE)


def assume_each(least: Index | int, tile: Tile, end: Index | int) -> None:
    """Each element of an int32 tile is in ``[least, end)``."""
    raise error_at_caller("no-kernel", "ib.assume_each outside of a kernel", _INSIDE)


def assume_distinct(tile: Tile, but: int | None = None) -> None:
    """The elements of an int32 tile differ from each other; any number of them may be `but`."""
    raise error_at_caller("no-kernel", "ib.assume_distinct outside of a kernel", _INSIDE)


def assume_sorted(tile: Tile) -> None:
    """No element of an int32 tile is less than the one before it."""
    raise error_at_caller("no-kernel", "ib.assume_sorted outside of a kernel", _INSIDE)


def tap(name: str, tile: Operand) -> None:
    """Shows a tile to whoever runs the kernel and asks for it. No effect otherwise."""
    raise error_at_caller("no-kernel", "ib.tap outside of a kernel", _INSIDE)


where = select

__all__ = (
    "parallel",
    "range",
    "pipeline",
    "at",
    "tiles",
    "span",
    "between",
    "by",
    "ceil_div",
    "create_tensor",
    "view",
    "full",
    "zeros",
    "iota",
    "cast",
    "select",
    "abs",
    "recip",
    "sqrt",
    "rsqrt",
    "exp",
    "log",
    "floor",
    "min",
    "max",
    "row_sum",
    "row_max",
    "row_min",
    "col_sum",
    "col_max",
    "col_min",
    "matmul",
    "matmul_acc",
    "matmul_scaled",
    "matmul_expanded",
    "transpose",
    "reshape",
    "concat_rows",
    "concat_columns",
    "columns",
    "repeat_rows",
    "even",
    "odd",
    "interleave",
    "gather",
    "read",
    "assume",
    "assume_each",
    "assume_distinct",
    "assume_sorted",
    "tap",
    "where",
)
