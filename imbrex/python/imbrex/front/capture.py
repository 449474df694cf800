"""What the names of a body mean outside of it: taken once, when the kernel is decorated, so that later changes change nothing."""

from __future__ import annotations

import ast
import builtins
import difflib
from types import CellType, FunctionType, ModuleType
from typing import Any

from .. import habits, words
from ..elements import ElementType
from ..errors import Error
from ..sizes import Const, Dim, Size, names_in
from .source import Source, at, free_names, source_of

_WORDS = frozenset(getattr(words, name) for name in words.__all__)
_HABITS = (habits.Same, habits.ByAxis, habits.Refused, habits.Constant)


def is_constant(value: Any) -> bool:
    """A value that is known when the kernel is built, and never changes."""
    if isinstance(value, tuple):
        return all(is_constant(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str, ElementType))


def is_word(value: Any) -> bool:
    return isinstance(value, FunctionType) and value in _WORDS


class Captured:
    """A function and what it reads from outside: values by name, and members of modules."""

    def __init__(self, source: Source, functions: dict[FunctionType, Captured]) -> None:
        self.source = source
        self.functions = functions  # shared by all functions of a kernel
        self.names: dict[str, Any] = {}
        self.members: dict[tuple[str, str], Any] = {}
        self.defaults: dict[str, Any] = {}

    @property
    def sizes(self) -> list[Dim | Const]:
        """The dimensions and constants that it reads."""
        read = [value for value in (*self.names.values(), *self.members.values()) if isinstance(value, Size)]
        return [name for size in read for name in names_in(size)]

    def listed(self, prefix: str = "") -> dict[str, Any]:
        """Constants, dimensions and sub-kernels, by name; those of a sub-kernel behind its name."""
        found: dict[str, Any] = {}
        for name, value in self.names.items():
            if is_constant(value) or isinstance(value, Size) or value in self.functions:
                found[prefix + name] = value
        for (module, name), value in self.members.items():
            is_ours = module.split(".")[0] in ("imbrex", *habits.LIBRARIES)
            if not is_ours and (is_constant(value) or isinstance(value, FunctionType)):
                found[f"{prefix}{module}.{name}"] = value
        return found


def capture(source: Source, functions: dict[FunctionType, Captured] | None = None) -> Captured:
    """Takes what `source` and the sub-kernels it calls read from outside. Error for what a body cannot use."""
    functions = {} if functions is None else functions
    captured = Captured(source, functions)
    functions[source.function] = captured
    _take_defaults(captured)
    for name, node in free_names(source).items():
        captured.names[name] = _taken(captured, _outer(source, name, node), name, node)
    for statement in source.body:
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Attribute):
                _take_member(captured, inner)
    return captured


def _take_defaults(captured: Captured) -> None:
    function, arguments = captured.source.function, captured.source.tree.args
    positional = arguments.posonlyargs + arguments.args
    given = function.__defaults__ or ()
    for argument, value in zip(positional[len(positional) - len(given) :], given):
        captured.defaults[argument.arg] = _taken(captured, value, argument.arg, argument)
    for name, value in (function.__kwdefaults__ or {}).items():
        captured.defaults[name] = _taken(captured, value, name, captured.source.tree)


def _outer(source: Source, name: str, node: ast.AST) -> Any:
    function = source.function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    if name in cells:
        try:
            return cells[name].cell_contents
        except ValueError:
            raise at(
                source, node, "unknown-name", f"'{name}' has no value yet", "give it one before the kernel is defined"
            ) from None
    if name in function.__globals__:
        return function.__globals__[name]
    if hasattr(builtins, name):
        return getattr(builtins, name)
    known = [*cells, *function.__globals__, *(a.arg for a in source.tree.args.args)]
    raise at(source, node, "unknown-name", f"nothing is called '{name}' here", _nearest(name, known))


def variable_of(source: Source, dim: Dim) -> str:
    """The variable that has a dimension where a function is written; "" where none has it. One of its own name comes first."""
    function = source.function
    known: dict[str, Any] = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        known[name] = _content(cell)
    named = [name for name, value in known.items() if value is dim]
    return dim.name if dim.name in named else next(iter(named), "")


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it has no value yet
        return None


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean '{near[0]}'?" if near else "define it above the kernel, or correct the spelling"


