"""The functions that bodies of kernels are written with. Bodies are parsed and never executed: outside of one, all of these raise.

A *tile* is a value ``[rows, columns]``; an *operand* is a tile, a slice (which is loaded), a number, or an index. Elementwise
operations take equal shapes; a column ``[m, 1]`` is repeated along columns, a row ``[1, n]`` along rows, and a number goes with all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, overload

from .errors import Error, error
from .types import DType
from .values import Extent, Index, Operand, Rows, Span, Tile, Tiles


def _outside(name: str) -> Error:
    return error(
        "no-kernel", f"ib.{name} outside of a kernel", "use it in the body of a function that is decorated with @ib.kernel"
    )


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
    raise _outside("parallel")


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
    raise _outside("range")


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
    raise _outside("pipeline")


def at(name: str, *, as_written: bool = False, tile: int | None = None, no_fusion: bool = False) -> AbstractContextManager[None]:
    """A named scope: ``with ib.at("norm"):``. Tiles made in it end with it."""
    raise _outside("at")


# ---- indices


def tiles(extent: Index | Span | int, size: int) -> Tiles:
    """Spans of `size` indices that cover ``0 .. extent - 1``, or a span. A loop over them: ``for t in ib.tiles(T, 16):``."""
    raise _outside("tiles")


def span(begin: Index | int, size: Index | int) -> Span:
    """The indices ``begin .. begin + size - 1``: ``x[ib.span(b, n), :]``."""
    raise _outside("span")


def between(begin: Index | int, end: Index | int) -> Span:
    """The indices ``begin .. end - 1``, none where `end` is not larger: what ``x[begin:end]`` means."""
    raise _outside("between")


def by(rows: Tile) -> Rows:
    """The rows that an int32 tile ``[m, 1]`` or ``[1, m]`` lists: ``table[ib.by(rows), :]``."""
    raise _outside("by")


def ceil_div(a: Index | int, b: Index | int) -> Index:
    """``a / b``, rounded up."""
    raise _outside("ceil_div")


# ---- making tensors and tiles


def create_tensor(*arguments: Any) -> Any:
    """Memory of this execution of the block: ``z = ib.create_tensor(ib.f32, T, D)``.

    It is named after the variable; or give a name first, ``("name", ib.f32, T, D)``.

    Made in the body of a loop it belongs to the iteration; made before the loop all share it.
    """
    raise _outside("create_tensor")


def view(*arguments: Any) -> Any:
    """The same memory, row-major, under another shape: ``h = ib.view(x, T, H, 64)``, or ``("name", x, T, H, 64)``."""
    raise _outside("view")


def full(dtype: DType, rows: Extent, columns: Extent, value: float) -> Tile:
    """A tile of which every element is `value`; f32, int32, int8 or uint8."""
    raise _outside("full")


def zeros(dtype: DType, rows: Extent, columns: Extent) -> Tile:
    """A tile of zeros: ``ib.zeros(ib.f32, t, 1)``."""
    raise _outside("zeros")


def iota(columns: Extent, begin: Index | int = 0) -> Tile:
    """int32 ``[1, columns]``: begin, begin + 1, ..."""
    raise _outside("iota")


# ---- elementwise


def cast(x: Operand, dtype: DType, mode: str | None = None) -> Tile:
    """Converts; `mode` is "rint" (half to even), "round", "floor", "ceil" or "trunc", left out only where no value changes.

    Saturates to integers, NaN to 0.
    """
    raise _outside("cast")


def select(condition: Tile, a: Operand, b: Operand) -> Tile:
    """`a` where the condition holds, else `b`: ``ib.select(v > 0, v, 0)``. ``ib.where`` is the same."""
    raise _outside("select")


def abs(x: Operand) -> Tile:
    """Magnitudes."""
    raise _outside("abs")


def recip(x: Operand) -> Tile:
    """Reciprocals, ``1 / x``."""
    raise _outside("recip")


def sqrt(x: Operand) -> Tile:
    """Square roots."""
    raise _outside("sqrt")


def rsqrt(x: Operand) -> Tile:
    """``1 / sqrt(x)``, of two roundings."""
    raise _outside("rsqrt")


def exp(x: Operand) -> Tile:
    """e to the power of `x`."""
    raise _outside("exp")


def log(x: Operand) -> Tile:
    """Natural logarithms."""
    raise _outside("log")


def floor(x: Operand) -> Tile:
    """The next whole number that is not larger."""
    raise _outside("floor")


def min(a: Operand, b: Operand, *more: Operand) -> Any:
    """The smaller ones, NaN if either is. Of indices, an index."""
    raise _outside("min")


def max(a: Operand, b: Operand, *more: Operand) -> Any:
    """The larger ones, NaN if either is. Of indices, an index."""
    raise _outside("max")


# ---- reductions


def row_sum(x: Operand) -> Tile:
    """The sum of each row, ``[m, n] -> [m, 1]``. ``s += ib.row_sum(v)`` goes on with the sum in `s` as one reduction."""
    raise _outside("row_sum")


def row_max(x: Operand) -> Tile:
    """The largest of each row, ``[m, n] -> [m, 1]``."""
    raise _outside("row_max")


def row_min(x: Operand) -> Tile:
    """The smallest of each row, ``[m, n] -> [m, 1]``."""
    raise _outside("row_min")


def col_sum(x: Operand) -> Tile:
    """The sum of each column, ``[m, n] -> [1, n]``. ``s += ib.col_sum(v)`` goes on with the sum in `s` as one reduction."""
    raise _outside("col_sum")


def col_max(x: Operand) -> Tile:
    """The largest of each column, ``[m, n] -> [1, n]``."""
    raise _outside("col_max")


def col_min(x: Operand) -> Tile:
    """The smallest of each column, ``[m, n] -> [1, n]``."""
    raise _outside("col_min")


# ---- products


def matmul(a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Tile:
    """``[m, k] [k, n] -> [m, n]``, as ``a @ b``. bf16 or f32 to f32, int8 or uint8 by int8 to int32."""
    raise _outside("matmul")


def matmul_acc(acc: Operand, a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Tile:
    """``acc + a b`` with k continued, as ``acc += a @ b``."""
    raise _outside("matmul_acc")


def matmul_scaled(
    a_scales: Operand, b_scales: Operand, a: Operand, b: Operand, k: int, columns: int, transpose_b: bool = False
) -> Tile:
    """The product of each block of `k` by `columns` elements of `b`, scaled and added, block after block.

    `a_scales` is ``[m, k blocks]``, where either may be 1; `b_scales` ``[k blocks, column blocks]``.
    """
    raise _outside("matmul_scaled")


def matmul_expanded(b_scales: Operand, a: Operand, b: Operand, k: int, columns: int, transpose_b: bool = False) -> Tile:
    """``a b`` where each element of the e4m3 `b` is bf16(element * scale of its block of `k` by `columns`)."""
    raise _outside("matmul_expanded")


# ---- moving elements


def transpose(x: Operand) -> Tile:
    """``[m, n] -> [n, m]``."""
    raise _outside("transpose")


def reshape(x: Operand, rows: Extent, columns: Extent) -> Tile:
    """The same elements, row-major, in another shape."""
    raise _outside("reshape")


def concat_rows(*parts: Operand) -> Tile:
    """One below the other; equal columns."""
    raise _outside("concat_rows")


def concat_columns(*parts: Operand) -> Tile:
    """Side by side; equal rows."""
    raise _outside("concat_columns")


def columns(x: Operand, begin: int, size: int) -> Tile:
    """`size` columns from `begin` on."""
    raise _outside("columns")


def repeat_rows(x: Operand, times: int) -> Tile:
    """Each row so many times, one below the other: ``[m, n] -> [m * times, n]``."""
    raise _outside("repeat_rows")


def even(x: Operand) -> Tile:
    """Columns 0, 2, 4, ..."""
    raise _outside("even")


def odd(x: Operand) -> Tile:
    """Columns 1, 3, 5, ..."""
    raise _outside("odd")


def interleave(even: Operand, odd: Operand) -> Tile:
    """The inverse of `even` and `odd`."""
    raise _outside("interleave")


def gather(x: Operand, columns: Operand) -> Tile:
    """``out[r, c] = x[r, columns[r, c]]``, `columns` an int32 tile."""
    raise _outside("gather")


# ---- data in control, assumptions, looking in


def read(tensor: Any, *position: Index | int) -> Index:
    """One element of an int32 or int64 tensor as an index: ``r = ib.read(rows, i)``."""
    raise _outside("read")


def assume(condition: Any) -> None:
    """What the author knows and the prover cannot, ``ib.assume(r < T)``: taken as true, and checked when the kernel runs."""
    raise _outside("assume")


def assume_each(least: Index | int, tile: Tile, end: Index | int) -> None:
    """Each element of an int32 tile is in ``[least, end)``."""
    raise _outside("assume_each")


def assume_distinct(tile: Tile, but: int | None = None) -> None:
    """The elements of an int32 tile differ from each other; any number of them may be `but`."""
    raise _outside("assume_distinct")


def assume_sorted(tile: Tile) -> None:
    """No element of an int32 tile is less than the one before it."""
    raise _outside("assume_sorted")


def tap(name: str, tile: Operand) -> None:
    """Shows a tile to whoever runs the kernel and asks for it. No effect otherwise."""
    raise _outside("tap")


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
