"""Kernels of libraries that were built ahead of time, as objects that are called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from ._imbrex import load as load_compiled
from .calling import Call, CallableKernel, Variant, is_path
from .errors import error, error_at_caller, shown
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

    def _call(self, /, *inputs: Any, **named: Any) -> Any:
        if os.environ.get("IMBREX_INTERPRET") == "1":
            self._refuse("call it without IMBREX_INTERPRET=1 in the environment, which has kernels interpreted")
        return super()._call(*inputs, **named)

    def _interpret(self, call: Call, taps: bool = False) -> NoReturn:
        self._refuse()

    def _refuse(self, hint: str = "ask the kernel that it was exported from") -> NoReturn:
        message = f"{self.name} is a compiled kernel, loaded from {self.path}, and has no program to be shown, proven or interpreted"
        raise error("no-program", message, hint)

    def __reduce__(self) -> Any:
        return load, (self.path,)


def load(path: str | os.PathLike[str]) -> LoadedKernel:
    """The kernel of a library that ``kernel.export`` built. Needs no compiler; a damaged file is refused."""
    if not is_path(path):
        raise error_at_caller("option-value", f"the path of ib.load is {shown(path)}", 'give a path, ib.load("kernels/libscale.so")')
    whole = os.path.abspath(os.fspath(path))
    return LoadedKernel(whole, load_compiled(whole))
