"""Kernels as operators of PyTorch. Needs torch, which is imported with this module."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._imbrex import Operator, require_no_gradient
from .arrays import torch_dtype
from .calling import CallableKernel
from .errors import error, error_at_caller, shown
from .registered import RegisteredKernel
from .signature import MISSING, Signature
from .sizes import Const, Dim, evaluate, solve

try:
    _torch: Any = importlib.import_module("torch")
except ImportError:
    raise error("no-torch", "torch is not installed", "pip install torch; kernels take NumPy arrays without it") from None


class Defined:
    """An operator that is defined: torch keeps its name and schemas for ever, and its kernel may be replaced by one of the same."""

    def __init__(self, name: str, kernel: CallableKernel) -> None:
        self.schemas = _schemas(kernel.signature)
        self.forms = [Operator(kernel, returns_outputs=not form) for form in range(len(self.schemas))]
        for suffix, schema, form in zip(("", "_out"), self.schemas, self.forms):
            _define(name + suffix, schema, form)

    def replace(self, kernel: CallableKernel) -> None:
        for form in self.forms:
            form.kernel = kernel


_defined: dict[str, Defined] = {}


def op(kernel: CallableKernel | RegisteredKernel, name: str = "", namespace: str = "imbrex") -> Any:
    """Makes operators of a kernel: ``torch.ops.imbrex.NAME``, which returns its outputs, and ``NAME_out``, which is given them.

    Returns the first. A kernel that only changes its arguments has no second. Inputs are positional; constants, and outputs of the
    second, go by name. Both have shape implementations, so that ``torch.compile`` takes them. Strided tensors are not copied where
    the kernel takes their strides. Another kernel with the same parameters replaces the one that the operator had before.
    """
    if isinstance(kernel, RegisteredKernel):
        kernel = kernel.of()
    if not isinstance(kernel, CallableKernel):
        raise error_at_caller("wrong-kind", f"ib.torch.op makes operators of kernels; got {shown(kernel)}", "decorate it with @ib.kernel")
    name = name or kernel.name
    wrong = _why_no_operator(kernel.signature, name, namespace)
    if wrong:
        raise error_at_caller(*wrong)
    full = f"{namespace}::{name}"
    defined = _defined.get(full)
    if defined is None:
        try:
            _defined[full] = Defined(full, kernel)
        except RuntimeError as problem:
            raise error_at_caller("duplicate-name", f"torch refuses the operator {full}: {problem}", 'give it a name: name="other"') from None
    elif defined.schemas == _schemas(kernel.signature):
        defined.replace(kernel)
    else:
        message = f"the operator {full} is defined, with other parameters: {defined.schemas[0]}"
        raise error_at_caller("duplicate-name", message, 'give it another name: ib.torch.op(kernel, name="other")')
    return getattr(getattr(_torch.ops, namespace), name).default


def _why_no_operator(signature: Signature, name: str, namespace: str) -> tuple[str, str, str] | None:
    """Id, message and hint where torch cannot call the kernel."""
    for word in (name, namespace):
        if not (word.isascii() and word.isidentifier()):
            return "bad-name", f"{word!r} is no name of an operator", 'give it one of letters and digits: name="scale"'
    if not signature.inputs:
        return "wrong-kind", f"{name} has no tensor among its inputs, and torch chooses an operator by them", "call the kernel itself"
    for constant in signature.constants:
        if isinstance(constant.default, float) and not math.isfinite(constant.default):
            message = f"the default of '{constant.name}' of {name} is {constant.default}, which a schema of torch cannot say"
            return "option-value", message, "leave the default out, and give the value by name"
    given = {size.name for t in signature.inputs for sizes in (t.dims, t.consts) for size in sizes}
    for size in (*signature.dims, *signature.consts):
        if size not in given:
            return "dim-missing", f"no input of {name} gives {size}, and an operator takes no sizes", f"make it a parameter: `{size}: int`"
    return None


def _define(name: str, schema: str, operator: Operator) -> None:
    library = _torch.library
    library.define(name, schema)
    library.impl(name, "CPU")(operator)
    library.register_fake(name)(_shapes(operator))


def _schemas(signature: Signature) -> list[str]:
    """Of the form that returns its outputs, and of the one that is given them, where there are any."""
    return [_schema(signature, gives_outputs) for gives_outputs in ((False, True) if signature.outputs else (False,))]


def _schema(signature: Signature, gives_outputs: bool) -> str:
    """The operator's declaration, in torch's language of schemas."""
    aliases = (f"a{number}" for number in itertools.count())
    positional = [f"Tensor({next(aliases)}!) {t.name}" if t.role == "inout" else f"Tensor {t.name}" for t in signature.inputs]
    named = [f"Tensor({next(aliases)}!) {t.name}" for t in signature.outputs] if gives_outputs else []
    for constant in signature.constants:
        default = "" if constant.default is MISSING else f"={constant.default}"
        named.append(f"{constant.type.__name__} {constant.name}{default}")
    results = "" if gives_outputs else ", ".join("Tensor" for _ in signature.outputs)
    arguments = ", ".join(positional + (["*", *named] if named else []))
    return f"({arguments}) -> {results if results and ',' not in results else f'({results})'}"


def _shapes(operator: Operator) -> Callable[..., Any]:
    """What torch calls instead of an operator where it follows a program: refuses gradients, which a compiled one would not have."""

    def made(*given: Any, **named: Any) -> Any:
        signature = operator.kernel.signature
        for tensor, array in (*zip(signature.inputs, given), *((t, named[t.name]) for t in signature.outputs if t.name in named)):
            require_no_gradient(array, tensor.name)
            if array.device != given[0].device:
                message = f"{tensor.name} is on the device {array.device}, and {signature.inputs[0].name} on {given[0].device}"
                raise error("array-device", message, "tensors of one device")
        return _made(signature, given) if operator.returns_outputs else None

    return made


def _made(signature: Signature, given: Sequence[Any]) -> Any:
    """Outputs of the shapes that the inputs give, which may be symbolic."""
    shapes = {tensor.name: array.shape for tensor, array in zip(signature.inputs, given)}
    signature.require_ranks(shapes)
    sizes = _sizes(signature, shapes)
    if not signature.outputs:
        return None
    outputs = tuple(
        given[0].new_empty(signature.shape_of(tensor, sizes), dtype=torch_dtype(tensor.dtype)) for tensor in signature.outputs
    )
    return outputs[0] if len(outputs) == 1 else outputs


def _sizes(signature: Signature, shapes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The sizes by name. Whether shapes agree is found by the call itself."""
    sizes: dict[str, Any] = {}
    axes = [(size, extent) for t in signature.inputs for size, extent in zip(t.shape, shapes[t.name])]
    for size, extent in axes:
        if isinstance(size, (Dim, Const)):
            sizes.setdefault(size.name, extent)
    for size, extent in axes:
        if not isinstance(size, (Dim, Const)) and evaluate(size, sizes) is None:
            solved = solve(size, extent, sizes)
            if solved:
                sizes.setdefault(*solved)
    return sizes
