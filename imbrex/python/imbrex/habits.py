"""Words of NumPy, torch and Triton that authors write by habit: what they are here, or what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import types, words
from .records import Record

LIBRARIES = ("numpy", "torch", "triton", "jax", "math", "cupy")


class Same(Record):
    """The same function under another name."""

    word: Callable[..., Any]


class ByAxis(Record):
    """A reduction whose axis decides which of ours it is."""

    name: str
    of_rows: Callable[..., Any]
    of_columns: Callable[..., Any]


class Refused(Record):
    """No form of ours takes the same arguments: what to write."""

    name: str
    hint: str


class Constant(Record):
    """A value."""

    value: Any


Habit = Same | ByAxis | Refused | Constant

_SUM = ByAxis("sum", words.row_sum, words.col_sum)
_MAX = ByAxis("max", words.row_max, words.col_max)
_MIN = ByAxis("min", words.row_min, words.col_min)
_LOAD = "a slice is loaded where it is used: `v = x[t, :]`"
_STORE = "assign to a slice: `y[t, :] = v`"
_GRID = "there is no grid: `for t in ib.parallel(ib.tiles(T, 16)):`"
_SAME_TYPE = "make it with its type and shape: `ib.zeros(ib.f32, v.rows, v.columns)`"
_JOIN = "write ib.concat_rows(a, b) or ib.concat_columns(a, b)"

# Functions of these libraries, and words that one expects in ours.
FUNCTIONS: dict[str, Habit] = {
    "where": Same(words.select),
    "maximum": Same(words.max),
    "minimum": Same(words.min),
    "absolute": Same(words.abs),
    "fabs": Same(words.abs),
    "abs": Same(words.abs),
    "reciprocal": Same(words.recip),
    "exp": Same(words.exp),
    "log": Same(words.log),
    "sqrt": Same(words.sqrt),
    "rsqrt": Same(words.rsqrt),
    "floor": Same(words.floor),
    "dot": Same(words.matmul),
    "matmul": Same(words.matmul),
    "mm": Same(words.matmul),
    "transpose": Same(words.transpose),
    "trans": Same(words.transpose),
    "cdiv": Same(words.ceil_div),
    "sum": _SUM,
    "max": _MAX,
    "amax": _MAX,
    "min": _MIN,
    "amin": _MIN,
    "mean": Refused("mean", "write `ib.row_sum(v) * (1 / D)` for rows of D columns"),
    "softmax": Refused("softmax", "write `p = ib.exp(v - ib.row_max(v))`, then `p / ib.row_sum(p)`"),
    "sigmoid": Refused("sigmoid", "write `1 / (1 + ib.exp(-v))`"),
    "silu": Refused("silu", "write `v / (1 + ib.exp(-v))`"),
    "relu": Refused("relu", "write `ib.max(v, 0)`"),
    "square": Refused("square", "write `v * v`"),
    "pow": Refused("pow", "write `v * v`, or ib.sqrt(v)"),
    "power": Refused("power", "write `v * v`, or ib.sqrt(v)"),
    "add": Refused("add", "write `a + b`"),
    "subtract": Refused("subtract", "write `a - b`"),
    "multiply": Refused("multiply", "write `a * b`"),
    "mul": Refused("mul", "write `a * b`"),
    "divide": Refused("divide", "write `a / b`"),
    "negative": Refused("negative", "write `-a`"),
    "einsum": Refused("einsum", "write `a @ b`, or ib.matmul(a, b, transpose_b=True)"),
    "concatenate": Refused("concatenate", _JOIN),
    "cat": Refused("cat", _JOIN),
    "stack": Refused("stack", _JOIN),
    "arange": Refused("arange", "write ib.iota(n), or ib.iota(n, begin): int32 [1, n]"),
    "zeros": Refused("zeros", "write `ib.zeros(ib.f32, t, 1)`: the type, the rows and the columns"),
    "ones": Refused("ones", "write `ib.full(ib.f32, t, 1, 1.0)`: the type, the rows, the columns and the value"),
    "full": Refused("full", "write `ib.full(ib.f32, t, 1, 0.5)`: the type, the rows, the columns and the value"),
    "empty": Refused("empty", "write `ib.create_tensor(ib.f32, T, D)`, or make a tile where its value is known"),
    "zeros_like": Refused("zeros_like", _SAME_TYPE),
    "empty_like": Refused("empty_like", _SAME_TYPE),
    "expand_dims": Refused("expand_dims", "leave it out: [m, 1] and [1, n] are repeated where they meet [m, n]"),
    "broadcast_to": Refused("broadcast_to", "leave it out: [m, 1] and [1, n] are repeated where they meet [m, n]"),
    "load": Refused("load", _LOAD),
    "store": Refused("store", _STORE),
    "make_block_ptr": Refused("make_block_ptr", _LOAD),
    "program_id": Refused("program_id", _GRID),
    "num_programs": Refused("num_programs", _GRID),
    "grid": Refused("grid", _GRID),
    "static_range": Refused("static_range", "write `for i in range(4):`, which is unrolled"),
    "constexpr": Refused("constexpr", 'write `D = ib.const("D")`, or a parameter `n: int`'),
    "syncthreads": Refused("syncthreads", "leave it out: a kernel means what it means from top to bottom"),
    "debug_barrier": Refused("debug_barrier", "leave it out: a kernel means what it means from top to bottom"),
    "device_print": Refused("device_print", 'write ib.tap("name", v) and call kernel.taps(...)'),
    "float32": Constant(types.f32),
    "float16": Constant(types.f16),
    "bfloat16": Constant(types.bf16),
    "float8_e4m3fn": Constant(types.e4m3),
    "float8e4nv": Constant(types.e4m3),
    "int8": Constant(types.int8),
    "uint8": Constant(types.uint8),
    "int32": Constant(types.int32),
    "int64": Constant(types.int64),
    "bool_": Constant(types.bool),
    "inf": Constant(float("inf")),
    "nan": Constant(float("nan")),
    "pi": Constant(3.141592653589793),
}

# Python's own functions.
BUILTINS: dict[str, Habit] = {
    "abs": Same(words.abs),
    "min": Same(words.min),
    "max": Same(words.max),
    "sum": Refused("sum", "write ib.row_sum(v) or ib.col_sum(v)"),
    "len": Refused("len", "write `x.shape[0]`, or `v.rows`"),
    "print": Refused("print", 'write ib.tap("name", v) and call kernel.taps(...)'),
    "round": Refused("round", 'write ib.cast(v, ib.int32, "rint")'),
    "pow": Refused("pow", "write `v * v`, or ib.sqrt(v)"),
    "enumerate": Refused("enumerate", "write `for t in ib.range(ib.tiles(T, 16)):`; its number is `t.index`"),
    "zip": Refused("zip", "write one loop over the indices that both have: `for i in ib.range(n):`"),
    "float": Refused("float", "write ib.cast(v, ib.f32)"),
    "int": Refused("int", 'write ib.cast(v, ib.int32, "trunc")'),
    "bool": Refused("bool", "compare: `v != 0`"),
    "isinstance": Refused("isinstance", "decide by `v.dtype == ib.f32`"),
    "list": Refused("list", "write a tuple of constants: `(1, 2)`"),
}

# Those that only compute, and are called with constants when a kernel is built.
PURE = frozenset(
    "abs all any bin bool chr divmod enumerate float format hex int isinstance len list max min oct ord pow range repr reversed "
    "round sorted str sum tuple zip".split()
)

# Methods and attributes of tiles.
METHODS: dict[str, Habit] = {
    "sum": _SUM,
    "max": _MAX,
    "min": _MIN,
    "abs": Same(words.abs),
    "exp": Same(words.exp),
    "log": Same(words.log),
    "sqrt": Same(words.sqrt),
    "rsqrt": Same(words.rsqrt),
    "reciprocal": Same(words.recip),
    "floor": Same(words.floor),
    "transpose": Same(words.transpose),
    "t": Same(words.transpose),
    "dot": Same(words.matmul),
    "matmul": Same(words.matmul),
    "to": Same(words.cast),
    "astype": Same(words.cast),
    "reshape": Same(words.reshape),
    "view": Same(words.reshape),
    "mean": FUNCTIONS["mean"],
    "softmax": FUNCTIONS["softmax"],
    "float": Refused("float", "write ib.cast(v, ib.f32)"),
    "bfloat16": Refused("bfloat16", 'write ib.cast(v, ib.bf16, "rint")'),
    "half": Refused("half", 'write ib.cast(v, ib.f16, "rint")'),
    "item": Refused("item", "write `ib.read(x, i)` for an index from a tensor"),
    "size": Refused("size", "write `v.rows` or `v.columns`"),
    "clamp": Refused("clamp", "write `ib.min(ib.max(v, low), high)`"),
    "clip": Refused("clip", "write `ib.min(ib.max(v, low), high)`"),
    "unsqueeze": FUNCTIONS["expand_dims"],
    "expand": FUNCTIONS["broadcast_to"],
    "contiguous": Refused("contiguous", "leave it out: a tile has no strides"),
    "clone": Refused("clone", "leave it out: an operation makes a new tile"),
    "copy": Refused("copy", "leave it out: an operation makes a new tile"),
    "T": Refused("T", "write ib.transpose(v)"),
}
