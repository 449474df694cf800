"""The state of a translation: the builder, the functions that are being translated, and the line at which it stands."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .. import _imbrex
from .._imbrex import Builder, Index, Value, Variable
from ..errors import Error, Note, error, shown
from ..sizes import Const, Dim, Expression, Size
from .capture import Captured, variable_of
from .kinds import Method, Result, Rows, Slice, Span, described, is_number, is_tile
from .names import Names

Made = TypeVar("Made")


class Activation:
    """A function that is being translated: the kernel, or a sub-kernel at a call."""

    def __init__(self, captured: Captured, called_at: int = 0) -> None:
        self.captured = captured
        self.called_at = called_at  # the line of the call, in the function around
        self.names = Names()
        self.made: set[int] = set()  # the tiles that it made, by identity
        self.listing: dict[int, int] = {}  # the tiles whose rows a name stands for, by identity: the line that names them


class Front:
    """Translates a body into the nodes of a Builder."""

    def __init__(self, builder: Builder, captured: Captured, consts: Mapping[str, int]) -> None:
        self.builder = builder
        self.consts = consts
        self.dims: dict[str, tuple[Dim, Index]] = {}
        self.activations = [Activation(captured)]
        self.wanted_name = ""  # of the variable that the expression is assigned to
        self.kept: list[Variable] = []  # keeps identities of tiles from being used again
        self.unnamed_reads: set[str] = set()  # indices that are read without a name, by that of the program
        self.unnamed: set[int] = set()  # tiles of tuples, by identity: no statement gives them another value

    @property
    def now(self) -> Activation:
        return self.activations[-1]

    @property
    def names(self) -> Names:
        return self.now.names

    @property
    def captured(self) -> Captured:
        return self.now.captured

    def at(self, node: ast.AST) -> Builder:
        """The builder, whose next nodes are of the node's line."""
        self.builder.at_line(self.captured.source.file, getattr(node, "lineno", self.captured.source.tree.lineno))
        return self.builder

    def fail(self, node: ast.AST, id: str, message: str, hint: str, notes: tuple[Note, ...] = ()) -> Error:
        """An error at the line of a node, with the calls that lead there."""
        calls = [
            Note(outer.captured.source.file, inner.called_at, f"'{inner.captured.source.name}' is called here")
            for outer, inner in zip(self.activations[-2::-1], self.activations[:0:-1])
        ]
        file = self.captured.source.file
        return error(id, message, hint, file, getattr(node, "lineno", self.captured.source.tree.lineno), (*calls, *notes))

    def note(self, line: int, message: str) -> Note:
        return Note(self.captured.source.file, line, message)

    # ---- sizes and indices

    def size(self, size: Size | int, node: ast.AST) -> Index | int:
        """A size of the signature, or one that is captured, as the body has it."""
        if isinstance(size, Dim):
            return self.dim(size)
        if isinstance(size, Const):
            if size.name not in self.consts:
                raise self.fail(
                    node,
                    "const-missing",
                    f"the constant {size.name} has no value",
                    f"give it by name, {size.name}=128, or use it in the shape of an input",
                )
            return self.consts[size.name]
        if isinstance(size, Expression):
            return self.index_operation(size.symbol, self.size(size.left, node), self.size(size.right, node), node)
        return int(size)

    def dim(self, dim: Dim) -> Index:
        if dim.name not in self.dims:
            file, line = dim.place
            self.builder.at_line(file, line)
            self.dims[dim.name] = dim, self.builder.dim(dim.name, dim.typical, dim.max)
            self.builder.written_as(dim.name, variable_of(self.captured.source, dim) or dim.name)
        first, index = self.dims[dim.name]
        if (first.typical, first.max) != (dim.typical, dim.max):
            raise error(
                "duplicate-name",
                f"two dimensions of one kernel are called {dim.name}",
                "use the same ib.dim object, or give them different names",
                *dim.place,
                (Note(*first.place, "the other one"),),
            )
        return index

    def index_operation(self, symbol: str, a: Index | int, b: Index | int, node: ast.AST) -> Index | int:
        """Arithmetic on indices; "//" rounds down."""
        builder = self.at(node)
        made = builder.index("/" if symbol == "//" else symbol, self.to_index(a, node), self.to_index(b, node))
        return known(made)

    def to_index(self, thing: Any, node: ast.AST, what: str = "this") -> Index:
        if isinstance(thing, Index):
            return thing
        if is_number(thing) and isinstance(thing, int):
            if not -(2**63) <= thing < 2**63:
                raise self.fail(node, "index-overflow", f"{shown(thing)} is no number of 64 bits", "use a smaller number")
            return Index(thing)
        hint = "take its begin, size or index: `t.begin`" if isinstance(thing, Span) else "give a whole number or an index"
        if is_tile(thing):
            hint = "read an index from a tensor: `r = ib.read(rows, i)`"
        raise self.fail(node, "wrong-kind", f"{what} is {described(thing)}, and an index is needed", hint)

    def extent(self, thing: Any, node: ast.AST, what: str) -> Index:
        """An extent of a tile: a number, an index, or as many as a span has."""
        return thing.size if isinstance(thing, Span) else self.to_index(thing, node, what)

    # ---- tiles

    def operand(self, thing: Any, node: ast.AST, what: str = "an operand") -> Value:
        """What an operation takes, as an expression."""
        builder = self.at(node)
        if isinstance(thing, Value):
            return thing
        if isinstance(thing, Variable):
            return builder.use(thing)
        if isinstance(thing, Result):
            return builder.use(thing.variable)
        if isinstance(thing, Slice):
            return builder.load(thing.tensor, thing.axes)
        if isinstance(thing, Index):
            return builder.index_value(thing)
        if is_number(thing):
            if isinstance(thing, int) and not -(2**63) <= thing < 2**63:
                raise self.fail(node, "index-overflow", f"{shown(thing)} is no number of 64 bits", "write it with a fraction: 1e20")
            return builder.number(thing)
        kind = described(thing)
        hint = {"a span": "take its begin, size or index: `t.begin`", "nothing": "return a value from the sub-kernel"}.get(kind, "")
        if isinstance(thing, _imbrex.Tensor):
            hint = f"load it through a slice: `{thing.name}[{', '.join(':' for _ in thing.shape)}]`"
        raise self.fail(
            node, "wrong-kind", f"{what} is {kind}, and a tile is needed", hint or "give a tile, a slice, a number or an index"
        )

    def tile(self, thing: Any, node: ast.AST, name: str) -> Variable:
        """A tile with a name."""
        if isinstance(thing, Variable):
            return thing
        if isinstance(thing, Result):
            return thing.variable
        return self.let(name, self.operand(thing, node), node)

    def let(self, name: str, value: Value, node: ast.AST) -> Variable:
        builder = self.at(node)
        variable = named(builder, lambda printed: builder.let(printed, value), name)
        self.now.made.add(id(variable))
        self.kept.append(variable)
        return variable

    def check_change(self, variable: Variable, name: str, node: ast.AST) -> None:
        """Error for another value of a tile whose rows a name stands for."""
        line = self.now.listing.get(id(variable))
        if line is not None:
            raise self.fail(
                node,
                "python-rebind",
                f"'{name}' gets another value, and `ib.by({name})` has a name",
                f"write `ib.by({name})` in the slices, or give the new value another name",
                (self.note(line, "the rows get their name here"),),
            )

    def handed_over(self, result: Result) -> Variable:
        """A tile of a sub-kernel, which now belongs to the function that called it."""
        self.now.made.add(id(result.variable))
        return result.variable

    def held(self, thing: Any, node: ast.AST, keeps_results: bool = False) -> Any:
        """What a name, a parameter or a loop holds: tiles in it, of tuples above all, have their values now, whatever changes later.

        `keeps_results`: each part is assigned at once, so that a tile of a sub-kernel may be handed over.
        """
        if isinstance(thing, tuple):
            return tuple(self.held(part, node, keeps_results) for part in thing)
        if isinstance(thing, Method):
            return Method(thing.name, self.held(thing.of, node))
        if isinstance(thing, Rows):
            # Another tile would not have the assumptions that are stated about this one.
            self.now.listing.setdefault(id(thing.variable), getattr(node, "lineno", 0))
            return thing
        if not is_tile(thing) or (isinstance(thing, Result) and keeps_results) or id(thing) in self.unnamed:
            return thing
        tile = self.handed_over(thing) if isinstance(thing, Result) else self.let("", self.operand(thing, node), node)
        self.unnamed.add(id(tile))
        return tile


def known(index: Index) -> Index | int:
    """A number where the index is one."""
    constant = index.constant
    return index if constant is None else constant


def named(builder: Builder, make: Callable[[str], Made], name: str) -> Made:
    """Makes something with a name; where that is a word of tile programs or taken, with one like it."""
    try:
        return make("" if name == "_" else name)
    except Error as problem:
        if problem.id not in ("bad-name", "duplicate-name"):
            raise
        first = problem
    for number in range(2, 1000):
        like = f"{name}_{number}" if first.id == "duplicate-name" else name + "_"
        try:
            made = make(like)
        except Error as problem:
            if problem.id != "duplicate-name":
                raise first from None
        else:
            builder.written_as(like, name)
            return made
    raise first
