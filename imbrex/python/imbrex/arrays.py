"""Arrays of the caller: NumPy's and torch's. Both are imported when an array of theirs is met, or has to be made."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from typing import Any

from .errors import error

_NUMPY = {"f32": "float32", "f16": "float16", **{t: t for t in ("int8", "uint8", "int32", "int64", "bool")}}
_ML_DTYPES = {"bf16": "bfloat16", "e4m3": "float8_e4m3fn", "e8m0": "float8_e8m0fnu"}
_AS_BITS = {"bf16": "uint16", "e4m3": "uint8", "e8m0": "uint8"}


def is_torch(array: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "torch" for base in type(array).__mro__)


@functools.cache
def numpy_dtype(dtype: str) -> Any:
    """NumPy's type for elements: of ml_dtypes where NumPy has none, and their bits where that is not installed."""
    import numpy

    if dtype in _NUMPY:
        return numpy.dtype(_NUMPY[dtype])
    try:
        return numpy.dtype(getattr(importlib.import_module("ml_dtypes"), _ML_DTYPES[dtype]))
    except (ImportError, AttributeError):
        return numpy.dtype(_AS_BITS[dtype])


@functools.cache
def torch_dtype(dtype: str) -> Any:
    torch = importlib.import_module("torch")
    name = {**_NUMPY, **_ML_DTYPES}[dtype]
    if not hasattr(torch, name):
        raise error("tensor-dtype", f"this version of torch has no type for {dtype}", "give the output as a NumPy array")
    return getattr(torch, name)


def empty(dtype: str, shape: tuple[int, ...], as_torch: bool) -> Any:
    """An array that is not initialised."""
    if as_torch:
        return importlib.import_module("torch").empty(shape, dtype=torch_dtype(dtype))
    import numpy

    return numpy.empty(shape, numpy_dtype(dtype))


def are_torch(arrays: Iterable[Any]) -> bool:
    return any(map(is_torch, arrays))


def copy_of(array: Any) -> Any:
    return array.clone() if is_torch(array) else array.copy()


def as_bits(array: Any) -> Any:
    """The elements as unsigned integers of NumPy."""
    import numpy

    if is_torch(array):
        torch = importlib.import_module("torch")
        size = array.element_size()
        array = array.detach().contiguous().view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[size]).numpy()
    array = numpy.ascontiguousarray(array)
    return array.view({1: numpy.uint8, 2: numpy.uint16, 4: numpy.uint32, 8: numpy.uint64}[array.dtype.itemsize])


def as_numbers(array: Any, dtype: str) -> Any:
    """The elements as float64 of NumPy."""
    import numpy

    if is_torch(array):
        return array.detach().double().numpy()
    if dtype == "bf16" and array.dtype.itemsize == 2 and array.dtype.kind == "u":
        array = (array.astype(numpy.uint32) << 16).view(numpy.float32)
    return array.astype(numpy.float64)
