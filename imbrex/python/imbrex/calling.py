"""Kernels as objects that are called: from arrays and constants to a program, compiled once for each set of constants."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import warnings
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NamedTuple

from . import arrays as arrays_of
from ._imbrex import Caller
from .errors import Error, error, error_at_caller, level_of_caller, shown
from .once import Once
from .signature import Signature
from .sizes import Dim, evaluate, names_in

if TYPE_CHECKING:
    from ._imbrex import Bound, Compiled, Program
    from .signature import Sizes, TensorParameter

MANY_SETS = 9  # of constants: more than a kernel should be compiled for


class Variant:
    """A kernel for one set of constants: translated and compiled once each, whatever threads ask for it."""

    def __init__(self, constants: dict[str, Any], program: Callable[[], Program], compiled: Compiled | None = None) -> None:
        self.constants = constants
        self._program = Once(program)
        self._compiled = Once(lambda: compiled or self.program.compile())
        if compiled is not None:
            self._compiled.get()

    @property
    def program(self) -> Program:
        return self._program.get()

    @property
    def compiled(self) -> Compiled:
        return self._compiled.get()

    @property
    def is_compiled(self) -> bool:
        return self._compiled.is_made


class Tap(NamedTuple):
    """A value that a kernel shows by ``ib.tap``."""

    name: str
    value: Any  # an array [rows, columns]
    indices: tuple[int, ...]  # of the loops around it


class Exported(NamedTuple):
    """The files that ``kernel.export`` wrote."""

    library: str  # for ``ib.load``, and for programs that link it
    header: str  # in C
    sources: tuple[str, ...]  # that the library was built from


class Difference(NamedTuple):
    """How an output of the compiled kernel differs from the interpreter's."""

    tensor: str
    elements: int  # that differ
    first: tuple[int, ...]
    compiled: float
    interpreted: float
    largest: float  # difference


class Comparison(NamedTuple):
    """What ``kernel.compare`` found; true where all bits are equal."""

    outputs: tuple[str, ...]
    differences: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        if not self.differences:
            return f"{', '.join(self.outputs)}: the bits of the interpreter"
        return "\n".join(
            f"{d.tensor}: {d.elements} elements differ, first {list(d.first)}: {d.compiled!r} compiled, {d.interpreted!r} "
            f"interpreted; at most by {d.largest!r}"
            for d in self.differences
        )


class Call(NamedTuple):
    """The arguments of one call, understood."""

    variant: Variant
    tensors: dict[str, Any]  # all of them, by name, in the program's order
    sizes: dict[str, int]
    named_dims: dict[str, int]

    @property
    def needs_no_compiler(self) -> bool:
        """Without rows there is nothing to write, or the call is refused: the interpreter knows which."""
        return 0 in self.sizes.values() and not self.variant.is_compiled


class Binding:
    """A kernel with its arrays: call it again and again. Weights are packed and arrays are checked once, by ``kernel.bind``."""

    def __init__(self, bound: Bound | None, result: Any) -> None:
        self._bound, self._result = bound, result

    def __call__(self) -> Any:
        """Runs the kernel; returns its outputs."""
        if self._bound is not None:
            self._bound()
        return self._result


