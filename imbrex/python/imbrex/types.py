"""Element types, and the annotations of a kernel's parameters, as authors write them.

To a type checker ``ib.Tensor[ib.bf16, T, D]`` is the class ``ib.bf16`` with remarks; running, it is an object of elements.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .elements import ELEMENT_TYPES, Role

if TYPE_CHECKING:
    from typing import Annotated as InOut
    from typing import Annotated as Out
    from typing import Annotated as Tensor
    from typing import Annotated as Weight

    from .values import Index, Tile

    class Elements:
        """A tensor of a kernel, as its body sees it."""

        @property
        def shape(self) -> tuple[Index, ...]: ...
        @property
        def dtype(self) -> DType: ...
        def __getitem__(self, axes: Any) -> Tile: ...
        def __setitem__(self, axes: Any, value: Tile | Index | float) -> None: ...

    class f32(Elements): ...

    class bf16(Elements): ...

    class f16(Elements): ...

    class e4m3(Elements): ...

    class e8m0(Elements): ...

    class int8(Elements): ...

    class uint8(Elements): ...

    class int32(Elements): ...

    class int64(Elements): ...

    class bool(Elements): ...

    DType: TypeAlias = type[Elements]
else:
    f32, bf16, f16, e4m3, e8m0, int8, uint8, int32, int64, bool = ELEMENT_TYPES.values()
    DType = type(f32)
    Tensor = Role("Tensor", "input", "An input: ``x: ib.Tensor[ib.bf16, T, D]``.")
    Weight = Role(
        "Weight", "weight", "An input whose elements stay the same while it is bound: it may be packed then, once for all runs."
    )
    Out = Role("Out", "output", "An output, which the kernel writes completely. A call makes it where it is not given by name.")
    InOut = Role("InOut", "inout", "A tensor that is read and written, in part too.")

__all__ = [
    "DType",
    "InOut",
    "Out",
    "Tensor",
    "Weight",
    "bf16",
    "bool",
    "e4m3",
    "e8m0",
    "f16",
    "f32",
    "int8",
    "int32",
    "int64",
    "uint8",
]
