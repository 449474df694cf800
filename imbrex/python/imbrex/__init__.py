"""Imbrex: tile kernels for CPUs, written in Python, proven for every size, optimized and compiled.

    import imbrex as ib

    T, D = ib.dim("T", typical=128), ib.const("D")

    @ib.kernel
    def scale(x: ib.Tensor[ib.f32, T, D], y: ib.Out[ib.f32, T, D], factor: float = 2.0):
        for t in ib.parallel(ib.tiles(T, 16)):
            y[t, :] = x[t, :] * factor

    y = scale(x)              # NumPy arrays or torch tensors
    scale.check(D=64)         # proofs
    print(scale.optimized(D=64))

`imbrex.words` has the functions that bodies are written with, `imbrex.kernels` the kernels of the library, `imbrex.torch.op` makes
operators of PyTorch.
"""

from typing import TYPE_CHECKING, Any

from . import words
from .decorator import kernel
from .errors import Diagnostic, Error, InternalError, Note
from .sizes import const, dim
from .types import InOut, Out, Tensor, Weight, bf16, e4m3, e8m0, f16, f32, int8, int32, int64, uint8
from .types import bool as bool
from .values import Index, Span, Tile
from .words import *

if TYPE_CHECKING:
    import os

    from . import _imbrex
    from .function_kernel import Kernel
    from .loaded import LoadedKernel
    from .registered import Kernels, ProgramKernel

    kernels: Kernels


def parse(text: str, file: str = "<text>") -> "ProgramKernel":
    """A kernel from the text of a tile program."""
    from ._imbrex import parse as parsed
    from .calling import is_text
    from .registered import ProgramKernel

    for name, value in (("text", text), ("file", file)):
        if not is_text(value):
            from .errors import error_at_caller

            raise error_at_caller("option-value", f"the {name} of ib.parse is {value!r}", "give a string of whole characters, without NUL")
    return ProgramKernel(parsed(text, file))


def load(path: "str | os.PathLike[str]") -> "LoadedKernel":
    """The kernel of a library that ``kernel.export`` built. Needs no compiler; a damaged file is refused."""
    from .loaded import load as loaded

    return loaded(path)


def _parsed(text: str) -> "_imbrex.Program":
    """A program that was pickled."""
    from ._imbrex import parse as parsed

    return parsed(text)


def version() -> str:
    """The version of the compiler."""
    from ._imbrex import version as compiled

    return compiled()


def __getattr__(name: str) -> Any:
    # What takes time to import comes when it is first asked for.
    if name == "Kernel":
        from .function_kernel import Kernel

        globals()["Kernel"] = Kernel
    elif name == "kernels":
        from .registered import Kernels

        globals()["kernels"] = Kernels()
    elif name == "torch":
        import importlib

        globals()["torch"] = importlib.import_module(".torch", __name__)
    else:
        raise AttributeError(f"module 'imbrex' has no attribute '{name}'")
    return globals()[name]


__all__ = [
    "Diagnostic",
    "Error",
    "InOut",
    "Index",
    "InternalError",
    "Kernel",
    "Note",
    "Out",
    "Span",
    "Tensor",
    "Tile",
    "Weight",
    "bf16",
    "const",
    "dim",
    "e4m3",
    "e8m0",
    "f16",
    "f32",
    "int8",
    "int32",
    "int64",
    "kernel",
    "load",
    "parse",
    "uint8",
    "version",
]
__all__ += words.__all__
# Python's own functions, which `from imbrex import *` leaves as they are.
__all__.remove("range")
__all__.remove("min")
__all__.remove("max")
__all__.remove("abs")
