"""What a kernel is called with: its parameters, and how the shapes of arrays give its sizes."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import error, shown
from .records import Record
from .sizes import AnySize, Const, Dim, evaluate, names_in, solve


class TensorParameter(Record):
    """A parameter that an array is given for."""

    name: str
    role: str  # "input", "weight", "output", "inout"
    dtype: str
    shape: tuple[AnySize, ...]

    @property
    def dims(self) -> list[Dim]:
        return [name for size in self.shape for name in names_in(size) if isinstance(name, Dim)]

    @property
    def consts(self) -> list[Const]:
        return [name for size in self.shape for name in names_in(size) if isinstance(name, Const)]

    def text(self) -> str:
        return f"{self.dtype}[{', '.join(_without_brackets(str(size)) for size in self.shape)}]"


def _without_brackets(text: str) -> str:
    return text[1:-1] if text.startswith("(") else text


class ConstantParameter(Record):
    """A parameter of type int, float or bool: a constant of the build."""

    name: str
    type: type
    default: Any  # or MISSING


MISSING: Any = object()


def typed(kernel: str, constant: ConstantParameter, value: Any) -> Any:
    """A value for a constant parameter, of its type."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    is_fitting = isinstance(value, constant.type) or (constant.type is float and isinstance(value, int))
    if not is_fitting or (isinstance(value, bool) and constant.type is not bool):
        raise error(
            "option-value",
            f"'{constant.name}' of {kernel} is {constant.type.__name__}; got {shown(value)}",
            f"give {'True or False' if constant.type is bool else 'a number'}",
        )
    try:
        return constant.type(value)
    except OverflowError:
        raise error(
            "option-value", f"'{constant.name}' of {kernel} is {shown(value)}, which no float has", "give a smaller number"
        ) from None


class Sizes(Record):
    """What a call's shapes and keywords say: the values of dimensions and constants."""

    values: dict[str, int]
    givers: dict[str, str]  # what gave each


