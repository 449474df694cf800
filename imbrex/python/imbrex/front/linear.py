"""Differences of indices that are the same number whatever their names are."""

from __future__ import annotations

import ast
import functools
from collections import Counter

from .._imbrex import Index


def difference(a: Index, b: Index) -> int | None:
    """a - b where that is a constant: 64 of `i * 64 + 64` and `i * 64`."""
    terms = Counter(_terms(str(a)))
    terms.subtract(_terms(str(b)))
    constant = terms.pop("", 0)
    return None if any(terms.values()) else constant


@functools.lru_cache(maxsize=4096)
def _terms(text: str) -> Counter[str]:
    """The coefficients of an index as it is printed, by what they multiply; that of the constant is under ""."""
    return _of(ast.parse(text, mode="eval").body)


def _of(node: ast.expr) -> Counter[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return Counter({"": node.value})
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _scaled(_of(node.operand), -1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        left, right = _of(node.left), _of(node.right)
        if isinstance(node.op, ast.Mult):
            for one, other in ((left, right), (right, left)):
                if set(other) <= {""}:
                    return _scaled(one, other[""])
        else:
            left.update(right if isinstance(node.op, ast.Add) else _scaled(right, -1))
            return left
    return Counter({ast.unparse(node): 1})


def _scaled(terms: Counter[str], factor: int) -> Counter[str]:
    return Counter({term: factor * coefficient for term, coefficient in terms.items()})
