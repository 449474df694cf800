"""A kernel's definition, and the program that it becomes for one set of constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._imbrex import Builder, Program
from ..signature import Signature
from . import forms  # noqa: F401  declares what the words become
from .capture import Captured
from .front import Front
from .statements import run

if TYPE_CHECKING:
    from .._imbrex import Annotation


def build(
    name: str, captured: Captured, signature: Signature, constants: Mapping[str, Any], pins: Sequence[Annotation] = ()
) -> Program:
    """Translates the body. `constants` are the values of ib.const names and of plain parameters."""
    source = captured.source
    builder = Builder(name, source.file, source.tree.lineno)
    front = Front(builder, captured, constants)
    if pins:
        builder.pin(pins)
    for tensor in signature.tensors:
        for size in tensor.dims:
            front.dim(size)
    for tensor in signature.tensors:
        at = signature.nodes[tensor.name]
        shape = [front.to_index(front.size(size, at), at) for size in tensor.shape]
        made = front.at(at).tensor(tensor.role, tensor.name, tensor.dtype, shape)
        front.names.bind(tensor.name, made, at.lineno)
    for constant in signature.constants:
        front.names.bind(constant.name, constants[constant.name], source.tree.lineno)
    run(front, source.body)
    return builder.finish()
