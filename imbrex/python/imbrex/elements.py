"""Element types and the annotations of parameters, as objects."""

from __future__ import annotations

from typing import Any

from .errors import error_at_caller
from .sizes import AnySize, Size


class ElementType:
    """The type of a tensor's elements."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"ib.{self.name}"

    def __reduce__(self) -> Any:
        return _of_name, (self.name,)


def _of_name(name: str) -> ElementType:
    return ELEMENT_TYPES[name]


NAMES = ("f32", "bf16", "f16", "e4m3", "e8m0", "int8", "uint8", "int32", "int64", "bool")
ELEMENT_TYPES = {name: ElementType(name) for name in NAMES}


class TensorType:
    """What a kernel takes as one argument: a role, an element type and a shape."""

    def __init__(self, role: Role, dtype: ElementType, shape: tuple[AnySize, ...]) -> None:
        self.role, self.dtype, self.shape = role.role, dtype.name, shape
        self._written = role.written

    def __repr__(self) -> str:
        return f"ib.{self._written}[{', '.join(map(str, ('ib.' + self.dtype, *self.shape)))}]"


class Role:
    """``ib.Tensor`` and the like: subscripted with an element type and a shape, the annotation of a parameter."""

    def __init__(self, written: str, role: str, doc: str) -> None:
        self.written, self.role, self.__doc__ = written, role, doc

    def __repr__(self) -> str:
        return f"ib.{self.written}"

    def __getitem__(self, arguments: Any) -> TensorType:
        dtype, *shape = arguments if isinstance(arguments, tuple) else (arguments,)
        if not isinstance(dtype, ElementType):
            raise error_at_caller(
                "wrong-kind", f"the first argument of {self!r}[...] is {dtype!r}", f"write {self!r}[ib.f32, T, D]"
            )
        for size in shape:
            if not isinstance(size, Size) and type(size) is not int:
                raise error_at_caller(
                    "wrong-kind",
                    f"a size of {self!r}[...] is {size!r}",
                    'a size is ib.dim("T"), ib.const("D"), a number, or arithmetic on these',
                )
        if not shape:
            raise error_at_caller("wrong-kind", f"{self!r}[{dtype!r}] has no shape", f"write {self!r}[{dtype!r}, T, D]")
        return TensorType(self, dtype, tuple(shape))
