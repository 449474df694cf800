"""What each word of the package becomes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _imbrex, words
from .._imbrex import Builder, Condition, Index, Value, Variable
from .calls import Call, form
from .capture import is_constant
from .expressions import between, wrong_condition
from .front import known, named
from .kinds import Loop, Rows, Scope, Span, Tiles, described, is_number, is_tile

if TYPE_CHECKING:
    from .._imbrex import Annotation

# ---- loops and scopes


def _pins(call: Call) -> tuple[Annotation, ...]:
    pins: list[Annotation] = []
    if call.flag("as_written"):
        pins.append(("as_written",))
    if call["tile"] is not None:
        pins.append(("tile", call.whole("tile")))
    if call.flag("no_fusion"):
        pins.append(("no_fusion",))
    return tuple(pins)


def _loop(call: Call, kind: str, stages: int = 0) -> Loop:
    first = call["first"]
    if isinstance(first, Tiles):
        if call["end"] is not None:
            raise call.fail("end", "an end behind tiles", "write ib.tiles(T, 16), which have one")
        return Loop(kind, stages, first, _pins(call))
    if isinstance(first, Span):
        raise call.fail("first", "a loop over a span", "divide it: ib.tiles(t, 4), or loop over ib.range(t.size)")
    if call["end"] is None:
        return Loop(kind, stages, (Index(0), call.index("first")), _pins(call))
    return Loop(kind, stages, (call.index("first"), call.index("end")), _pins(call))


form(words.parallel)(lambda call: _loop(call, "parallel"))
form(words.range)(lambda call: _loop(call, "range"))


@form(words.pipeline)
def _pipeline(call: Call) -> Loop:
    return _loop(call, "pipeline", call.whole("stages"))


@form(words.at)
def _at(call: Call) -> Scope:
    return Scope(call.text("name"), _pins(call))


# ---- indices


@form(words.tiles)
def _tiles(call: Call) -> Tiles:
    extent, size = call["extent"], call.whole("size")
    if isinstance(extent, Span):
        return Tiles(extent.begin, extent.size, size)
    return Tiles(Index(0), call.index("extent"), size)


@form(words.span)
def _span(call: Call) -> Span:
    return Span(call.index("begin"), call.index("size"), Index(0))


@form(words.between)
def _between(call: Call) -> Span:
    return Span(call.index("begin"), between(call.front, call["begin"], call["end"], call.node), Index(0))


@form(words.by)
def _by(call: Call) -> Rows:
    return Rows(_named_tile(call, "rows"))


def _named_tile(call: Call, name: str) -> Variable:
    """A tile that is spoken of by name; what has none is given one."""
    thing = call[name]
    if not is_tile(thing):
        raise call.fail(name, f"`{name}` is {described(thing)}", "give a tile")
    return call.front.tile(thing, call.nodes[name], "")


@form(words.ceil_div)
def _ceil_div(call: Call) -> Index | int:
    return call.front.index_operation("ceil_div", call["a"], call["b"], call.node)


def _extreme(call: Call) -> Any:
    """min or max of constants, indices or tiles."""
    name = call.name
    things = [call["a"], call["b"], *call["more"]]
    nodes = [call.nodes["a"], call.nodes["b"], *call.nodes["more"]]
    if all(map(is_number, things)):
        return (min if name == "min" else max)(things)
    if any(is_tile(thing) for thing in things):
        values = [call.front.operand(thing, at, f"an operand of ib.{name}") for thing, at in zip(things, nodes)]
        return functools.reduce(lambda a, b: call.front.at(call.node).binary(name, a, b), values)
    return functools.reduce(lambda a, b: call.front.index_operation(name, a, b, call.node), things)


form(words.min)(_extreme)
form(words.max)(_extreme)


# ---- making tensors and tiles


def _name_and_rest(call: Call) -> tuple[str, list[Any], bool]:
    """The name of a new tensor: the first argument, or that of the variable. Whether it was given."""
    things = list(call["arguments"])
    if things and isinstance(things[0], str):
        return things[0], things[1:], True
    if not call.wanted_name:
        raise call.fail(
            "arguments", "a tensor without a name", f'assign it to a variable, or give a name: ib.{call.name}("z", ...)'
        )
    return call.wanted_name, things, False


def _new_tensor(builder: Builder, name: str, is_given: bool, make: Callable[[str], _imbrex.Tensor]) -> _imbrex.Tensor:
    return make(name) if is_given else named(builder, make, name)


@form(words.create_tensor)
def _create_tensor(call: Call) -> _imbrex.Tensor:
    name, rest, is_given = _name_and_rest(call)
    if len(rest) < 2:
        raise call.fail("arguments", "a tensor has a type and a shape", f"write `{name} = ib.create_tensor(ib.f32, T, D)`")
    dtype = call.to_dtype(rest[0], "dtype")
    shape = [call.front.extent(size, call.node, "an extent") for size in rest[1:]]
    builder = call.front.at(call.node)
    return _new_tensor(builder, name, is_given, lambda printed: builder.tensor("temporary", printed, dtype, shape))


@form(words.view)
def _view(call: Call) -> _imbrex.Tensor:
    name, rest, is_given = _name_and_rest(call)
    if len(rest) < 2 or not isinstance(rest[0], _imbrex.Tensor):
        raise call.fail("arguments", "a view is of a tensor, in another shape", f"write `{name} = ib.view(x, T, H, 64)`")
    base = rest[0]
    shape = [call.front.extent(size, call.node, "an extent") for size in rest[1:]]
    builder = call.front.at(call.node)
    return _new_tensor(builder, name, is_given, lambda printed: builder.view(printed, base, shape))


def _full(call: Call, value: float) -> Value:
    rows, columns = call.extent("rows"), call.extent("columns")
    return call.front.at(call.node).full(call.dtype("dtype"), rows, columns, value)


@form(words.full)
def _full_of_value(call: Call) -> Value:
    value = call["value"]
    if not is_number(value):
        raise call.fail("value", f"`value` is {described(value)}", "give a number that is known when the kernel is built")
    return _full(call, value)


form(words.zeros)(lambda call: _full(call, 0))


@form(words.iota)
def _iota(call: Call) -> Value:
    return call.front.at(call.node).iota(call.extent("columns"), call.index("begin"))


# ---- operations of tiles


@form(words.cast)
def _cast(call: Call) -> Value:
    mode = call["mode"]
    if mode is not None and mode not in ("rint", "round", "floor", "ceil", "trunc"):
        raise call.fail("mode", f"`mode` is {described(mode)}", 'give "rint", "round", "floor", "ceil" or "trunc"')
    value, dtype = call.operand("x"), call.dtype("dtype")
    return call.front.at(call.node).cast(value, dtype, mode)


@form(words.select)
def _select(call: Call) -> Value:
    condition = call["condition"]
    if isinstance(condition, Condition) or is_constant(condition):
        raise call.fail(
            "condition",
            f"the condition is {described(condition)}",
            "decide by an `if` statement; ib.select chooses element by element, by a comparison of tiles",
        )
    chooser, a, b = call.operand("condition"), call.operand("a"), call.operand("b")
    return call.front.at(call.node).select(chooser, a, b)


def _unary(call: Call) -> Any:
    if call.name == "abs" and is_number(call["x"]):
        return abs(call["x"])
    value = call.operand("x")
    return call.front.at(call.node).unary(call.name, value)


for _word in (
    words.abs, words.recip, words.sqrt, words.rsqrt, words.exp, words.log, words.floor,
    words.row_sum, words.row_max, words.row_min, words.col_sum, words.col_max, words.col_min,
    words.transpose, words.even, words.odd,
):  # fmt: skip
    form(_word)(_unary)


@form(words.interleave)
def _interleave(call: Call) -> Value:
    even, odd = call.operand("even"), call.operand("odd")
    return call.front.at(call.node).binary("interleave", even, odd)


@form(words.gather)
def _gather(call: Call) -> Value:
    value, columns = call.operand("x"), call.operand("columns")
    return call.front.at(call.node).binary("gather", value, columns)


@form(words.matmul)
def _matmul(call: Call) -> Value:
    a, b = call.operand("a"), call.operand("b")
    return call.front.at(call.node).matmul(a, b, call.flag("transpose_a"), call.flag("transpose_b"))


@form(words.matmul_acc)
def _matmul_acc(call: Call) -> Value:
    acc, a, b = call.operand("acc"), call.operand("a"), call.operand("b")
    return call.front.at(call.node).matmul_acc(acc, a, b, call.flag("transpose_a"), call.flag("transpose_b"))


@form(words.matmul_scaled)
def _matmul_scaled(call: Call) -> Value:
    of_a, of_b, a, b = call.operand("a_scales"), call.operand("b_scales"), call.operand("a"), call.operand("b")
    k, columns, transpose_b = call.whole("k"), call.whole("columns"), call.flag("transpose_b")
    return call.front.at(call.node).matmul_scaled(of_a, of_b, a, b, k, columns, transpose_b)


@form(words.matmul_expanded)
def _matmul_expanded(call: Call) -> Value:
    scales, a, b = call.operand("b_scales"), call.operand("a"), call.operand("b")
    k, columns, transpose_b = call.whole("k"), call.whole("columns"), call.flag("transpose_b")
    return call.front.at(call.node).matmul_expanded(scales, a, b, k, columns, transpose_b)


@form(words.reshape)
def _reshape(call: Call) -> Value:
    value, rows, columns = call.operand("x"), call.extent("rows"), call.extent("columns")
    return call.front.at(call.node).reshape(value, rows, columns)


def _concat(call: Call) -> Value:
    if len(call["parts"]) < 2:
        raise call.fail("parts", "there is nothing to join", f"write ib.{call.name}(a, b)")
    values = [call.front.operand(thing, at, "a part") for thing, at in zip(call["parts"], call.nodes["parts"])]
    return functools.reduce(lambda a, b: call.front.at(call.node).concat(call.name, a, b), values)


form(words.concat_rows)(_concat)
form(words.concat_columns)(_concat)


@form(words.columns)
def _columns(call: Call) -> Value:
    return call.front.at(call.node).columns(call.operand("x"), call.whole("begin"), call.whole("size"))


@form(words.repeat_rows)
def _repeat_rows(call: Call) -> Value:
    return call.front.at(call.node).repeat_rows(call.operand("x"), call.whole("times"))


# ---- data in control, assumptions, looking in


@form(words.read)
def _read(call: Call) -> Index | int:
    tensor = call["tensor"]
    if not isinstance(tensor, _imbrex.Tensor):
        raise call.fail("tensor", f"`tensor` is {described(tensor)}", "read from an int32 or int64 tensor: `ib.read(rows, i)`")
    position = [call.front.to_index(i, at, "a position") for i, at in zip(call["position"], call.nodes["position"])]
    builder = call.front.at(call.node)
    index = named(builder, lambda printed: builder.read(printed, tensor, position), call.wanted_name)
    if not call.wanted_name:
        call.front.unnamed_reads.add(str(index))
    return known(index)


@form(words.assume)
def _assume(call: Call) -> None:
    condition = call["condition"]
    if not isinstance(condition, Condition):
        if is_tile(condition):
            raise call.fail("condition", "the condition is of a tile", "write ib.assume_each(0, rows, T): each element is inside")
        raise wrong_condition(call.front, condition, call.node)
    call.front.at(call.node).assume(condition)


@form(words.assume_each)
def _assume_each(call: Call) -> None:
    least, tile, end = call.index("least"), _named_tile(call, "tile"), call.index("end")
    call.front.at(call.node).assume_each(least, tile, end)


@form(words.assume_distinct)
def _assume_distinct(call: Call) -> None:
    but = None if call["but"] is None else call.whole("but")
    call.front.at(call.node).assume_distinct(_named_tile(call, "tile"), but)


@form(words.assume_sorted)
def _assume_sorted(call: Call) -> None:
    call.front.at(call.node).assume_sorted(_named_tile(call, "tile"))


@form(words.tap)
def _tap(call: Call) -> None:
    value = call.operand("tile")
    call.front.at(call.node).tap(call.text("name"), value)
