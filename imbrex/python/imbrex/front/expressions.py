"""Expressions of a body."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import _imbrex
from .._imbrex import Condition, Index, Value, Variable
from ..elements import ELEMENT_TYPES
from ..errors import shown
from ..habits import METHODS, Refused
from ..sizes import Size
from .capture import is_constant
from .front import Front, known
from .kinds import Method, Result, Rows, Slice, Span, Tiles, described, is_number, is_tile
from .names import Ended

if TYPE_CHECKING:
    from .._imbrex import Axis

_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], str]] = {
    ast.Add: ("+", operator.add, "add"),
    ast.Sub: ("-", operator.sub, "sub"),
    ast.Mult: ("*", operator.mul, "mul"),
    ast.Div: ("/", operator.truediv, "div"),
    ast.FloorDiv: ("//", operator.floordiv, ""),
    ast.Mod: ("%", operator.mod, ""),
    ast.Pow: ("**", operator.pow, ""),
    ast.MatMult: ("@", operator.matmul, "matmul"),
    ast.BitAnd: ("&", operator.and_, ""),
    ast.BitOr: ("|", operator.or_, ""),
    ast.BitXor: ("^", operator.xor, ""),
    ast.LShift: ("<<", operator.lshift, ""),
    ast.RShift: (">>", operator.rshift, ""),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool], str, type[ast.cmpop]]] = {
    ast.Lt: ("<", operator.lt, "lt", ast.GtE),
    ast.LtE: ("<=", operator.le, "le", ast.Gt),
    ast.Gt: (">", operator.gt, "gt", ast.LtE),
    ast.GtE: (">=", operator.ge, "ge", ast.Lt),
    ast.Eq: ("==", operator.eq, "eq", ast.NotEq),
    ast.NotEq: ("!=", operator.ne, "ne", ast.Eq),
}
_ON_TILES = {
    "//": "write `ib.floor(a / b)`",
    "%": "write `a - b * ib.floor(a / b)`",
    "**": "write `v * v`, or ib.sqrt(v)",
    "&": "write `ib.select(a, b, a)` for two bool tiles, or nest two ib.select",
    "|": "write `ib.select(a, a, b)` for two bool tiles, or nest two ib.select",
}


def evaluate(front: Front, node: ast.expr) -> Any:
    """What an expression denotes. Operations on tiles become an expression of the builder; nothing is named."""
    handler = HANDLERS.get(type(node))
    if handler:
        return handler(front, node)
    raise front.fail(
        node, "python-form", f"`{ast.unparse(node)}` is no expression of a kernel", "write it with tiles, indices and constants"
    )


def settled(front: Front, thing: Any, node: ast.AST, later: Sequence[ast.expr]) -> Any:
    """An operand before others. A tile that is loaded before a sub-kernel stores is named, so that it is loaded before."""
    if isinstance(thing, tuple):
        return tuple(settled(front, part, node, later) for part in thing)
    if isinstance(thing, (Value, Slice)) and any(_may_store(front, other) for other in later):
        return front.let("", front.operand(thing, node), node)
    return thing


def _may_store(front: Front, node: ast.AST) -> bool:
    """A sub-kernel that stores to tensors is called in the expression."""
    functions = front.captured.functions
    called: list[Any] = []
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            if isinstance(call.func, ast.Name):
                called.append(front.captured.names.get(call.func.id))
            elif isinstance(call.func, ast.Attribute):
                called += [v for (_, name), v in front.captured.members.items() if name == call.func.attr]
    return any(_stores(functions, f, set()) for f in called)


def _stores(functions: Any, function: Any, seen: set[Any]) -> bool:
    captured = functions.get(function) if callable(function) else None
    if captured is None or function in seen:
        return False
    seen.add(function)
    tree = captured.source.tree
    if any(isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) for n in ast.walk(tree)):
        return True
    return any(_stores(functions, f, seen) for f in (*captured.names.values(), *captured.members.values()))


# ---- names and constants


def _constant(front: Front, node: ast.Constant) -> Any:
    if isinstance(node.value, (bytes, complex)) or node.value is Ellipsis:
        hint = "write `:` for each axis" if node.value is Ellipsis else "use numbers and strings"
        raise front.fail(node, "python-form", f"`{ast.unparse(node)}` in a body", hint)
    return node.value


def _name(front: Front, node: ast.Name) -> Any:
    binding = front.names.find(node.id)
    if isinstance(binding, Ended):
        raise _ended(front, node, binding)
    if binding is not None:
        return binding.value
    if node.id not in front.captured.names:
        raise front.fail(
            node, "unknown-name", f"'{node.id}' has no value yet", "give it one above; a name that is assigned in a body is its own"
        )
    value = front.captured.names[node.id]
    return front.size(value, node) if isinstance(value, Size) else value


def _ended(front: Front, node: ast.Name, binding: Ended) -> Exception:
    name, block = node.id, binding.block
    if binding.replaced:
        return front.fail(
            node,
            "python-rebind",
            f"'{name}' is given another value in {block}, and has no single one after it",
            "use another name inside; only tiles carry values out of a block",
            (front.note(binding.line, f"'{name}' gets another value here"),),
        )
    return front.fail(
        node,
        "out-of-scope",
        f"'{name}' ended with {block}, which made it",
        f"give `{name}` a start value before, such as `{name} = ib.zeros(ib.f32, t, 1)`, and assign to it inside",
        (front.note(binding.line, f"'{name}' is made here"),),
    )


def _tuple(front: Front, node: ast.Tuple) -> Any:
    return tuple(settled(front, evaluate(front, part), part, node.elts[i + 1 :]) for i, part in enumerate(node.elts))


def _joined(front: Front, node: ast.JoinedStr) -> str:
    parts = []
    for part in node.values:
        value = evaluate(front, part.value if isinstance(part, ast.FormattedValue) else part)
        if not is_constant(value) or (isinstance(part, ast.FormattedValue) and part.format_spec):
            raise front.fail(node, "python-form", "an f-string of more than constants", "name scopes and taps by constants")
        parts.append(str(value))
    return "".join(parts)


# ---- arithmetic


def _binary(front: Front, node: ast.BinOp) -> Any:
    left = settled(front, evaluate(front, node.left), node.left, [node.right])
    return combine(front, node, node.op, left, evaluate(front, node.right), node.left, node.right)


def combine(front: Front, node: ast.AST, op: ast.operator, left: Any, right: Any, at_left: ast.AST, at_right: ast.AST) -> Any:
    """`left op right` of tiles, indices or constants."""
    symbol, compute, operation = _ARITHMETIC[type(op)]
    if is_constant(left) and is_constant(right):
        try:
            return compute(left, right)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError) as problem:
            raise front.fail(node, "python-form", f"`{shown(left)} {symbol} {shown(right)}`: {problem}", "correct the constants") from None
    if is_tile(left) or is_tile(right):
        if symbol == "@":
            return _product(front, left, right, node, at_left, at_right)
        if not operation:
            hint = _ON_TILES.get(symbol, "there are + - * / @ on tiles")
            raise front.fail(node, "wrong-kind", f"`{symbol}` of tiles", hint)
        a, b = front.operand(_beside(left, right), at_left), front.operand(_beside(right, left), at_right)
        return front.at(node).binary(operation, a, b)
    if isinstance(left, Index) or isinstance(right, Index):
        return _of_indices(front, node, symbol, left, right)
    raise front.fail(
        node,
        "wrong-kind",
        f"`{symbol}` of {described(left)} and {described(right)}",
        _loaded_hint(left) or _loaded_hint(right) or "compute with tiles, slices, indices and constants",
    )


def _beside(thing: Any, other: Any) -> Any:
    """An operand: beside a tile of f32, a whole number of more than 32 bits is one of f32."""
    if not is_number(thing) or not isinstance(thing, int) or -(2**31) <= thing < 2**31 or not -(2**63) <= thing < 2**63:
        return thing
    dtype = _attributes_of(other).get("dtype") if is_tile(other) else None
    return float(thing) if dtype is ELEMENT_TYPES["f32"] else thing


def _loaded_hint(thing: Any) -> str:
    if isinstance(thing, _imbrex.Tensor):
        return f"load it through a slice: `{thing.name}[{', '.join(':' for _ in thing.shape)}]`"
    return "take its begin, size or index: `t.begin`" if isinstance(thing, Span) else ""


def _product(front: Front, left: Any, right: Any, node: ast.AST, at_left: ast.AST, at_right: ast.AST) -> Value:
    a, b = front.operand(left, at_left), front.operand(right, at_right)
    return front.at(node).matmul(a, b)


def _of_indices(front: Front, node: ast.AST, symbol: str, left: Any, right: Any) -> Any:
    for thing in (left, right):
        if isinstance(thing, float):
            raise front.fail(
                node,
                "wrong-kind",
                f"`{symbol}` of an index and {thing}",
                'make a tile of the index first: `ib.cast(t.begin, ib.f32, "rint")`',
            )
    if symbol == "/":
        raise front.fail(
            node,
            "wrong-kind",
            "`/` of indices",
            'write `//`, which rounds down; as a number, `ib.cast(T, ib.f32, "rint")`',
        )
    if symbol not in ("+", "-", "*", "//", "%"):
        raise front.fail(node, "wrong-kind", f"`{symbol}` of indices", "indices have + - * // %, ib.min, ib.max and ib.ceil_div")
    return front.index_operation(symbol, front.to_index(left, node), front.to_index(right, node), node)


def _unary(front: Front, node: ast.UnaryOp) -> Any:
    if isinstance(node.op, ast.Not):
        return _not(front, node)
    thing = evaluate(front, node.operand)
    if isinstance(node.op, ast.Invert):
        if isinstance(thing, int):
            return ~thing
        raise front.fail(node, "wrong-kind", f"`~` of {described(thing)}", "exchange the values: `ib.select(c, b, a)`")
    is_minus = isinstance(node.op, ast.USub)
    if is_number(thing):
        return -thing if is_minus else thing
    if isinstance(thing, Index):
        return front.index_operation("-", 0, thing, node) if is_minus else thing
    value = front.operand(thing, node.operand)
    return front.at(node).unary("neg", value) if is_minus else value


# ---- comparisons and conditions


def _compare(front: Front, node: ast.Compare) -> Any:
    things = [evaluate(front, node.left)]
    result: Any = None
    for op, right in zip(node.ops, node.comparators):
        things[-1] = settled(front, things[-1], node.left, [right])
        things.append(evaluate(front, right))
        if len(node.ops) > 1 and any(is_tile(thing) for thing in things):
            raise front.fail(
                node, "wrong-kind", "a chain of comparisons of tiles", "nest: `ib.select(a < b, ib.select(b < c, x, y), y)`"
            )
        compared = _compared(front, node, op, things[-2], things[-1])
        result = compared if result is None else _both(front, node, result, compared)
    return result


def _compared(front: Front, node: ast.AST, op: ast.cmpop, left: Any, right: Any) -> Any:
    if is_constant(left) and is_constant(right):
        return _compared_constants(front, node, op, left, right)
    if isinstance(op, (ast.Is, ast.IsNot)) and (left is None or right is None):
        return isinstance(op, ast.IsNot)  # of constants above; everything else is something
    if type(op) not in _COMPARISONS:
        written = {ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}[type(op)]
        raise front.fail(node, "wrong-kind", f"`{written}` of {described(left)} and {described(right)}", "compare with == or <")
    symbol, _, operation, _ = _COMPARISONS[type(op)]
    if is_tile(left) or is_tile(right):
        a, b = front.operand(_beside(left, right), node), front.operand(_beside(right, left), node)
        return front.at(node).binary(operation, a, b)
    a_index, b_index = front.to_index(left, node), front.to_index(right, node)
    return front.at(node).compare(symbol, a_index, b_index)


def _compared_constants(front: Front, node: ast.AST, op: ast.cmpop, left: Any, right: Any) -> bool:
    try:
        if isinstance(op, (ast.Is, ast.IsNot)):
            return (left is right) == isinstance(op, ast.Is)
        if isinstance(op, (ast.In, ast.NotIn)):
            return (left in right) == isinstance(op, ast.In)
        return _COMPARISONS[type(op)][1](left, right)
    except TypeError as problem:
        raise front.fail(node, "python-form", f"{left!r} and {right!r}: {problem}", "compare constants of one type") from None


def _both(front: Front, node: ast.AST, a: Any, b: Any) -> Any:
    if is_constant(a):
        return b if a else a
    if is_constant(b):
        return a if b else b
    return front.at(node).both(_condition(front, a, node), _condition(front, b, node))


def _condition(front: Front, thing: Any, node: ast.AST) -> Condition:
    if isinstance(thing, Condition):
        return thing
    raise wrong_condition(front, thing, node)


def wrong_condition(front: Front, thing: Any, node: ast.AST) -> Exception:
    """What is no condition where one is needed."""
    hint = "compare: `i == 0`"
    if is_tile(thing):
        hint = "choose element by element: `ib.select(v > 0, v, 0)`"
    return front.fail(node, "wrong-kind", f"{described(thing)} as a condition", hint)


def _bool_operation(front: Front, node: ast.BoolOp) -> Any:
    if isinstance(node.op, ast.And):
        result: Any = True
        for part in node.values:
            thing = evaluate(front, part)
            if is_tile(thing):
                hint = "choose element by element: `ib.select(a, ib.select(b, x, y), y)`"
                raise front.fail(part, "wrong-kind", "`and` of a tile", hint)
            if not is_constant(thing) and not isinstance(thing, Condition):
                raise wrong_condition(front, thing, part)
            result = _both(front, node, result, thing)
            if is_constant(result) and not result:
                return result
        return result
    last: Any = None
    for part in node.values:
        last = evaluate(front, part)
        if not is_constant(last):
            hint = "write `if a:` and `elif b:` with a sub-kernel in both"
            if is_tile(last):
                hint = "choose element by element: `ib.select(a, x, ib.select(b, x, y))`"
            raise front.fail(part, "wrong-kind", f"`or` of {described(last)}", hint)
        if last:
            return last
    return last


def _not(front: Front, node: ast.UnaryOp) -> Any:
    inner = node.operand
    if isinstance(inner, ast.Compare) and len(inner.ops) == 1 and type(inner.ops[0]) in _COMPARISONS:
        opposite = _COMPARISONS[type(inner.ops[0])][3]()
        left, right = evaluate(front, inner.left), evaluate(front, inner.comparators[0])
        if not is_tile(left) and not is_tile(right):
            return _compared(front, inner, opposite, left, right)
        raise front.fail(node, "wrong-kind", "`not` of a tile", "exchange the values: `ib.select(c, b, a)`")
    thing = evaluate(front, inner)
    if is_constant(thing):
        return not thing
    hint = "exchange the values: `ib.select(c, b, a)`" if is_tile(thing) else "write the opposite comparison, or use `else`"
    raise front.fail(node, "wrong-kind", f"`not` of {described(thing)}", hint)


def _if_expression(front: Front, node: ast.IfExp) -> Any:
    condition = evaluate(front, node.test)
    if is_constant(condition):
        return evaluate(front, node.body if condition else node.orelse)
    if isinstance(condition, Condition):
        hint = "give a tile its value in both branches of an `if` statement"
    else:
        hint = "write `ib.select(c, a, b)`"
    raise front.fail(node, "wrong-kind", f"`a if c else b` where c is {described(condition)}", hint)


# ---- attributes and subscripts


def _attribute(front: Front, node: ast.Attribute) -> Any:
    thing = evaluate(front, node.value)
    if isinstance(thing, ModuleType):
        return _member(front, node, thing)
    found = _attributes_of(thing)
    if node.attr in found:
        return found[node.attr]
    if is_tile(thing) and node.attr in METHODS:
        habit = METHODS[node.attr]
        if isinstance(habit, Refused) and node.attr == "T":
            raise front.fail(node, "python-habit", "`.T` of a tile", habit.hint)
        return Method(node.attr, thing)
    has = f"it has {', '.join(sorted(found))}" if found else "it has no attributes"
    raise front.fail(node, "unknown-name", f"{described(thing)} has no attribute '{node.attr}'", has)


def _member(front: Front, node: ast.Attribute, module: ModuleType) -> Any:
    key = module.__name__, node.attr
    if key not in front.captured.members:
        hint = f"write `{module.__name__}.{node.attr}` by the module's own name"
        raise front.fail(node, "wrong-kind", f"the module {module.__name__} under a name of the body", hint)
    value = front.captured.members[key]
    return front.size(value, node) if isinstance(value, Size) else value


def _attributes_of(thing: Any) -> dict[str, Any]:
    if isinstance(thing, Span):
        return {"begin": known(thing.begin), "size": known(thing.size), "index": known(thing.index)}
    if isinstance(thing, _imbrex.Tensor):
        shape = tuple(known(extent) for extent in thing.shape)
        return {"shape": shape, "dtype": ELEMENT_TYPES[thing.dtype], "ndim": len(shape)}
    if isinstance(thing, Result):
        return _attributes_of(thing.variable)
    if isinstance(thing, (Variable, Value)):
        rows, columns = known(thing.rows), known(thing.columns)
        return {"dtype": ELEMENT_TYPES[thing.dtype], "rows": rows, "columns": columns, "shape": (rows, columns)}
    if isinstance(thing, Slice):
        return {"dtype": ELEMENT_TYPES[thing.tensor.dtype]}
    return {}


def _subscript(front: Front, node: ast.Subscript) -> Any:
    thing = evaluate(front, node.value)
    if isinstance(thing, _imbrex.Tensor):
        return slice_of(front, thing, node)
    if isinstance(thing, (tuple, str)):
        index = evaluate(front, node.slice)
        if is_number(index) and isinstance(index, int) and -len(thing) <= index < len(thing):
            return thing[index]
        raise front.fail(
            node, "wrong-kind", f"{described(index)} as a position in {len(thing)} values", "give a constant that is inside"
        )
    hint = "slice a tensor: `x[t, :]`"
    if is_tile(thing):
        hint = "take columns with ib.columns(v, begin, size), or slice the tensor that it was loaded from"
    raise front.fail(node, "wrong-kind", f"a subscript of {described(thing)}", hint)


def slice_of(front: Front, tensor: _imbrex.Tensor, node: ast.Subscript) -> Slice:
    """`x[t, i, lo:hi]`: one argument for each axis."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    shape = tensor.shape
    axes = []
    for axis, part in enumerate(parts):
        extent = shape[axis] if axis < len(shape) else None
        axes.append(_axis(front, part, extent, functools.partial(_from_the_start, node, parts, axis, extent)))
    return Slice(tensor, tuple(axes))


