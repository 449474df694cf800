"""Sizes of tensors outside of a body: dimensions, constants of the build, and arithmetic on them."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import error, error_at_caller, shown

if TYPE_CHECKING:
    from .values import Index

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}
_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}


class Size:
    """A size that is a dimension, a constant of the build, or computed from these."""

    def __bool__(self) -> bool:
        raise _no_number(self)

    def __int__(self) -> int:
        raise _no_number(self)

    __index__ = __int__
    __float__ = __int__

    def __truediv__(self, other: Any) -> Size:
        raise error("wrong-kind", f"`{self} / {other}` is no size", f"write `{self} // {other}`, which rounds down")


class Dim(Size):
    """A size that each call gives, at least 1."""

    def __init__(self, name: str, typical: int, max: int | None, place: tuple[str, int]) -> None:
        self.name, self.typical, self.max, self.place = name, typical, max, place

    def __repr__(self) -> str:
        return self.name


class Const(Size):
    """A size that is fixed when the kernel is built."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Expression(Size):
    """Arithmetic on sizes."""

    def __init__(self, symbol: str, left: Size | int, right: Size | int) -> None:
        self.symbol, self.left, self.right = symbol, left, right

    def __repr__(self) -> str:
        return f"({self.left} {self.symbol} {self.right})"


AnySize: TypeAlias = "Size | int"


def _define_operators() -> None:
    for name, symbol in _SYMBOLS.items():

        def apply(self: Size, other: Any, symbol: str = symbol) -> Any:
            return Expression(symbol, self, other) if _is_size(other) else NotImplemented

        def apply_right(self: Size, other: Any, symbol: str = symbol) -> Any:
            return Expression(symbol, other, self) if _is_size(other) else NotImplemented

        setattr(Size, f"__{name}__", apply)
        setattr(Size, f"__r{name}__", apply_right)


def _is_size(value: Any) -> bool:
    return isinstance(value, Size) or type(value) is int


_define_operators()


def _no_number(size: Size) -> Exception:
    return error(
        "wrong-kind",
        f"{size} has a value only while a kernel is built or called",
        "use it in shapes, and in the bodies of kernels",
    )


def _check_name(word: str, name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        frame = sys._getframe(2)
        place = frame.f_code.co_filename, frame.f_lineno
        raise error("bad-name", f"the name of ib.{word} is {shown(name)}", f'give one in quotes: ib.{word}("T")', *place)


def dim(name: str, *, typical: int = 0, max: int | None = None) -> Index:
    """A size that each call gives: ``T = ib.dim("T", typical=128)``.

    Plans are made for the `typical` value; calls with more than `max` are refused. Names are scoped to a kernel.
    """
    _check_name("dim", name)
    for what, value, least in (("typical", typical, 0), ("max", 1 if max is None else max, 1)):
        if type(value) is not int or not least <= value < 2**63:
            raise error_at_caller("option-value", f"`{what}` of ib.dim is {shown(value)}", f"give a whole number of at least {least}")
    frame = sys._getframe(1)
    made: Any = Dim(name, typical, max, (frame.f_code.co_filename, frame.f_lineno))
    return made  # type: ignore[no-any-return]


def const(name: str) -> int:
    """A size that is fixed when the kernel is built: ``D = ib.const("D")``.

    It is inferred from the shapes of a call, or given by name. In a body it is an ordinary number.
    """
    _check_name("const", name)
    made: Any = Const(name)
    return made  # type: ignore[no-any-return]


def names_in(size: AnySize) -> list[Dim | Const]:
    """The dimensions and constants of a size, in the order of writing."""
    if isinstance(size, Expression):
        return names_in(size.left) + names_in(size.right)
    return [size] if isinstance(size, (Dim, Const)) else []


def evaluate(size: AnySize, known: Mapping[str, int]) -> int | None:
    """The value of a size, or None where a name in it is not known."""
    if isinstance(size, Expression):
        left, right = evaluate(size.left, known), evaluate(size.right, known)
        if left is None or right is None or (right == 0 and size.symbol in ("//", "%")):
            return None
        return _OPERATORS[size.symbol](left, right)
    return known.get(size.name) if isinstance(size, (Dim, Const)) else int(size)


def solve(size: AnySize, value: int, known: Mapping[str, int]) -> tuple[str, int] | None:
    """The name and the number that make `size` equal to `value`, where one name in it is not known and that has one answer."""
    if isinstance(size, (Dim, Const)):
        return None if size.name in known else (size.name, value)
    if not isinstance(size, Expression):
        return None
    left, right = evaluate(size.left, known), evaluate(size.right, known)
    if left is None and right is not None:
        if size.symbol == "+":
            return solve(size.left, value - right, known)
        if size.symbol == "-":
            return solve(size.left, value + right, known)
        if size.symbol == "*" and right != 0 and value % right == 0:
            return solve(size.left, value // right, known)
    if right is None and left is not None:
        if size.symbol == "+":
            return solve(size.right, value - left, known)
        if size.symbol == "-":
            return solve(size.right, left - value, known)
        if size.symbol == "*" and left != 0 and value % left == 0:
            return solve(size.right, value // left, known)
    return None
