"""Statements of a body."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from .. import _imbrex
from .._imbrex import Condition, Index, Value, Variable
from ..records import Record
from .capture import is_constant
from .expressions import combine, evaluate, settled, slice_of, wrong_condition
from .front import Front, named
from .kinds import Loop, Result, Scope, Slice, Span, Tiles, described, is_number, is_tile
from .names import Ended


class Returned(Record):
    value: Any


def run_function(front: Front) -> Any:
    """Translates the body of the present function; what it returns."""
    returned = run(front, front.captured.source.body)
    return returned.value if returned else None


def run(front: Front, statements: list[ast.stmt]) -> Returned | None:
    for position, statement in enumerate(statements):
        if isinstance(statement, ast.Return):
            returned = _return(front, statement)
            if statements[position + 1 :]:
                raise front.fail(
                    statements[position + 1], "python-form", "a statement behind `return`", "return at the end of the function"
                )
            return returned
        handler = _HANDLERS.get(type(statement))
        if handler is None:
            raise front.fail(statement, "python-form", f"`{ast.unparse(statement)}` in a body", "leave it out")
        left = handler(front, statement)
        if left:
            return left
    return None


# ---- assignments


def _assign(front: Front, node: ast.Assign | ast.AnnAssign) -> None:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if node.value is None:
        raise front.fail(node, "python-form", "a declaration without a value", "give it a value, or leave it out")
    if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):
        front.wanted_name = target.id
    thing = evaluate(front, node.value)
    front.wanted_name = ""
    if isinstance(target, ast.Tuple):
        _assign_each(front, target, thing, node)
    else:
        _assign_to(front, target, thing, node)


def _assign_each(front: Front, target: ast.Tuple, thing: Any, node: ast.stmt) -> None:
    if not isinstance(thing, tuple) or len(thing) != len(target.elts):
        raise front.fail(node, "wrong-kind", f"{described(thing)} for {len(target.elts)} names", "give one value for each name")
    if any(_changes_something(front, part) for part in target.elts):
        thing = front.held(thing, node, keeps_results=True)
    for part, value in zip(target.elts, thing):
        _assign_to(front, part, value, node)


def _changes_something(front: Front, target: ast.expr) -> bool:
    """Assigning to it changes what values behind it may read."""
    if not isinstance(target, ast.Name):
        return True
    existing = front.names.peek(target.id)
    return existing is not None and isinstance(existing[0].value, Variable)


def _assign_to(front: Front, target: ast.expr, thing: Any, node: ast.stmt) -> None:
    if isinstance(target, ast.Name):
        _assign_name(front, target.id, thing, node)
    elif isinstance(target, ast.Subscript):
        _store(front, _stored_slice(front, target), thing, node, target)
    elif isinstance(target, ast.Tuple):
        _assign_each(front, target, thing, node)
    else:
        raise front.fail(
            node, "python-form", f"an assignment to `{ast.unparse(target)}`", "assign to names and to slices of tensors"
        )


def _stored_slice(front: Front, target: ast.Subscript) -> Slice:
    tensor = evaluate(front, target.value)
    if isinstance(tensor, _imbrex.Tensor):
        return slice_of(front, tensor, target)
    hint = "store to a slice of a tensor: `y[t, :] = v`"
    if is_tile(tensor):
        hint = "a tile has one value: compute it whole, or store to a slice of a tensor"
    raise front.fail(target, "wrong-kind", f"an assignment to a part of {described(tensor)}", hint)


def _store(front: Front, place: Slice, thing: Any, node: ast.AST, target: ast.AST) -> None:
    value = front.operand(thing, node, "what is stored")
    front.at(target).store(place.tensor, place.axes, value)


def _assign_name(front: Front, name: str, thing: Any, node: ast.stmt) -> None:
    existing = front.names.peek(name)
    variable = existing[0].value if existing and isinstance(existing[0].value, Variable) else None
    if variable is not None and (is_tile(thing) or is_number(thing)):
        is_same_block = existing is not None and existing[1]
        _assign_tile(front, name, variable, thing, node, is_same_block)
        return
    _check_rebinding(front, name, thing, node)
    if isinstance(thing, Result):
        thing = front.handed_over(thing)
    elif is_tile(thing):
        thing = front.let(name, front.operand(thing, node), node)
    else:
        thing = front.held(thing, node)
        if isinstance(thing, Index) and str(thing) in front.unnamed_reads:
            front.unnamed_reads.remove(str(thing))
            front.builder.written_as(str(thing), name)
    front.names.bind(name, thing, node.lineno)


def _assign_tile(front: Front, name: str, variable: Variable, thing: Any, node: ast.stmt, is_same_block: bool) -> None:
    """Another value for a tile; in the block that made it, a tile of another type or shape is a new one."""
    value = front.operand(thing, node)
    if is_same_block and not is_number(thing):
        if isinstance(thing, Result):
            front.names.bind(name, front.handed_over(thing), node.lineno)
            return
        if not _is_alike(variable, value):
            front.names.bind(name, front.let(name, value, node), node.lineno)
            return
    front.check_change(variable, name, node)
    front.at(node).rebind(variable, value)


def _is_alike(a: Variable, b: Value) -> bool:
    return a.dtype == b.dtype and a.rows.same(b.rows) and a.columns.same(b.columns)


def _check_rebinding(front: Front, name: str, thing: Any, node: ast.stmt) -> None:
    loop = front.names.loop_that_read(name)
    existing = front.names.peek(name)
    if loop is None or existing is None:
        return
    binding, _ = existing
    if is_tile(thing) and is_number(binding.value):
        message = f"'{name}' begins as {described(binding.value)} and becomes a tile in {loop.what}"
        hint = f"begin with a tile of its type and shape: `{name} = ib.full(ib.f32, t, 1, {binding.value})`"
    else:
        message = f"'{name}', {described(binding.value)}, is given another value in {loop.what}, which has read it"
        hint = "use another name inside; only tiles carry values from one iteration to the next"
        if isinstance(binding.value, (int, Index)) and not isinstance(binding.value, bool):
            hint = "compute it from the loop's variable; only tiles carry values from one iteration to the next"
    raise front.fail(node, "python-rebind", message, hint, (front.note(binding.line, f"'{name}' gets its first value here"),))


def _augmented(front: Front, node: ast.AugAssign) -> None:
    target = node.target
    if isinstance(target, ast.Subscript):
        place = _stored_slice(front, target)
        before = settled(front, place, target, [node.value])
        value = evaluate(front, node.value)
        _store(front, place, combine(front, node, node.op, before, value, target, node.value), node, target)
        return
    if not isinstance(target, ast.Name):
        raise front.fail(
            node, "python-form", f"an assignment to `{ast.unparse(target)}`", "assign to names and to slices of tensors"
        )
    binding = front.names.find(target.id)
    if binding is None or isinstance(binding, Ended):
        evaluate(front, ast.copy_location(ast.Name(target.id, ast.Load()), target))  # raises
        assert binding is not None and not isinstance(binding, Ended)
    value = evaluate(front, node.value)
    if isinstance(binding.value, Variable):
        front.check_change(binding.value, target.id, node)
    if isinstance(binding.value, Variable) and isinstance(node.op, ast.Add):
        added = front.operand(value, node.value)
        front.at(node).add_to(binding.value, added)
    elif isinstance(binding.value, Variable):
        changed = combine(front, node, node.op, binding.value, value, target, node.value)
        front.at(node).rebind(binding.value, front.operand(changed, node))
    else:
        _assign_name(front, target.id, combine(front, node, node.op, binding.value, value, target, node.value), node)


# ---- loops, scopes, branches


def _for(front: Front, node: ast.For) -> None:
    domain = evaluate(front, node.iter)
    if isinstance(domain, (range, tuple)):
        _unroll(front, node, domain)
        return
    if isinstance(domain, Tiles):
        domain = Loop("range", 0, domain, ())
    if not isinstance(domain, Loop):
        hint = "loop over ib.range(n), ib.tiles(T, 16), ib.parallel(...) or ib.pipeline(...)"
        raise front.fail(node.iter, "wrong-kind", f"a loop over {described(domain)}", hint)
    if not isinstance(node.target, ast.Name):
        raise front.fail(node, "python-form", "a loop with several variables", "give the loop one variable")
    name = node.target.id
    variable = _open_loop(front, node, domain, name)
    front.names.open(f"the loop over {name}", is_loop=True)
    front.names.bind(name, variable, node.lineno)
    _block(front, node.body)


def _open_loop(front: Front, node: ast.For, loop: Loop, name: str) -> Span | Index:
    builder = front.at(node)
    if isinstance(loop.domain, Tiles):
        tiles = loop.domain
        begin, size, index = named(
            builder,
            lambda printed: builder.open_tiles(
                loop.kind, loop.stages, tiles.begin, tiles.size, tiles.tile, printed, loop.annotations
            ),
            name,
        )
        return Span(begin, size, index)
    first, end = loop.domain
    return named(
        builder, lambda printed: builder.open_range(loop.kind, loop.stages, first, end, printed, loop.annotations), name
    )


def _block(front: Front, body: list[ast.stmt]) -> None:
    """The body of a block that is open, and its end."""
    run(front, body)
    front.names.close()
    front.builder.close()


MOST_ITERATIONS = 10_000  # of a loop that is unrolled


def _unroll(front: Front, node: ast.For, values: Sequence[Any]) -> None:
    if len(values) > MOST_ITERATIONS:
        raise front.fail(
            node,
            "python-form",
            f"a loop over {len(values)} constants, each of which becomes statements of its own",
            "write `for i in ib.range(n):`",
        )
    for value in front.held(values, node, keeps_results=True):
        if isinstance(node.target, ast.Tuple):
            _assign_each(front, node.target, value, node)
        else:
            _assign_to(front, node.target, value, node)
        if run(front, node.body):
            raise front.fail(node, "python-form", "`return` in a loop", "return at the end of the function")


def _with(front: Front, node: ast.With) -> None:
    for item in node.items:
        scope = evaluate(front, item.context_expr)
        if not isinstance(scope, Scope):
            raise front.fail(item.context_expr, "wrong-kind", f"`with` {described(scope)}", 'write `with ib.at("name"):`')
        if item.optional_vars is not None:
            raise front.fail(item.optional_vars, "python-form", "a scope `as` a name", "leave out `as`: a scope has no value")
        front.at(node).open_scope(scope.name, scope.annotations)
        front.names.open(f"the scope '{scope.name}'")
    run(front, node.body)
    for _ in node.items:
        front.names.close()
        front.builder.close()


def _if(front: Front, node: ast.If) -> Returned | None:
    condition = evaluate(front, node.test)
    if is_constant(condition):
        return run(front, node.body if condition else node.orelse)
    if not isinstance(condition, Condition):
        raise wrong_condition(front, condition, node.test)
    front.at(node.test).open_if(condition)
    front.names.open("a branch of `if`")
    run(front, node.body)
    front.names.close()
    if node.orelse:
        front.at(node.orelse[0]).open_else()
        front.names.open("a branch of `if`")
        run(front, node.orelse)
        front.names.close()
    front.builder.close()
    return None


# ---- the rest


def _expression(front: Front, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return
    thing = evaluate(front, node.value)
    if thing is None:
        return
    raise front.fail(
        node, "python-form", f"the value of `{ast.unparse(node.value)}` is not used", "give it a name, or store it: `y[t, :] = v`"
    )


def _return(front: Front, node: ast.Return) -> Returned:
    if len(front.activations) == 1:
        raise front.fail(node, "python-form", "`return` in a kernel", "store results to parameters: `y: ib.Out[ib.f32, T, D]`")
    if not front.names.is_at_top:
        where = front.names.blocks[-1].what
        raise front.fail(node, "python-form", f"`return` in {where}", "return at the end of the function")
    thing = None if node.value is None else evaluate(front, node.value)
    return Returned(_result(front, thing, node, set()))


def _result(front: Front, thing: Any, node: ast.Return, given: set[int]) -> Any:
    """What leaves a sub-kernel: a tile that it made itself is handed over, a slice is loaded."""
    if isinstance(thing, tuple):
        return tuple(_result(front, part, node, given) for part in thing)
    if isinstance(thing, Slice):
        return front.operand(thing, node)
    if isinstance(thing, Variable) and id(thing) in front.now.made and id(thing) not in given:
        given.add(id(thing))
        front.unnamed.discard(id(thing))  # it gets a name now
        return Result(thing)
    return thing


def _pass(front: Front, node: ast.Pass) -> None:
    return None


_HANDLERS: dict[type[ast.stmt], Callable[[Front, Any], Returned | None]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _assign,
    ast.AugAssign: _augmented,
    ast.For: _for,
    ast.With: _with,
    ast.If: _if,
    ast.Expr: _expression,
    ast.Pass: _pass,
}