def _taken(captured: Captured, value: Any, name: str, node: ast.AST) -> Any:
    """The value as the body has it: numbers of NumPy become Python's, functions are parsed."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if is_word(value) or is_constant(value) or isinstance(value, (Size, ModuleType, *_HABITS)):
        return value
    if isinstance(value, FunctionType) and value.__module__.split(".")[0] == "imbrex" and name in habits.FUNCTIONS:
        return habits.FUNCTIONS[name]  # `load` has another meaning here than in a body of Triton
    if isinstance(value, FunctionType) and value.__module__.split(".")[0] not in ("imbrex", *habits.LIBRARIES):
        if value not in captured.functions:
            capture(source_of(value, "a sub-kernel"), captured.functions)
        return value
    library = str(getattr(value, "__module__", "")).split(".")[0]
    if (library in habits.LIBRARIES or library == "builtins") and not hasattr(value, "shape"):
        habit = _habit_of(captured.source, value, library, node)
        if habit is not None:
            return habit
    raise _refused(captured.source, value, name, node)


def _habit_of(source: Source, value: Any, library: str, node: ast.AST) -> Any:
    """A function or type of another library as what it is here."""
    name = getattr(value, "__name__", None) or str(value).rpartition(".")[2]
    if library in ("math", "builtins"):
        return value if callable(value) else None
    found = habits.FUNCTIONS.get(name)
    return found.value if isinstance(found, habits.Constant) else found


def _take_member(captured: Captured, node: ast.Attribute) -> Any:
    """Resolves `module.name`, nested modules included; None where the left side is no module."""
    if isinstance(node.value, ast.Attribute):
        owner = _take_member(captured, node.value)
    else:
        owner = captured.names.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if not isinstance(owner, ModuleType):
        return None
    key = owner.__name__, node.attr
    if key not in captured.members:
        captured.members[key] = _member(captured, owner, node)
    return captured.members[key]


def _member(captured: Captured, module: ModuleType, node: ast.Attribute) -> Any:
    library = module.__name__.split(".")[0]
    habit = habits.FUNCTIONS.get(node.attr)
    if library == "imbrex":
        value = getattr(module, node.attr, habit)
        if value is None:
            hint = _nearest(node.attr, list(words.__all__))
            raise at(captured.source, node, "unknown-name", f"'{node.attr}' is no word of imbrex", hint)
        return value.value if isinstance(value, habits.Constant) else _taken(captured, value, node.attr, node)
    value = getattr(module, node.attr, None)
    if library != "math" and library in habits.LIBRARIES:
        if isinstance(habit, habits.Constant):
            return habit.value
        if habit is not None or isinstance(value, ModuleType):
            return habit or value
        raise at(
            captured.source,
            node,
            "python-habit",
            f"{module.__name__}.{node.attr} has no form in a kernel",
            "write it with the operations of imbrex; help(imbrex.words) lists them",
        )
    if value is None:
        raise at(captured.source, node, "unknown-name", f"'{module.__name__}' has no '{node.attr}'", "correct the spelling")
    return _taken(captured, value, node.attr, node)


def _refused(source: Source, value: Any, name: str, node: ast.AST) -> Error:
    kind = type(value).__name__
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        message, hint = f"'{name}' is an array outside of the kernel", f"pass it as a parameter: `{name}: ib.Tensor[ib.f32, N]`"
    elif hasattr(value, "optimized") and hasattr(value, "captured"):
        message, hint = f"'{name}' is a kernel, and a kernel calls no other", "move what both do into a plain function"
    elif isinstance(value, (list, dict, set)):
        message, hint = f"'{name}' is a {kind}, which can change", "use a tuple of constants"
    elif str(getattr(value, "__module__", "")).split(".")[0] == "imbrex":
        message, hint = f"'{name}' is used outside of kernels", "help(imbrex.words) lists what bodies are written with"
    else:
        message, hint = (
            f"'{name}' is an object of type {kind}",
            "bodies read numbers, strings, dtypes, tuples of them, and functions",
        )
    return at(source, node, "python-capture", message, hint)
