"""Kernels that are written as Python functions."""

from __future__ import annotations

import ast
import functools
import importlib
import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .calling import CallableKernel
from .elements import TensorType
from .errors import Error, error
from .signature import MISSING, ConstantParameter, Signature, TensorParameter, typed
from .sizes import Dim

if TYPE_CHECKING:
    from types import FunctionType

    from ._imbrex import Annotation, Program
    from .front.capture import Captured
    from .front.source import Source
    from .sizes import Const


class Kernel(CallableKernel):
    """A kernel. Its function is parsed, never executed.

    Call it with arrays: inputs by position or name, outputs and constants by name; outputs that are not given are made and returned.
    ``check`` proves it, ``optimized`` shows what becomes of it, ``interpret``, ``taps`` and ``compare`` look inside,
    ``bind`` prepares repeated calls, ``export`` compiles it ahead of time. ``captured`` lists what it took from outside.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str = "",
        pins: tuple[Annotation, ...] = (),
        local: Mapping[str, Any] | None = None,
    ) -> None:
        from .front.capture import capture
        from .front.source import source_of

        source = source_of(function, "a kernel")
        self._pins = pins
        self._captured = capture(source)
        super().__init__(name or source.name, _signature(name or source.name, self._captured, local or {}))
        functools.update_wrapper(self, function)

    @property
    def captured(self) -> dict[str, Any]:
        """What the kernel and its sub-kernels took from outside when it was decorated, by name."""
        listed: dict[str, Any] = {}
        for captured in self._captured.functions.values():
            prefix = "" if captured is self._captured else captured.source.name + "."
            listed |= captured.listed(prefix)
        return listed

    def _translate(self, constants: Mapping[str, Any]) -> Program:
        from .front.build import build

        try:
            return build(self.name, self._captured, self.signature, constants, self._pins)
        except Error as problem:
            # The author's lines are in the message; those of the translation would hide them.
            raise problem.with_traceback(None) from None
        except RecursionError:
            source = self._captured.source
            raise error(
                "expression-size",
                f"an expression or a chain of calls in '{self.name}' is nested too deeply",
                "give parts of it names",
                source.file,
                source.tree.lineno,
            ) from None

    def __reduce__(self) -> Any:
        place: tuple[str, str] = self.__module__, self.__qualname__  # type: ignore[attr-defined]
        try:
            found = _named_kernel(*place)
        except (ImportError, AttributeError):
            found = None
        if found is not self:
            raise pickle.PicklingError(
                f"kernel '{self.name}' is not {'.'.join(place)}, where it would be looked for; define it at the top of a module"
            )
        return _named_kernel, place


def _named_kernel(module: str, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def _signature(name: str, captured: Captured, local: Mapping[str, Any]) -> Signature:
    source = captured.source
    arguments = source.tree.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    defaults = _defaults(source)
    tensors: list[TensorParameter] = []
    constants: list[ConstantParameter] = []
    for parameter in parameters:
        annotation = _annotation(source, parameter, local)
        default = defaults.get(parameter.arg, MISSING)
        if isinstance(annotation, TensorType):
            if default not in (MISSING, None):
                raise _at(source, parameter, f"'{parameter.arg}' is a tensor with a default value", "leave out the default")
            tensors.append(TensorParameter(parameter.arg, annotation.role, annotation.dtype, annotation.shape))
        elif annotation in (int, float, bool):
            constant = ConstantParameter(parameter.arg, annotation, default)
            if default is not MISSING:
                try:
                    typed(name, constant, default)
                except Error as problem:
                    raise _at(source, parameter, f"the default of {problem.message}", problem.hint) from None
            constants.append(constant)
        else:
            raise _at(
                source,
                parameter,
                f"'{parameter.arg}' is of no type that a kernel takes",
                f"write `{parameter.arg}: ib.Tensor[ib.f32, T, D]` for a tensor, or int, float or bool for a constant",
            )
    if not any(tensor.role in ("output", "inout") for tensor in tensors):
        raise _at(source, source.tree, f"the kernel '{name}' has no output", "add a parameter `y: ib.Out[ib.f32, T, D]`")
    free = tuple(size for function in captured.functions.values() for size in function.sizes)
    _check_names(source, parameters, tensors, free)
    return Signature(name, tuple(tensors), tuple(constants), free, {p.arg: p for p in parameters})


def _defaults(source: Source) -> dict[str, Any]:
    function: FunctionType = source.function
    arguments = source.tree.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    values = function.__defaults__ or ()
    return {**dict(zip(positional[len(positional) - len(values) :], values)), **(function.__kwdefaults__ or {})}


def _annotation(source: Source, parameter: Any, local: Mapping[str, Any]) -> Any:
    """The annotation, evaluated: names are the function's own, or local to where it is decorated."""
    function = source.function
    annotation = function.__annotations__.get(parameter.arg)
    if not isinstance(annotation, str):
        return annotation
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    names = {**local, **{name: cell.cell_contents for name, cell in cells}}
    try:
        return eval(annotation, function.__globals__, names)
    except NameError as problem:
        raise _at(source, parameter, f"in the type of '{parameter.arg}': {problem}", "define it above the kernel") from None
    except Error as problem:
        raise _at(source, parameter, f"in the type of '{parameter.arg}': {problem.message}", problem.hint) from None
    except Exception as problem:  # whatever an expression of the author's raises
        message = f"the type of '{parameter.arg}', {annotation!r}, has no value: {problem}"
        raise _at(source, parameter, message, f"write `{parameter.arg}: ib.Tensor[ib.f32, T, D]`") from None


def _check_names(
    source: Source, parameters: list[ast.arg], tensors: list[TensorParameter], free: tuple[Dim | Const, ...]
) -> None:
    """One name is not a dimension and a constant, and not a size and a parameter: calls give each by its name."""
    own = {parameter.arg: parameter for parameter in parameters}
    kinds: dict[str, type] = {}
    sizes: list[Dim | Const] = [*free]
    for tensor in tensors:
        sizes += [*tensor.dims, *tensor.consts]
    several = [tensor.name for tensor in tensors if tensor.role == "output"]
    for name in several if len(several) > 1 else ():
        if name.startswith("_"):
            message = f"'{name}' is one of several outputs, which come back as a named tuple"
            raise _at(source, own[name], message, f"begin its name with a letter: `{name.strip('_') or 'y'}`")
    for size in sizes:
        if kinds.setdefault(size.name, type(size)) is not type(size):
            raise _at(source, source.tree, f"{size.name} is a dimension and a constant", "give them different names")
        if size.name in own:
            what = "dimension" if isinstance(size, Dim) else "constant"
            message = f"'{size.name}' is a parameter, and the name of a {what} of the kernel"
            raise _at(source, own[size.name], message, "give the parameter another name")


def _at(source: Source, node: Any, message: str, hint: str) -> Exception:
    return error("python-parameter", message, hint, source.file, node.lineno)
