"""The decorator. What it needs comes when a first kernel is decorated, so that the package itself is quick to import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

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
    from .function_kernel import Kernel

    local = sys._getframe(1).f_locals
    pins: list[Annotation] = [("as_written",)] if as_written else []
    pins += [("tile", tile)] if tile is not None else []
    pins += [("no_fusion",)] if no_fusion else []
    if function is not None:
        return Kernel(function, name, tuple(pins), local)
    return lambda decorated: Kernel(decorated, name, tuple(pins), local)