FromTheStart = Callable[[dict[ast.expr, int]], str]


def _from_the_start(node: ast.Subscript, parts: list[ast.expr], axis: int, extent: Index | None, negative: dict[ast.expr, int]) -> str:
    """A hint: the slice with positions of an axis that count from its end written as those that count from its start."""
    tensor = ast.unparse(node.value)
    most = extent.constant if extent is not None else None
    if most is not None and min(negative.values()) < -most:
        return f"give an index from 0 to {most - 1}"

    def written(part: ast.expr | None) -> str:
        if part not in negative:
            return ast.unparse(part) if part else ""
        return f"{tensor}.shape[{axis}] - {-negative[part]}" if most is None else str(most + negative[part])

    part = parts[axis]
    now = f"{written(part.lower)}:{written(part.upper)}" if isinstance(part, ast.Slice) else written(part)
    texts = [*map(ast.unparse, parts[:axis]), now, *map(ast.unparse, parts[axis + 1 :])]
    return f"count from the start: `{tensor}[{', '.join(texts)}]`"


def _axis(front: Front, node: ast.expr, extent: Index | None, from_the_start: FromTheStart) -> Axis:
    if isinstance(node, ast.Slice):
        return _range_axis(front, node, extent, from_the_start)
    if isinstance(node, ast.Constant) and (node.value is Ellipsis or node.value is None):
        written = "..." if node.value is Ellipsis else "None"
        hint = (
            "write `:` for each axis" if node.value is Ellipsis else "leave it out: rows and columns are repeated where they meet"
        )
        raise front.fail(node, "python-habit", f"`{written}` in a slice", hint)
    thing = evaluate(front, node)
    if isinstance(thing, Span):
        return "span", thing.begin, thing.size
    if isinstance(thing, Rows):
        return "by", thing.variable
    if isinstance(thing, Tiles):
        raise front.fail(node, "wrong-kind", "tiles in a slice", "loop over them: `for t in ib.parallel(ib.tiles(T, 16)):`")
    if is_tile(thing):
        raise front.fail(node, "wrong-kind", "a tile in a slice", "take the rows that it lists: `x[ib.by(rows), :]`")
    if isinstance(thing, int) and thing < 0:
        raise front.fail(node, "wrong-kind", f"the index {thing} in a slice", from_the_start({node: thing}))
    return "point", front.to_index(thing, node, "an axis of a slice")