def is_text(value: Any) -> bool:
    """A string that C has, too: of UTF-8, without NUL."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a half of a character, as names of files that are not UTF-8 have
        return False
    return True


def is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and is_text(os.fspath(value))


def _are_texts(value: Any) -> bool:
    return is_text(value) or (isinstance(value, Sequence) and not isinstance(value, bytes) and all(map(is_text, value)))


# What methods take beside sizes and constants: whether a value is possible, and what is.
_OWN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "target": (is_text, "give the name of a target in quotes, or None"),
    "targets": (_are_texts, "give a list of names of targets in quotes"),
    "path": (is_path, 'give a path, path="page.html"'),
    "directory": (is_path, 'give a path, directory="kernels"'),
    "measure": (lambda value: isinstance(value, bool), "give True or False"),
    "optimize": (lambda value: isinstance(value, bool), "give True or False"),
}


class CallableKernel(Caller):
    """What is called with arrays: inputs by position or name, outputs and constants by name."""

    def __init__(self, name: str, signature: Signature) -> None:
        super().__init__()
        self.name = name
        self.signature = signature
        self._variants: dict[tuple[Any, ...], Variant] = {}
        self._outputs_type: Any = None

    def _translate(self, constants: Mapping[str, Any]) -> Program:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<kernel {self.signature.text()}>"

    # A kernel does not change, so that it is its own copy.
    def __copy__(self) -> CallableKernel:
        return self

    def __deepcopy__(self, memo: Mapping[int, Any]) -> CallableKernel:
        return self

    @property
    def captured(self) -> dict[str, Any]:
        """What a kernel took from outside when it was made, by name: nothing, unless it is a function of Python's."""
        return {}

    # ---- programs

    def program(self, /, **constants: Any) -> Program:
        """The tile program for these constants, as it is written."""
        return self._variant_of(constants)[0].program

    def text(self, /, **constants: Any) -> str:
        """The program as text."""
        return self.program(**constants).text

    # The arguments of methods go by position or name. A size or constant of the kernel that has the name of one is what the name means.

    def optimized(self, target: str | None = None, /, **constants: Any) -> str:
        """The optimized program as text: the kernel that one should have written."""
        target = self._own("target", target, None, constants)
        return self.program(**constants).optimize(target).text

    def check(self, target: str | None = None, /, **sizes: Any) -> str:
        """Proves, for every size, that rows are neither lost nor shared, and that accesses are inside.

        With a target and its dimensions, ``check("a2a3", D=4096, T=128)``, also that tiles fit there. Returns what is proven, as text.
        Error with a counterexample for a kernel that is refused.
        """
        target = self._own("target", target, None, sizes)
        variant, dims = self._variant_of(sizes)
        return variant.program.check(target, dims)

    def explain(self, target: str | None = None, /, **sizes: Any) -> str:
        """What the optimizer made of the kernel, and why: scopes, choices with what was rejected, tensors that are gone, estimates.

        Dimensions, ``explain(D=4096, T=128)``, are for bytes and estimates; those that are not given have their typical values.
        """
        target = self._own("target", target, None, sizes)
        variant, dims = self._variant_of(sizes)
        return variant.program.explain(target, dims)

    def report(
        self, path: str | os.PathLike[str] | None = None, target: str | None = None, measure: bool = False, /, **sizes: Any
    ) -> str:
        """The kernel as a page of HTML that needs nothing else: its programs side by side, choices, tensors, estimates.

        A kernel that is refused is shown with pictures of its counterexamples. `measure` compiles and runs one that is proven, on
        seeded inputs, and puts what each scope took beside its estimate. Written to `path` where one is given.
        """
        path = self._own("path", path, None, sizes)
        target = self._own("target", target, None, sizes)
        measure = self._own("measure", measure, False, sizes)
        variant, dims = self._variant_of(sizes)
        page = variant.program.report(target, dims, measure)
        if path is not None:
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(page)
            except OSError as problem:
                message = f"cannot write '{os.fspath(path)}': {problem.strerror}"
                raise error_at_caller("file-unwritable", message, "a file in a folder that you may write to") from None
        return page

    def _repr_html_(self) -> str:
        """A card for notebooks."""
        from .card import card_of

        return card_of(self)

    def generated_code(self, target: str | None = None, optimize: bool = True, /, **constants: Any) -> str:
        """The C++ that is compiled."""
        target = self._own("target", target, None, constants)
        optimize = self._own("optimize", optimize, True, constants)
        return self.program(**constants).generated_code(target, optimize)

    def export(self, directory: str | os.PathLike[str] = "", targets: str | Sequence[str] = (), /, **constants: Any) -> Exported:
        """Compiles ahead of time: a library for ``ib.load`` with its C header and sources, in `directory`.

        The library has code for each of `targets`, for all of this machine's architecture where none is named; the best that a
        machine runs is chosen there. Returns the paths.
        """
        directory = self._own("directory", directory, "", constants)
        targets = self._own("targets", targets, (), constants)
        if not os.fspath(directory):
            raise error("python-arguments", f"export of {self.name} needs a directory", f'{self.name}.export("kernels")')
        names = (targets,) if isinstance(targets, str) else targets
        library, header, *sources = self.program(**constants).export(os.fspath(directory), names)
        return Exported(library, header, tuple(sources))

    def _own(self, name: str, value: Any, default: Any, keywords: dict[str, Any]) -> Any:
        """The value of a method's own argument; takes it out of `keywords` unless the kernel has a size or constant of that name."""
        if name in keywords and name not in self.signature.names_of_values:
            if value is not default:
                raise error("python-arguments", f"'{name}' is given twice, by position and by name", "give it once")
            value = keywords.pop(name)
        is_possible, hint = _OWN[name]
        if value is not default and not is_possible(value):
            raise error("option-value", f"the argument '{name}' of a method of {self.name} is {shown(value)}", hint)
        return value

    def _variant_of(self, keywords: dict[str, Any]) -> tuple[Variant, dict[str, int]]:
        """The kernel for the constants among these, and the dimensions among them."""
        values = self.signature.build_values(keywords)
        sizes = self.signature.named_sizes(keywords)
        return self._variant(values, sizes.values), self._dims_of(sizes)

    def _dims_of(self, sizes: Sizes) -> dict[str, int]:
        return {name: value for name, value in sizes.values.items() if name in self.signature.dims}

    def _variant(self, values: dict[str, Any], sizes: Mapping[str, int]) -> Variant:
        constants = dict(values)
        for name in self.signature.consts:
            if name not in sizes:
                raise error(
                    "const-missing", f"{self.name} is built for a fixed {name}, which is not given", f"give it by name: {name}=128"
                )
            if sizes[name] < 1:
                raise error("option-value", f"{name} of {self.name} is {sizes[name]}", "give a size of at least 1")
            constants[name] = sizes[name]
        key = tuple(value.hex() if isinstance(value, float) else value for value in constants.values())  # -0.0 is not 0.0
        variant = self._variants.get(key)
        if variant is None:
            new = Variant(constants, lambda: self._translate(constants))
            variant = self._variants.setdefault(key, new)
            try:
                variant.program  # noqa: B018  # a set that cannot be translated is none of the kernel's
            except BaseException:
                self._variants.pop(key, None)
                raise
            if variant is new and len(self._variants) == MANY_SETS:
                warnings.warn(
                    f"{self.name} is built for {MANY_SETS} sets of constants, each of which is compiled by itself; "
                    f"make what changes often a dimension, {' or '.join(constants)}",
                    stacklevel=level_of_caller(),
                )
        return variant

    # ---- calls

    def _call(self, /, *inputs: Any, **named: Any) -> Any:
        """The general way, for a call that is like none that was prepared."""
        call = self._understood(inputs, dict(named))
        if call.needs_no_compiler or os.environ.get("IMBREX_INTERPRET") == "1":
            self._interpret(call)
        else:
            self._run(call, inputs, named)
        return self._result(call.tensors)

    def interpret(self, /, *inputs: Any, **named: Any) -> Any:
        """Runs the kernel as it is defined, statement by statement; returns its outputs."""
        call = self._understood(inputs, named)
        self._interpret(call)
        return self._result(call.tensors)

    def taps(self, /, *inputs: Any, **named: Any) -> list[Tap]:
        """The values that ``ib.tap`` shows, in the order in which they come, from a run of the interpreter."""
        call = self._understood(inputs, named)
        import numpy

        shown = self._interpret(call, taps=True)
        return [
            Tap(name, numpy.frombuffer(data, arrays_of.numpy_dtype(dtype)).reshape(rows, columns), tuple(indices))
            for name, data, dtype, rows, columns, indices in shown
        ]

    def compare(self, /, *inputs: Any, **named: Any) -> Comparison:
        """Runs the compiled kernel and the interpreter on the same inputs, and compares the bits of what they write."""
        written = [t for t in self.signature.tensors if t.role in ("output", "inout")]
        call = self._understood(inputs, named)
        other = {t.name: arrays_of.copy_of(call.tensors[t.name]) for t in written}
        if call.needs_no_compiler:
            self._interpret(call)
        else:
            self._interpret(call._replace(tensors={**call.tensors, **other}))
            call.variant.compiled.run(list(call.tensors.values()), call.named_dims or None)
        differences = [_difference(t.name, t.dtype, call.tensors[t.name], other[t.name]) for t in written]
        return Comparison(tuple(t.name for t in written), tuple(d for d in differences if d is not None))

    def bind(self, /, *inputs: Any, **named: Any) -> Binding:
        """Checks the arrays and packs the weights, once; call the result again and again. The arrays stay alive with it."""
        call = self._understood(inputs, named)
        bound = None
        if call.needs_no_compiler:
            self._interpret(call)
        else:
            bound = call.variant.compiled.bind(list(call.tensors.values()), call.named_dims)
        return Binding(bound, self._result(call.tensors))

    def _understood(self, inputs: Sequence[Any], keywords: dict[str, Any]) -> Call:
        from ._imbrex import describe

        signature = self.signature
        given = signature.arranged(inputs, keywords)
        values = signature.build_values(keywords)
        sizes = signature.named_sizes(keywords)
        named_dims = self._dims_of(sizes)
        signature.infer({name: tuple(describe(array, name)[1]) for name, array in given.items()}, sizes)
        variant = self._variant(values, sizes.values)
        as_torch = arrays_of.are_torch(given.values())
        for name, array in given.items():
            if type(array).__module__.startswith("numpy.ma"):
                raise error("not-an-array", f"'{name}' of {self.name} is a masked array", "give its elements: array.filled(0)")
        tensors = {}
        for tensor in signature.tensors:
            array = given.get(tensor.name)
            if array is None:
                array = arrays_of.empty(tensor.dtype, signature.shape_of(tensor, sizes.values), as_torch)
            tensors[tensor.name] = array
        return Call(variant, tensors, self._dims_of(sizes), named_dims)

    def _run(self, call: Call, inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
        try:
            compiled = call.variant.compiled
        except Error as problem:
            if problem.id != "no-compiler":
                raise
            warnings.warn(f"{self.name} is interpreted, which is slow: {problem.message}; {problem.hint}", stacklevel=level_of_caller())
            self._interpret(call)
            return
        compiled.run(list(call.tensors.values()), call.named_dims or None)
        self._remember(compiled, call, inputs, named)

    def _interpret(self, call: Call, taps: bool = False) -> list[Any]:
        return call.variant.program.interpret(call.tensors, call.sizes, taps)

    def _result(self, tensors: Mapping[str, Any]) -> Any:
        outputs = [t.name for t in self.signature.outputs]
        if len(outputs) == 1:
            return tensors[outputs[0]]
        if not outputs:
            return None
        return self._outputs()(*(tensors[name] for name in outputs))

    def _outputs(self) -> Any:
        if self._outputs_type is None:
            self._outputs_type = _named_tuple(f"{self.name}_outputs", [t.name for t in self.signature.outputs])
        return self._outputs_type

    # ---- the same call again

    def _remember(self, compiled: Compiled, call: Call, inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
        """Prepares the next call like this one: the compiled kernel itself checks that the arrays fit."""
        signature = self.signature
        constants = {constant.name for constant in signature.constants}
        names = [t.name for t in signature.inputs[: len(inputs)]] + list(named)
        has_sizes = any(name in signature.dims or name in signature.consts for name in named)
        if not inputs or has_sizes or any(array is None for array in named.values()):
            return
        if any(type(named[name]) not in (int, float, bool) for name in constants if name in named):
            return  # of a class of the caller's own, whose comparison is code
        outputs = [t.name for t in signature.outputs]
        made = [t for t in signature.outputs if t.name not in names]
        make_outputs = _maker_of_outputs(signature, names, made, call) if made else None
        if made and make_outputs is None:
            return
        arrays = [*names, *(t.name for t in made)]
        self._prepare(
            [type(array) for array in inputs],
            [(sys.intern(name), type(value), value if name in constants else None) for name, value in named.items()],
            [arrays.index(tensor.name) for tensor in signature.tensors],
            compiled,
            [arrays.index(name) for name in outputs],
            self._outputs() if len(outputs) > 1 else None,
            make_outputs,
        )


def _maker_of_outputs(
    signature: Signature, given: list[str], made: list[TensorParameter], call: Call
) -> Callable[..., tuple[Any, ...]] | None:
    """A function of all arguments that makes these outputs; none where their shapes do not follow simply."""
    as_torch = arrays_of.are_torch(call.tensors[name] for name in given if name in call.tensors)
    makers, scope = [], {}
    for tensor in made:
        extents = [_extent_text(signature, given, size, call) for size in tensor.shape]
        if None in extents:
            return None
        makers.append(f"empty_{tensor.name}(({', '.join(e or '' for e in extents)},))")
        scope[f"empty_{tensor.name}"] = _maker(tensor.dtype, as_torch)
    parameters = ", ".join(f"a_{name}" for name in given)
    return eval(f"lambda {parameters}: ({', '.join(makers)},)", scope)  # type: ignore[no-any-return]  # names are parameters'


def _maker(dtype: str, as_torch: bool) -> Callable[[tuple[int, ...]], Any]:
    if as_torch:
        return functools.partial(importlib.import_module("torch").empty, dtype=arrays_of.torch_dtype(dtype))
    import numpy

    return functools.partial(numpy.empty, dtype=arrays_of.numpy_dtype(dtype))


def _extent_text(signature: Signature, given: list[str], size: Any, call: Call) -> str | None:
    """How the extent of an output follows from the arrays: a number, or an axis of one that is given."""
    if not isinstance(size, Dim):
        if any(isinstance(name, Dim) for name in names_in(size)):
            return None
        return str(evaluate(size, call.variant.constants))
    for tensor in signature.tensors:
        if tensor.name in given:
            for axis, other in enumerate(tensor.shape):
                if isinstance(other, Dim) and other.name == size.name:
                    return f"a_{tensor.name}.shape[{axis}]"
    return None


def _named_tuple(name: str, fields: list[str]) -> Any:
    # Outputs whose names Python has for something else are `_0`, `_1`, by their numbers.
    return namedtuple(name if name.isidentifier() and not iskeyword(name) else "outputs", fields, rename=True)


def _difference(name: str, dtype: str, compiled: Any, interpreted: Any) -> Difference | None:
    import numpy

    places = numpy.argwhere(arrays_of.as_bits(compiled) != arrays_of.as_bits(interpreted))
    if len(places) == 0:
        return None
    first = tuple(int(i) for i in places[0])
    a, b = arrays_of.as_numbers(compiled, dtype), arrays_of.as_numbers(interpreted, dtype)
    with numpy.errstate(invalid="ignore"):
        largest = float(numpy.nanmax(numpy.abs(a - b), initial=0.0))
    return Difference(name, len(places), first, float(a[first]), float(b[first]), largest)
