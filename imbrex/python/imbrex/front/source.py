"""The source of a function, parsed, with the lines of its file; Python that no body can have is refused here, at its line."""

from __future__ import annotations

import __future__

import ast
import dis
import functools
import inspect
import linecache
import operator
from types import CodeType, FunctionType
from typing import Any

from ..errors import Error, error

_FUTURE = functools.reduce(operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


class Source:
    """A function that a kernel consists of."""

    def __init__(self, function: FunctionType, file: str, tree: ast.FunctionDef) -> None:
        self.function, self.file, self.tree = function, file, tree

    @property
    def name(self) -> str:
        return self.tree.name

    @property
    def body(self) -> list[ast.stmt]:
        return self.tree.body

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def assigned(self) -> frozenset[str]:
        """The names that the function gives values."""
        nodes = (node for statement in self.body for node in ast.walk(statement))
        return frozenset(node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))


def source_of(function: object, what: str) -> Source:
    """Parses `function`, which is `what` ("a kernel", "a sub-kernel"). Error where it has no source or is no plain function."""
    if not isinstance(function, FunctionType):
        raise error(
            "python-function",
            f"{what} is made of a plain function; got {_described(function)}",
            "define it with `def`, outside of classes",
        )
    file, first = function.__code__.co_filename, function.__code__.co_firstlineno
    if hasattr(function, "__wrapped__"):
        raise error(
            "python-function",
            f"{what} '{function.__name__}' is wrapped by a decorator",
            "leave the decorator out: the function is parsed, so that what wraps it would never run",
            file,
            first,
        )
    if function.__name__ == "<lambda>":
        raise error("python-function", f"{what} is made of a function with statements; got a lambda", "use `def`", file, first)
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError, SyntaxError):
        if linecache.getlines(file):
            raise _changed(function, what) from None
        raise error(
            "python-function",
            f"{what} '{function.__name__}' has no source that can be read",
            "write it in a file: a function made by exec, or typed into an interpreter, keeps no source",
            file,
            first,
        ) from None
    # An indented function becomes the body of an `if`, so that its lines stay as they are.
    indented = lines[0][:1].isspace()
    try:
        module = ast.parse(("if True:\n" if indented else "") + "".join(lines))
    except SyntaxError:
        raise _changed(function, what) from None
    ast.increment_lineno(module, first - 1 - indented)
    top = module.body[0].body[0] if isinstance(module.body[0], ast.If) else module.body[0]
    if isinstance(top, (ast.FunctionDef, ast.ClassDef)) and top.name != function.__code__.co_name:
        raise _changed(function, what)
    if not isinstance(top, ast.FunctionDef):
        raise error(
            "python-function", f"{what} '{function.__name__}' is no plain function", "define it with `def`", file, top.lineno
        )
    source = Source(function, file, top)
    _check_parameters(source, what)
    _check_body(source)
    if not _is_source_of(top, function.__code__):
        raise _changed(function, what)
    for node in ast.walk(top):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)  # says nothing to us
    return source


def _is_source_of(tree: ast.FunctionDef, code: CodeType) -> bool:
    """Whether the code was compiled from this text: lines aside, it is what the text compiles to."""
    # In a function that has the same names around it, and in the class whose private names it may use.
    around: list[ast.stmt] = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in code.co_freevars]
    if tree.name not in code.co_freevars:
        around.append(ast.Global([tree.name]))
    plain = ast.FunctionDef(tree.name, tree.args, tree.body, [], None)
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    outer: ast.stmt = ast.FunctionDef("outer", nothing, [*around, plain], [], None)
    parts = code.co_qualname.split(".")
    classes = [part for part, after in zip(parts, parts[1:]) if "<locals>" not in (part, after)]
    if classes:
        outer = ast.ClassDef(classes[-1], [], [], [outer], [])
    try:
        module = ast.fix_missing_locations(ast.Module([outer], []))
        made: CodeType = compile(module, code.co_filename, "exec", code.co_flags & _FUTURE, True)
    except RecursionError:
        return True  # nested so deeply that the translation refuses it
    for name in (*classes[-1:], "outer", tree.name):
        made = next(c for c in made.co_consts if isinstance(c, CodeType) and c.co_name == name)
    return _meaning(made) == _meaning(code)


def _meaning(code: CodeType) -> tuple[Any, ...]:
    """What code does, without its lines, and without what depends on the module around: a method of a name that is imported there
    is called by other instructions."""
    jumps = {*dis.hasjrel, *dis.hasjabs}
    kept: list[dis.Instruction] = []
    places: dict[int, int] = {}  # of what each jump leads to, among those that are kept
    for instruction in dis.get_instructions(code):
        places[instruction.offset] = len(kept)
        if instruction.opname not in ("PUSH_NULL", "CACHE", "EXTENDED_ARG"):
            kept.append(instruction)
    operations = [
        ("LOAD_ATTR" if i.opname == "LOAD_METHOD" else i.opname, places[i.argval] if i.opcode in jumps else repr(i.argval))
        for i in kept
    ]
    count = code.co_argcount + code.co_kwonlyargcount
    return operations, code.co_varnames[:count], code.co_argcount, code.co_posonlyargcount, code.co_freevars


