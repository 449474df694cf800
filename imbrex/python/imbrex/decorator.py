"""The decorator. What it needs comes when a first kernel is decorated, so that the package itself is quick to import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from .errors import Error, error_at_caller

if TYPE_CHECKING:
    from ._imbrex import Annotation
    from .function_kernel import Kernel


@overload
def kernel(function: Callable[..., Any]) -> Kernel: ...
@overload
def kernel(
    *, name: str = "", as_written: bool = False, tile: int | None = None, no_fusion: bool = False
) -> Callable[[Callable[..., Any]], Kernel]: ...
def kernel(
    function: Callable[..., Any] | None = None,
    *,
    name: str = "",
    as_written: bool = False,
    tile: int | None = None,
    no_fusion: bool = False,
) -> Any:
    """Makes a kernel of a function: ``@ib.kernel``, or ``@ib.kernel(name="scale", as_written=True)``.

    Parameters are ``ib.Tensor``, ``ib.Weight``, ``ib.Out`` and ``ib.InOut`` with an element type and a shape, and ``int``, ``float``
    and ``bool``, which are constants of the build. What the body reads from outside is taken now.
    """
    local = sys._getframe(1).f_locals
    if tile is not None and type(tile) is not int:
        raise error_at_caller("wrong-kind", f"`tile` of ib.kernel is {tile!r}", "give a whole number")
    pins: list[Annotation] = [("as_written",)] if as_written else []
    pins += [("tile", tile)] if tile is not None else []
    pins += [("no_fusion",)] if no_fusion else []
    if function is not None:
        return _made(function, name, tuple(pins), local)
    return lambda decorated: _made(decorated, name, tuple(pins), local)


def _made(function: Callable[..., Any], name: str, pins: tuple[Annotation, ...], local: Mapping[str, Any]) -> Kernel:
    from .function_kernel import Kernel

    try:
        return Kernel(function, name, pins, local)
    except Error as problem:
        # The author's lines are in the message; those of the translation would hide them.
        raise problem.with_traceback(None) from None