class Signature(Record):
    kernel: str
    tensors: tuple[TensorParameter, ...]
    constants: tuple[ConstantParameter, ...] = ()
    free: tuple[Dim | Const, ...] = ()  # sizes of the body that no shape has
    nodes: Mapping[str, ast.arg] = {}  # of Python functions: where each parameter stands

    @property
    def inputs(self) -> tuple[TensorParameter, ...]:
        """What a call takes by position too."""
        return tuple(t for t in self.tensors if t.role != "output")

    @property
    def outputs(self) -> tuple[TensorParameter, ...]:
        return tuple(t for t in self.tensors if t.role == "output")

    @property
    def dims(self) -> dict[str, Dim]:
        free = [size for size in self.free if isinstance(size, Dim)]
        return {dim.name: dim for dim in (*(dim for tensor in self.tensors for dim in tensor.dims), *free)}

    @property
    def consts(self) -> dict[str, Const]:
        free = [size for size in self.free if isinstance(size, Const)]
        return {const.name: const for const in (*(const for tensor in self.tensors for const in tensor.consts), *free)}

    @property
    def names_of_values(self) -> set[str]:
        """What is given by name beside arrays: sizes and constants."""
        return {*self.dims, *self.consts, *(constant.name for constant in self.constants)}

    def text(self) -> str:
        parts = [t.name for t in self.inputs]
        parts += [f"{c.name}={'...' if c.default is MISSING else c.default}" for c in self.constants]
        parts += [f"{t.name}=..." for t in self.outputs]
        return f"{self.kernel}({', '.join(parts)})"

    # ---- arguments

    def arranged(self, positional: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        """The arrays by name; takes them out of `keywords`. Error for too many, two for one, or an input that is missing."""
        inputs = self.inputs
        if len(positional) > len(inputs):
            outputs = ", ".join(f"{t.name}=..." for t in self.outputs)
            hint = f"outputs and constants are given by name: {outputs}" if outputs else f"call it as {self.text()}"
            raise error("python-arguments", f"{self.kernel} takes {len(inputs)} arrays by position; got {len(positional)}", hint)
        arrays = {tensor.name: array for tensor, array in zip(inputs, positional)}
        for tensor in self.tensors:
            if tensor.name in keywords:
                if tensor.name in arrays:
                    raise error("python-arguments", f"'{tensor.name}' of {self.kernel} is given twice", f"call it as {self.text()}")
                array = keywords.pop(tensor.name)
                if array is not None:
                    arrays[tensor.name] = array
        missing = [tensor for tensor in inputs if arrays.get(tensor.name) is None]
        if missing:
            raise error(
                "tensor-missing",
                f"{self.kernel} needs '{missing[0].name}', {missing[0].text()}",
                f"call it as {self.text()}",
            )
        return arrays

    def build_values(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """The values of constant parameters; takes them out of `keywords`."""
        values: dict[str, Any] = {}
        for constant in self.constants:
            value = keywords.pop(constant.name, constant.default)
            if value is MISSING:
                raise error(
                    "const-missing", f"{self.kernel} needs a value for '{constant.name}'", f"give it by name: {constant.name}=..."
                )
            values[constant.name] = typed(self.kernel, constant, value)
        return values

    def named_sizes(self, keywords: dict[str, Any]) -> Sizes:
        """Sizes that are given by name; takes them out of `keywords`, of which nothing is left then."""
        sizes = Sizes({}, {})
        for name in [*self.dims, *self.consts]:
            if name in keywords and name not in sizes.values:
                value = keywords.pop(name)
                if isinstance(value, bool) or not hasattr(value, "__index__"):
                    raise error("option-value", f"{name} of {self.kernel} is {value!r}", "give a whole number")
                sizes.values[name] = self._in_range(name, value.__index__())
                sizes.givers[name] = f"the argument {name}={value}"
        if keywords:
            unknown = next(iter(keywords))
            raise error("python-arguments", f"{self.kernel} has no parameter '{unknown}'", f"call it as {self.text()}")
        return sizes

    def _in_range(self, name: str, value: int) -> int:
        if value < 0 or value >= 2**63:
            most = "2^63 - 1"
            raise error("dim-range", f"{name} of {self.kernel} is {shown(value)}, which is not between 0 and {most}", f"{name}=128")
        return value

    # ---- shapes

    def infer(self, shapes: Mapping[str, tuple[int, ...]], sizes: Sizes) -> None:
        """Adds the sizes that the shapes of arrays give. Error where two disagree, or a shape cannot be the parameter's."""
        pending = [
            (tensor, axis) for tensor in self.tensors if tensor.name in shapes for axis in range(len(self._fitting(tensor, shapes)))
        ]
        while pending:
            left = [place for place in pending if not self._use(*place, shapes, sizes)]
            if len(left) == len(pending):
                self._check_solvable(left, shapes, sizes)
                return
            pending = left

    def _check_solvable(
        self, places: list[tuple[TensorParameter, int]], shapes: Mapping[str, tuple[int, ...]], sizes: Sizes
    ) -> None:
        """Error for an axis whose extent no value of its one unknown name gives."""
        for tensor, axis in places:
            size = tensor.shape[axis]
            unknown = {name.name for name in names_in(size)} - set(sizes.values)
            if len(unknown) == 1:
                raise error(
                    "dim-conflict",
                    f"axis {axis} of '{tensor.name}' has {shapes[tensor.name][axis]} elements, and no {unknown.pop()} of {self.kernel} "
                    f"makes {_without_brackets(str(size))} that many",
                    f"give '{tensor.name}' as {tensor.text()}",
                )

    def require_ranks(self, shapes: Mapping[str, Sequence[Any]]) -> None:
        """Error for a shape with another number of axes than its parameter has."""
        for tensor in self.tensors:
            if tensor.name in shapes:
                self._fitting(tensor, shapes)

    def _fitting(self, tensor: TensorParameter, shapes: Mapping[str, Sequence[Any]]) -> tuple[AnySize, ...]:
        shape = shapes[tensor.name]
        if len(shape) != len(tensor.shape):
            raise error(
                "tensor-shape",
                f"'{tensor.name}' of {self.kernel} is {tensor.text()}, and has {len(tensor.shape)} axes; got {len(shape)}: {tuple(shape)}",
                "give an array with these axes",
            )
        return tensor.shape

    def _use(self, tensor: TensorParameter, axis: int, shapes: Mapping[str, tuple[int, ...]], sizes: Sizes) -> bool:
        size, extent = tensor.shape[axis], shapes[tensor.name][axis]
        giver = f"axis {axis} of '{tensor.name}'"
        value = evaluate(size, sizes.values)
        if value is None:
            solved = solve(size, extent, sizes.values)
            if solved is None:
                return False
            name, number = solved
            if number < 0:
                raise error(
                    "dim-range",
                    f"{giver} of {self.kernel} has {extent} elements, which makes {name} {number}",
                    f"give '{tensor.name}' as {tensor.text()}, with {name} of at least 0",
                )
            sizes.values[name] = number
            sizes.givers[name] = giver
        elif value != extent:
            names = [n.name for n in names_in(size)]
            if names:
                raise error(
                    "dim-conflict",
                    f"{_without_brackets(str(size))} of {self.kernel} is {value} by {sizes.givers[names[0]]}, and {extent} by {giver}",
                    "give arrays that agree",
                )
            raise error(
                "tensor-shape",
                f"{giver} of {self.kernel} has {extent} elements; the kernel fixes {value}",
                f"give '{tensor.name}' as {tensor.text()}",
            )
        return True

    def shape_of(self, tensor: TensorParameter, sizes: Mapping[str, int]) -> tuple[int, ...]:
        shape = [evaluate(size, sizes) for size in tensor.shape]
        if None in shape:
            size = tensor.shape[shape.index(None)]
            missing = next((n.name for n in names_in(size) if n.name not in sizes), str(size))
            raise error("dim-missing", f"no array gives {missing} of {self.kernel}", f"give it by name: {missing}=128")
        for extent, size in zip(shape, tensor.shape):
            if isinstance(extent, int) and extent < 0:  # torch may have symbols here
                given = ", ".join(f"{n.name} = {sizes[n.name]}" for n in names_in(size))
                raise error(
                    "dim-range",
                    f"'{tensor.name}' of {self.kernel} has {_without_brackets(str(size))} = {extent} elements along an axis, for {given}",
                    "give sizes for which no extent is negative",
                )
        return tuple(extent for extent in shape if extent is not None)