def _changed(function: FunctionType, what: str) -> Error:
    code = function.__code__
    return error(
        "python-function",
        f"{what} '{function.__name__}' is not what '{code.co_filename}' has at its place: the file has changed since it was imported",
        "start the program again, or import the module again with importlib.reload",
        code.co_filename,
        code.co_firstlineno,
    )


def at(source: Source, node: ast.AST, id: str, message: str, hint: str) -> Error:
    """An error at the line of a node."""
    return error(id, message, hint, source.file, getattr(node, "lineno", source.tree.lineno))


def _described(value: object) -> str:
    if inspect.ismethod(value):
        return f"the method {value.__qualname__}"
    return f"the class {value.__name__}" if isinstance(value, type) else f"an object of type {type(value).__name__}"


def _check_parameters(source: Source, what: str) -> None:
    arguments = source.tree.args
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            raise at(source, star, "python-form", f"{what} takes *{star.arg}", "name each parameter")
    first = (arguments.posonlyargs + arguments.args)[:1]
    if first and first[0].arg in ("self", "cls"):
        raise at(
            source,
            source.tree,
            "python-function",
            f"{what} is made of a plain function; '{source.name}' is a method",
            "define it outside of the class and pass what it needs",
        )


# What Python allows and bodies do not: what it is called, and what to write.
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.While: ("a while loop", "write `for i in ib.range(n):`; a loop says how often it runs"),
    ast.Break: ("break", "a loop of a kernel runs to its end: bound it by `ib.range(a, b)`, or decide by `if` inside"),
    ast.Continue: ("continue", "put the rest of the loop's body under an `if`"),
    ast.Try: ("try", "leave it out: nothing raises inside a kernel"),
    ast.TryStar: ("try", "leave it out: nothing raises inside a kernel"),
    ast.Raise: ("raise", "state what must hold with ib.assume(...)"),
    ast.Assert: ("assert", "write ib.assume(condition); it is checked when the kernel runs"),
    ast.Global: ("global", "values from outside are read by name; results go through Out parameters"),
    ast.Nonlocal: ("nonlocal", "values from outside are read by name; results are returned"),
    ast.Import: ("an import", "import at the top of the file"),
    ast.ImportFrom: ("an import", "import at the top of the file"),
    ast.FunctionDef: ("a function", "define the sub-kernel outside of it, and pass what it needs"),
    ast.AsyncFunctionDef: ("async", "define sub-kernels with `def`"),
    ast.AsyncFor: ("async", "write `for`"),
    ast.AsyncWith: ("async", "write `with`"),
    ast.Await: ("await", "leave it out"),
    ast.ClassDef: ("a class", "define it outside; bodies have numbers, indices, tiles and tensors"),
    ast.Delete: ("del", "leave it out: a tile ends with the block that makes it"),
    ast.Match: ("match", "write `if` and `elif`"),
    ast.Lambda: ("lambda", "define a sub-kernel with `def`, outside of the body"),
    ast.ListComp: ("a comprehension", "write a loop; over constants, `for i in range(4):` is unrolled"),
    ast.SetComp: ("a comprehension", "write a loop; over constants, `for i in range(4):` is unrolled"),
    ast.DictComp: ("a comprehension", "write a loop; over constants, `for i in range(4):` is unrolled"),
    ast.GeneratorExp: ("a comprehension", "write a loop; over constants, `for i in range(4):` is unrolled"),
    ast.NamedExpr: ("`:=`", "write the assignment as a statement before"),
    ast.Starred: ("a starred expression", "write the values one by one"),
    ast.Yield: ("yield", "store results through Out parameters"),
    ast.YieldFrom: ("yield", "store results through Out parameters"),
    ast.Dict: ("a dictionary", "use plain names"),
    ast.Set: ("a set", "use plain names"),
    ast.List: ("a list", "write a tuple of constants, or tiles under names of their own"),
}


def _check_body(source: Source) -> None:
    for statement in source.body:
        for node in ast.walk(statement):
            refused = _REFUSED.get(type(node))
            if refused:
                raise at(source, node, "python-form", f"{refused[0]} in the body of '{source.name}'", refused[1])
            if isinstance(node, (ast.For, ast.While)) and node.orelse:
                raise at(source, node, "python-form", "`else` of a loop", "write what follows behind the loop")
            if isinstance(node, ast.Assign) and len(node.targets) > 1:
                raise at(
                    source, node, "python-form", "an assignment to several names at once", "write one assignment for each name"
                )


def free_names(source: Source) -> dict[str, ast.Name]:
    """The names that the body reads and does not bind, each with its first use."""
    arguments = source.tree.args
    bound = {a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs}
    nodes = [node for statement in source.body for node in ast.walk(statement) if isinstance(node, ast.Name)]
    bound |= {node.id for node in nodes if not isinstance(node.ctx, ast.Load)}
    free: dict[str, ast.Name] = {}
    for node in nodes:
        if node.id not in bound:
            free.setdefault(node.id, node)
    return free
