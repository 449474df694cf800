"""What an expression of a body denotes while it is translated, besides constants and the builder's own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._imbrex import Condition, Index, Tensor, Value, Variable
from ..errors import shown
from ..records import Record
from .capture import is_constant

if TYPE_CHECKING:
    from .._imbrex import Annotation, Axis


class Span(Record):
    begin: Index
    size: Index
    index: Index


class Tiles(Record):
    """Spans of `tile` indices over begin .. begin + size - 1."""

    begin: Index
    size: Index
    tile: int


class Loop(Record):
    """What a `for` runs over: tiles, or the integers first .. end - 1."""

    kind: str
    stages: int
    domain: Tiles | tuple[Index, Index]
    annotations: tuple[Annotation, ...]


class Scope(Record):
    name: str
    annotations: tuple[Annotation, ...]


class Slice(Record):
    """Part of a tensor: loaded where it is used, stored to where it is assigned to."""

    tensor: Tensor
    axes: tuple[Axis, ...]


class Rows(Record):
    variable: Variable


class Result(Record):
    """A tile that a sub-kernel made and returns: no other name has it."""

    variable: Variable


class Method(Record):
    """A method of a tile that another library has."""

    name: str
    of: Any


def is_tile(thing: Any) -> bool:
    return isinstance(thing, (Variable, Value, Slice, Result))


def is_number(thing: Any) -> bool:
    return isinstance(thing, (int, float)) and not isinstance(thing, bool)


def described(thing: Any) -> str:
    """A thing in a message."""
    if isinstance(thing, Tensor):
        return f"the tensor '{thing.name}'"
    if isinstance(thing, tuple) and not is_constant(thing):
        return f"a tuple of {len(thing)} values"
    if is_constant(thing):
        return "nothing" if thing is None else f"the constant {shown(thing)}"
    if isinstance(thing, Index):
        return f"the index `{thing}`"
    for kinds, name in _DESCRIBED:
        if isinstance(thing, kinds):
            return name
    return getattr(thing, "__name__", None) or f"an object of type {type(thing).__name__}"


_DESCRIBED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Slice, "a slice"),
    ((Variable, Value, Result), "a tile"),
    (Condition, "a condition on indices"),
    (Span, "a span"),
    ((Tiles, Loop), "a loop"),
    (Scope, "a scope"),
    (Rows, "rows listed by a tile"),
    (range, "a range of numbers"),
    (Method, "a method"),
)
