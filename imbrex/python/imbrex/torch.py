"""Kernels as operators of PyTorch. Needs torch, which is imported with this module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .arrays import torch_dtype
from .calling import CallableKernel
from .errors import error
from .signature import MISSING, Signature
from .sizes import Const, Dim, evaluate, solve

try:
    _torch: Any = importlib.import_module("torch")
except ImportError:
    raise error("no-torch", "torch is not installed", "pip install torch; kernels take NumPy arrays without it") from None


def op(kernel: CallableKernel, name: str = "", namespace: str = "imbrex") -> Any:
    """Makes operators of a kernel: ``torch.ops.imbrex.NAME``, which returns its outputs, and ``NAME_out``, which is given them.

    Returns the first. A kernel that only changes its arguments has no second. Inputs are positional; constants, and outputs of the second, go by name. Both have shape implementations, so
    that ``torch.compile`` takes them. Strided tensors are not copied where the kernel takes their strides.
    """
    name = name or kernel.name
    signature = kernel.signature
    _define(f"{namespace}::{name}", _schema(signature, False), _functional(kernel), lambda *given, **named: _made(signature, given))
    if signature.outputs:
        _define(f"{namespace}::{name}_out", _schema(signature, True), _given(kernel), lambda *given, **named: None)
    return getattr(getattr(_torch.ops, namespace), name).default


def _define(name: str, schema: str, implementation: Callable[..., Any], shapes: Callable[..., Any]) -> None:
    library = _torch.library
    library.define(name, schema)
    library.impl(name, "CPU")(implementation)
    library.register_fake(name)(shapes)


def _schema(signature: Signature, gives_outputs: bool) -> str:
    """The operator's declaration, in torch's language of schemas."""
    aliases = iter("abcdefghijklmnopqrstuvwxyz")
    positional = [f"Tensor({next(aliases)}!) {t.name}" if t.role == "inout" else f"Tensor {t.name}" for t in signature.inputs]
    named = [f"Tensor({next(aliases)}!) {t.name}" for t in signature.outputs] if gives_outputs else []
    for constant in signature.constants:
        default = "" if constant.default is MISSING else f"={constant.default}"
        named.append(f"{constant.type.__name__} {constant.name}{default}")
    results = "" if gives_outputs else ", ".join("Tensor" for _ in signature.outputs)
    arguments = ", ".join(positional + (["*", *named] if named else []))
    return f"({arguments}) -> {results if results and ',' not in results else f'({results})'}"


def _functional(kernel: CallableKernel) -> Callable[..., Any]:
    if len(kernel.signature.outputs) > 1:
        return lambda *given, **named: tuple(kernel(*given, **named))
    return kernel.__call__


def _given(kernel: CallableKernel) -> Callable[..., None]:
    def run(*given: Any, **named: Any) -> None:
        kernel(*given, **named)

    return run


def _made(signature: Signature, given: Sequence[Any]) -> Any:
    """Outputs of the shapes that the inputs give, which may be symbolic."""
    sizes = _sizes(signature, {tensor.name: array.shape for tensor, array in zip(signature.inputs, given)})
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
