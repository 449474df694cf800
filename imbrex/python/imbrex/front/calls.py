"""Calls in a body: words of the package, sub-kernels, Python's own functions of constants, and habits of other libraries."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .._imbrex import Index, Value
from ..elements import ElementType
from ..errors import Error
from ..habits import BUILTINS, FUNCTIONS, METHODS, PURE, ByAxis, Habit, Refused, Same
from ..records import Record
from .capture import is_constant, is_word
from .expressions import HANDLERS, evaluate, settled
from .front import Activation, Front
from .kinds import Method, Result, Rows, Slice, described, is_number, is_tile

signature_of = functools.cache(inspect.signature)  # of words, of which there are always the same


class Call(Record):
    """A call of a word: its arguments by the names of parameters, evaluated, and where each is written."""

    front: Front
    node: ast.Call
    name: str
    arguments: dict[str, Any]
    nodes: dict[str, Any]
    wanted_name: str

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def fail(self, name: str, message: str, hint: str) -> Error:
        at = self.nodes.get(name, self.node)
        return self.front.fail(at if isinstance(at, ast.AST) else self.node, "wrong-kind", f"ib.{self.name}: {message}", hint)

    def operand(self, name: str) -> Value:
        return self.front.operand(self[name], self.nodes.get(name, self.node), f"`{name}` of ib.{self.name}")

    def index(self, name: str) -> Index:
        return self.front.to_index(self[name], self.nodes.get(name, self.node), f"`{name}` of ib.{self.name}")

    def extent(self, name: str) -> Index:
        return self.front.extent(self[name], self.nodes.get(name, self.node), f"`{name}` of ib.{self.name}")

    def whole(self, name: str) -> int:
        value = self[name]
        if not is_number(value) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise self.fail(name, f"`{name}` is {described(value)}", "give a whole number that is known when the kernel is built")
        return value

    def flag(self, name: str) -> bool:
        if not isinstance(self[name], bool):
            raise self.fail(name, f"`{name}` is {described(self[name])}", "give True or False")
        return bool(self[name])

    def text(self, name: str) -> str:
        if not isinstance(self[name], str) or not self[name].isprintable():
            raise self.fail(name, f"`{name}` is {described(self[name])}", 'give a name in quotes: "norm"')
        return str(self[name])

    def dtype(self, name: str) -> str:
        return self.to_dtype(self[name], name)

    def to_dtype(self, value: Any, name: str) -> str:
        if not isinstance(value, ElementType):
            raise self.fail(name, f"`{name}` is {described(value)}", "give an element type such as ib.f32")
        return value.name


Form = Callable[[Call], Any]
FORMS: dict[Callable[..., Any], Form] = {}  # filled by forms.py


def form(word: Callable[..., Any]) -> Callable[[Form], Form]:
    """Declares what a call of a word becomes."""

    def declare(function: Form) -> Form:
        FORMS[word] = function
        return function

    return declare


def _call(front: Front, node: ast.Call) -> Any:
    wanted_name, front.wanted_name = front.wanted_name, ""
    callee = evaluate(front, node.func)
    if isinstance(callee, Refused):
        raise _refused(front, node, callee)
    positional, keywords = _arguments(front, node)
    if is_word(callee):
        return _word(front, node, callee, positional, keywords, wanted_name)
    if isinstance(callee, FunctionType) and callee in front.captured.functions:
        return _sub_kernel(front, node, callee, positional, keywords)
    if isinstance(callee, Method):
        first = (callee.of, node.func)
        return _habit(front, node, METHODS[callee.name], [first, *positional], keywords)
    if isinstance(callee, (Same, ByAxis)):
        return _habit(front, node, callee, positional, keywords)
    if callable(callee) and getattr(callee, "__module__", "") in ("math", "builtins"):
        return _python_function(front, node, callee, positional, keywords)
    raise front.fail(node, "wrong-kind", f"a call of {described(callee)}", "call words of imbrex, and plain functions of yours")


HANDLERS[ast.Call] = _call

Evaluated = tuple[Any, ast.AST]


def _arguments(front: Front, node: ast.Call) -> tuple[list[Evaluated], dict[str, Evaluated]]:
    written = [*node.args, *(keyword.value for keyword in node.keywords)]
    things: list[Evaluated] = []
    for position, argument in enumerate(written):
        things.append((settled(front, evaluate(front, argument), argument, written[position + 1 :]), argument))
    keywords: dict[str, Evaluated] = {}
    for keyword, thing in zip(node.keywords, things[len(node.args) :]):
        if keyword.arg is None:
            raise front.fail(node, "python-form", "`**` in a call", "write the arguments by name")
        keywords[keyword.arg] = thing
    return things[: len(node.args)], keywords


def _bound(
    front: Front,
    node: ast.AST,
    signature: inspect.Signature,
    positional: list[Evaluated],
    keywords: dict[str, Evaluated],
    name: str,
) -> dict[str, Any]:
    """The arguments by parameter, each with where it is written; defaults have no place."""
    try:
        return dict(signature.bind(*positional, **keywords).arguments)
    except TypeError as problem:
        plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
        text = str(inspect.Signature(plain))
        raise front.fail(node, "python-arguments", f"{name}: {problem}", f"call it as {name}{text}") from None


def _word(
    front: Front,
    node: ast.Call,
    word: Callable[..., Any],
    positional: list[Evaluated],
    keywords: dict[str, Evaluated],
    wanted_name: str = "",
) -> Any:
    bound = _bound(front, node, signature_of(word), positional, keywords, f"ib.{word.__name__}")
    arguments: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    for name, parameter in signature_of(word).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            arguments[name] = tuple(thing for thing, _ in bound.get(name, ()))
            nodes[name] = tuple(at for _, at in bound.get(name, ()))
        elif name in bound:
            arguments[name], nodes[name] = bound[name]
        else:
            arguments[name] = parameter.default
    return FORMS[word](Call(front, node, word.__name__, arguments, nodes, wanted_name))


# ---- habits


def _refused(front: Front, node: ast.AST, habit: Refused) -> Error:
    return front.fail(node, "python-habit", f"'{habit.name}' has no form in a kernel", habit.hint)


def _habit(front: Front, node: ast.Call, habit: Habit, positional: list[Evaluated], keywords: dict[str, Evaluated]) -> Any:
    if isinstance(habit, Same):
        return _word(front, node, habit.word, positional, keywords)
    if isinstance(habit, ByAxis):
        return _by_axis(front, node, habit, positional, keywords)
    assert isinstance(habit, Refused)
    raise _refused(front, node, habit)


def _by_axis(front: Front, node: ast.Call, habit: ByAxis, positional: list[Evaluated], keywords: dict[str, Evaluated]) -> Any:
    for name, (_, at) in keywords.items():
        if name not in ("axis", "dim", "keepdims", "keepdim"):
            hint = "leave it out: there are `axis` and `keepdims`; ib.select chooses elements, ib.max(a, b) starts from a value"
            raise front.fail(at, "python-habit", f"`{name}` of '{habit.name}'", hint)
    given = [thing for name in ("axis", "dim") if name in keywords for thing in [keywords[name][0]]]
    given += [thing for thing, _ in positional[1:]]
    if len(given) > 1:
        raise front.fail(node, "python-habit", f"'{habit.name}' of {len(given) + 1} values", "give the tile and its axis alone")
    axis = given[0] if given and is_number(given[0]) else None
    if axis not in (0, 1, -1, -2) or not positional:
        raise front.fail(
            node,
            "python-habit",
            f"'{habit.name}' without an axis",
            f"write ib.{habit.of_rows.__name__}(v) for each row, or ib.{habit.of_columns.__name__}(v) for each column",
        )
    return _word(front, node, habit.of_rows if axis in (1, -1) else habit.of_columns, positional[:1], {})


MOST_OF_A_RANGE = 10_000  # numbers, of a range that a function is given


def _is_known(thing: Any) -> bool:
    return is_constant(thing) or (isinstance(thing, range) and len(thing) <= MOST_OF_A_RANGE)


def _python_function(
    front: Front, node: ast.Call, function: Callable[..., Any], positional: list[Evaluated], keywords: dict[str, Evaluated]
) -> Any:
    """math.sqrt, int, min and the like: computed of constants, and a habit of everything else."""
    things = [thing for thing, _ in positional]
    name = function.__name__
    is_of_math = function.__module__ == "math"
    if not is_of_math and name not in PURE:
        known = BUILTINS.get(name)
        hint = known.hint if isinstance(known, Refused) else "bodies compute, and do nothing else: call it outside of the kernel"
        raise front.fail(node, "python-habit", f"'{name}' has no form in a kernel", hint)
    if all(map(_is_known, (*things, *(thing for thing, _ in keywords.values())))):
        try:
            value = function(*things, **{key: thing for key, (thing, _) in keywords.items()})
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as problem:
            raise front.fail(node, "python-form", f"{name}: {problem}", "correct the constants") from None
        if is_constant(value) or isinstance(value, range):
            return value
        raise front.fail(node, "python-habit", f"'{name}' has no form in a kernel", "use tuples of constants, and `range`")
    if function is range:
        raise front.fail(
            node,
            "python-habit",
            f"`range` of {next(described(t) for t in things if not _is_known(t))}",
            "write `for i in ib.range(n):`; Python's range is of constants, and is unrolled",
        )
    if name == "len" and things and isinstance(things[0], tuple):
        return len(things[0])
    habit = (FUNCTIONS if is_of_math else BUILTINS).get(name)
    if habit is None:
        raise front.fail(
            node,
            "python-habit",
            f"'{name}' of {described(things[0])}",
            "write it with the operations of imbrex: help(imbrex.words)",
        )
    return _habit(front, node, habit, positional, keywords)


# ---- sub-kernels


def _sub_kernel(
    front: Front, node: ast.Call, function: FunctionType, positional: list[Evaluated], keywords: dict[str, Evaluated]
) -> Any:
    captured = front.captured.functions[function]
    if any(activation.captured is captured for activation in front.activations):
        raise front.fail(
            node, "python-form", f"'{function.__name__}' calls itself", "write a loop: a kernel is unfolded when it is built"
        )
    bound = _bound(front, node, captured.source.signature, positional, keywords, function.__name__)
    from .statements import run_function

    assigned = captured.source.assigned
    activation = Activation(captured, called_at=node.lineno)
    for name in captured.source.signature.parameters:
        thing, at = bound.get(name, (captured.defaults.get(name), node))
        if isinstance(thing, Result):
            thing = thing.variable
        elif isinstance(thing, (Value, Slice)) or (is_tile(thing) and name in assigned):
            thing = front.let(name if is_tile(thing) and name in assigned else "", front.operand(thing, at), at)
        else:
            thing = thing if isinstance(thing, Rows) or is_tile(thing) else front.held(thing, at)
        activation.names.bind(name, thing, captured.source.tree.lineno)
    front.at(node).enter_call()
    front.activations.append(activation)
    result = run_function(front)
    front.activations.pop()
    front.at(node).leave_call()
    return result
