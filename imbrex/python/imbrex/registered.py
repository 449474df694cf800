"""The kernels of the library, and programs as text, as objects that are called."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .calling import CallableKernel, Exported
from .errors import error
from .signature import Signature, TensorParameter
from .sizes import AnySize, Dim, Expression

if TYPE_CHECKING:
    from .calling import Tap
    from ._imbrex import Compiled, Program, TensorInfo


class ProgramKernel(CallableKernel):
    """A tile program that is called with arrays."""

    def __init__(self, program: Program) -> None:
        super().__init__(program.name, signature_of(program))
        self._program = program

    def _translate(self, constants: Mapping[str, Any]) -> Program:
        return self._program

    def __reduce__(self) -> Any:
        return ProgramKernel, (self._program,)


def signature_of(kernel: Program | Compiled) -> Signature:
    """What the tensors and dimensions of a program or a compiled kernel say."""
    tensors = tuple(_parameter(kernel.name, info) for info in kernel.tensors)
    return Signature(kernel.name, tensors, free=tuple(_dim(name) for name in kernel.dims))


def _dim(name: str) -> Dim:
    return Dim(name, 0, None, ("", 0))


def _parameter(kernel: str, info: TensorInfo) -> TensorParameter:
    return TensorParameter(info.name, info.role, info.dtype, tuple(_size(kernel, text) for text in info.shape))


_SYMBOLS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%"}


def _size(kernel: str, text: str) -> AnySize:
    """An extent, as programs print it. Names of dimensions may be words of Python's, and are numbered for its parser."""
    names: list[str] = []

    def numbered(name: re.Match[str]) -> str:
        names.append(name[0])
        return f"n{len(names) - 1}"

    def size(node: ast.expr) -> AnySize:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name):
            return _dim(names[int(node.id[1:])])
        if isinstance(node, ast.BinOp) and type(node.op) in _SYMBOLS:
            return Expression(_SYMBOLS[type(node.op)], size(node.left), size(node.right))
        raise error("not-comparable", f"{kernel} has a tensor with the extent {text}", "call it through the command `imbrex run`")

    return size(ast.parse(re.sub(r"[^\W\d]\w*", numbered, text), mode="eval").body)


class RegisteredKernel:
    """A kernel of the library: its variant, preset and options are constants, and go by name. ``help()`` lists them."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name: str = entry["name"]
        self.variants: list[str] = list(entry["variants"])
        self.presets: list[str] = [preset["name"] for preset in entry["presets"]]
        self.options: dict[str, str] = {option["name"]: option["description"] for option in entry["options"]}
        self.__doc__ = _document(self, entry)
        self._kernels: dict[tuple[Any, ...], ProgramKernel] = {}

    def __repr__(self) -> str:
        return f"<registered kernel {self.name}>"

    def __reduce__(self) -> Any:
        return _registered_kernel, (self.name,)

    def of(self, *, variant: str = "", preset: str = "", **options: Any) -> ProgramKernel:
        """The kernel for these options."""
        from ._imbrex import registered_program

        key = (variant, preset, *sorted(options.items()))
        if key not in self._kernels:
            self._kernels[key] = ProgramKernel(registered_program(self.name, variant, preset, options))
        return self._kernels[key]

    def _split(self, named: dict[str, Any]) -> tuple[ProgramKernel, dict[str, Any]]:
        mine = {name: named.pop(name) for name in ("variant", "preset", *self.options) if name in named}
        return self.of(**mine), named

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        kernel, rest = self._split(named)
        return kernel(*inputs, **rest)

    def bind(self, *inputs: Any, **named: Any) -> Any:
        kernel, rest = self._split(named)
        return kernel.bind(*inputs, **rest)

    def interpret(self, *inputs: Any, **named: Any) -> Any:
        kernel, rest = self._split(named)
        return kernel.interpret(*inputs, **rest)

    def compare(self, *inputs: Any, **named: Any) -> Any:
        kernel, rest = self._split(named)
        return kernel.compare(*inputs, **rest)

    def taps(self, *inputs: Any, **named: Any) -> list[Tap]:
        kernel, rest = self._split(named)
        return kernel.taps(*inputs, **rest)

    @property
    def captured(self) -> dict[str, Any]:
        """Kernels of the library take nothing from outside."""
        return {}

    def text(self, **options: Any) -> str:
        return self.of(**options).text()

    def optimized(self, target: str | None = None, **options: Any) -> str:
        return self.of(**options).optimized(target)

    def generated_code(self, target: str | None = None, optimize: bool = True, **options: Any) -> str:
        return self.of(**options).generated_code(target, optimize)

    def check(self, target: str | None = None, **named: Any) -> str:
        kernel, sizes = self._split(named)
        return kernel.check(target, **sizes)

    def explain(self, target: str | None = None, **named: Any) -> str:
        kernel, sizes = self._split(named)
        return kernel.explain(target, **sizes)

    def report(
        self, path: str | os.PathLike[str] | None = None, target: str | None = None, measure: bool = False, **named: Any
    ) -> str:
        kernel, sizes = self._split(named)
        return kernel.report(path, target, measure, **sizes)

    def export(self, directory: str | os.PathLike[str], targets: str | Sequence[str] = (), **options: Any) -> Exported:
        return self.of(**options).export(directory, targets)


def _document(kernel: RegisteredKernel, entry: Mapping[str, Any]) -> str:
    presets = [f"{preset['name']} ({preset['description']})" for preset in entry["presets"]]
    lines = [
        f"{kernel.name}: {entry['description']}.",
        "",
        f"variants: {', '.join(kernel.variants)}",
        f"presets: {', '.join(presets)}",
    ]
    lines += [f"{option['name']}: {option['rule']}, {option['description']}" for option in entry["options"]]
    return "\n".join(lines)


def _registered_kernel(name: str) -> Any:
    found: Any = Kernels()
    for part in name.split("/"):
        found = getattr(found, part)
    return found


class Kernels:
    """The registered kernels by their names: ``ib.kernels.nn.rms_norm``."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._found: dict[str, Any] = {}

    def _entries(self) -> dict[str, Mapping[str, Any]]:
        from ._imbrex import registered

        return {entry["name"]: entry for entry in registered()}

    def __dir__(self) -> list[str]:
        return sorted({name[len(self._path) :].partition("/")[0] for name in self._entries() if name.startswith(self._path)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._found:
            entries, path = self._entries(), self._path + name
            if path in entries:
                self._found[name] = RegisteredKernel(entries[path])
            elif any(known.startswith(path + "/") for known in entries):
                self._found[name] = Kernels(path + "/")
            else:
                raise AttributeError(f"no registered kernel is called {path}; there are {', '.join(entries)}")
        return self._found[name]
