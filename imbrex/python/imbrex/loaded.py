"""Kernels of libraries that were built ahead of time, as objects that are called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from ._imbrex import load as load_compiled
from .calling import Call, CallableKernel, Variant
from .errors import error
from .registered import signature_of

if TYPE_CHECKING:
    from ._imbrex import Compiled


class LoadedKernel(CallableKernel):
    """A compiled kernel without its program, from ``ib.load``: it is called, bound, and made an operator of PyTorch like any other.

    Its constants are those that it was exported with. ``path`` is its library, ``target`` the instruction set that was chosen.
    """

    def __init__(self, path: str, compiled: Compiled) -> None:
        super().__init__(compiled.name, signature_of(compiled))
        self.path, self.target = path, compiled.target
        self._variants[()] = Variant({}, self._refuse, compiled)

    def _variant_of(self, keywords: dict[str, Any]) -> NoReturn:
        self._refuse()

    def _interpret(self, call: Call, taps: bool = False) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise error(
            "no-program",
            f"{self.name} is a compiled kernel, loaded from {self.path}, and has no program to be shown, proven or interpreted",
            "ask the kernel that it was exported from",
        )

    def __reduce__(self) -> Any:
        return load, (self.path,)


def load(path: str | os.PathLike[str]) -> LoadedKernel:
    """The kernel of a library that ``kernel.export`` built. Needs no compiler; a damaged file is refused."""
    whole = os.path.abspath(os.fspath(path))
    return LoadedKernel(whole, load_compiled(whole))