def _range_axis(front: Front, node: ast.Slice, extent: Index | None, from_the_start: FromTheStart) -> Axis:
    if node.step is not None:
        raise front.fail(
            node.step, "python-habit", "a slice with a step", "take every other column with ib.even(v) or ib.odd(v), or make a view"
        )
    if node.lower is None and node.upper is None:
        return ("whole",)
    begin = 0 if node.lower is None else evaluate(front, node.lower)
    end = extent if node.upper is None and extent is not None else evaluate(front, node.upper or node)
    negative = {at: thing for at, thing in ((node.lower, begin), (node.upper, end)) if at and isinstance(thing, int) and thing < 0}
    for at, thing in negative.items():
        raise front.fail(at, "wrong-kind", f"{thing} in a slice", from_the_start(negative))
    return "span", front.to_index(begin, node), between(front, begin, end, node)


def between(front: Front, begin: Any, end: Any, node: ast.AST) -> Index:
    """How many indices are in begin .. end - 1: none where `end` is not larger."""
    first, last = front.to_index(begin, node, "the begin"), front.to_index(end, node, "the end")
    return front.at(node).index("size_between", first, last)


# By the type of node. Calls are handled by calls.py, which evaluates expressions in turn.
HANDLERS: dict[type[ast.expr], Callable[[Front, Any], Any]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.BinOp: _binary,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool_operation,
    ast.Tuple: _tuple,
    ast.IfExp: _if_expression,
    ast.JoinedStr: _joined,
}
