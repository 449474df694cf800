"""Random bodies: Python executes them on immutable values, and the interpreter runs what they are translated to."""

import os
import random
import types

import imbrex as ib
import numpy as np
import pytest

ROWS, COLUMNS = 3, 4


class Value:
    """A tile as Python would have it: operations make new ones."""

    def __init__(self, elements):
        self.elements = np.asarray(elements, np.float32)

    def _with(self, other, operation):
        return Value(operation(self.elements, np.float32(other.elements if isinstance(other, Value) else other)))

    def __add__(self, other):
        return self._with(other, np.add)

    def __sub__(self, other):
        return self._with(other, np.subtract)

    def __mul__(self, other):
        return self._with(other, np.multiply)

    def __rsub__(self, other):
        return Value(np.float32(other) - self.elements)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return Value(-self.elements)


class Array:
    """A tensor: slices are loaded and stored."""

    def __init__(self, elements):
        self.elements = elements

    def __getitem__(self, axes):
        return Value(self.elements[axes].copy())

    def __setitem__(self, axes, value):
        self.elements[axes] = value.elements if isinstance(value, Value) else value


class Scope:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return False


# The words that bodies use, executed.
EXECUTED = types.SimpleNamespace(
    range=range,
    at=lambda name: Scope(),
    max=lambda a, b: Value(np.maximum(a.elements, np.float32(b.elements if isinstance(b, Value) else b))),
    select=lambda c, a, b: Value(np.where(c.elements, a.elements, b.elements)),
)


class Writer:
    """Writes the statements of a body: tiles a to e, the constant n, indices of loops, sub-kernels, tuples p and q, stores to y."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.indices = []
        self.known = ["a", "b"]
        self.tuples = []  # of a tile and a tuple of four

    def one_of(self, *choices):
        return self.random.choice(choices)

    def operand(self):
        slices = ["x[:, :]", "y[:, :]"] + [f"x[{i}, :]" for i in self.indices] + [f"y[{i}, :]" for i in self.indices]
        parts = [f"{p}[0]" for p in self.tuples] + [f"{p}[1][{i}]" for p in self.tuples for i in range(4)]
        choices = [self.one_of(*self.known), self.one_of(*self.known), self.one_of(*slices), self.one_of("2", "0.5", "n")]
        return self.one_of(*choices, *(self.random.sample(parts, 2) if parts else ()))

    def tuple(self):
        a, b = self.expression(1), self.operand()
        parts = f"({self.one_of(*self.known)}, {a}, {self.operand()}, {self.one_of('x[:, :]', 'y[:, :]')})"
        return self.one_of(f"({b}, {parts})", f"({a}, {parts})", f"pair({a}, ({b}, {self.one_of(*self.known)}), y)", *self.tuples)

    def expression(self, depth=2):
        if depth == 0 or self.random.random() < 0.3:
            return self.one_of(*self.known)
        a, b = self.expression(depth - 1), self.operand()
        return self.one_of(
            f"({a} + {b})",
            f"({b} - {a})",
            f"({a} * {b})",
            f"-{a}",
            f"ib.max({a}, {self.one_of(*self.known)})",
            f"halved({a})",
            f"stored({a}, y) + {b}",
            f"{b} + stored({a}, y)",
        )

    def statement(self, depth, level):
        pad = "    " * depth
        kind = self.random.randrange(15)
        if kind == 12:
            name = self.one_of("p", "q")
            self.lines.append(f"{pad}{name} = {self.tuple()}")
            self.tuples = sorted({*self.tuples, name})
        elif kind == 13:
            name = self.one_of("p", "q")
            self.lines.append(f"{pad}{self.one_of('a', 'c')}, {name} = {self.expression(1)}, {self.tuple()}")
            self.tuples = sorted({*self.tuples, name})
        elif kind < 4:
            name, value = self.one_of("a", "b", "c", "d", "e"), self.expression()
            self.lines.append(f"{pad}{name} = {value}")
            self.known.append(name)
        elif kind == 4:
            self.lines.append(f"{pad}{self.one_of(*self.known)} {self.one_of('+=', '-=', '*=')} {self.operand()}")
        elif kind == 5:
            a, b = self.random.sample(sorted(set(self.known)), 2)
            self.lines.append(f"{pad}{a}, {b} = {self.expression(1)}, {self.expression(1)}")
        elif kind == 6:
            self.lines.append(f"{pad}y[:, :] {self.one_of('=', '+=')} {self.expression()}")
        elif kind == 7:
            self.lines.append(f"{pad}n = {self.one_of('n + 1', '3', '2 * n')}")
        elif level < 3:
            self.block(depth, level, kind)
        else:
            self.lines.append(f"{pad}pass")

    def block(self, depth, level, kind):
        pad, known, tuples = "    " * depth, list(self.known), list(self.tuples)
        index = f"i{level}"
        if kind == 8:
            self.lines.append(f"{pad}for {index} in ib.range({self.random.randrange(1, 4)}):")
            self.indices.append(index)
        elif kind == 9:
            self.lines.append(f"{pad}for {index} in range({self.random.randrange(0, 3)}):")
            self.indices.append(index)
        elif kind == 14:
            name = self.one_of("a", "c", "d")
            self.lines.append(f"{pad}for {name} in ({self.one_of('x', 'y')}[:, :], {self.one_of(*self.known)}, {self.expression(1)}):")
            self.lines.append(f"{pad}    {self.one_of(*self.known)} += {self.operand()}")
        elif kind == 10 and self.indices:
            self.lines.append(
                f"{pad}if {self.one_of(*self.indices)} {self.one_of('<', '==', '>')} 1 and 0 <= {self.one_of(*self.indices)} < 3:"
            )
        else:
            self.lines.append(f'{pad}with ib.at("scope"):')
        has_index = kind in (8, 9)
        for _ in range(self.random.randrange(1, 4)):
            self.statement(depth + 1, level + 1)
        if has_index:
            self.indices.remove(index)
        if self.random.random() < 0.7:
            self.known = known
            self.tuples = tuples


def program_of(seed):
    writer = Writer(seed)
    for _ in range(writer.random.randrange(3, 9)):
        writer.statement(1, 0)
    body = "\n".join(writer.lines)
    return f"""import imbrex as ib

def halved(v):
    v = v * 0.5
    w = v
    w += 1
    return w - v * 0.25

def stored(v, out):
    out[0, :] = out[0, :] * 0.5 - 1
    return v

def pair(v, p, out):
    w = v - p[0]
    out[0, :] = out[0, :] * 0.5 + 1
    return w, (w, w * 2, out[0, :], p[1])

def body(x, y, n):
    a = x[:, :]
    b = a * 0.5
{body}
    y[:, :] += a - b

@ib.kernel
def k(x: ib.Tensor[ib.f32, {ROWS}, {COLUMNS}], y: ib.InOut[ib.f32, {ROWS}, {COLUMNS}], n: int = 2):
    body(x, y, n)
"""


def executed(text, x, y):
    """Runs the body as Python."""
    scope = {"ib": EXECUTED}
    exec(text.partition("@ib.kernel")[0].replace("import imbrex as ib\n", ""), scope)
    with np.errstate(all="ignore"):
        scope["body"](Array(x), Array(y), 2)


# What a body may be refused for: values that no block can hand on, and shapes that do not fit.
REFUSALS = {"python-rebind", "out-of-scope", "unknown-name", "rebind-shape", "store-shape", "broadcast", "accumulator"}


@pytest.mark.parametrize("seed", range(int(os.environ.get("IMBREX_RANDOM_BODIES", "4"))))
def test_random_bodies(seed, tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    same = 0
    for number in range(100):
        text = program_of(1000 * seed + number)
        x = np.random.default_rng(number).integers(-4, 5, (ROWS, COLUMNS)).astype(np.float32)
        expected, y = np.ones_like(x), np.ones_like(x)
        try:
            kernel = kernel_of(text, tmp_path)
            kernel.interpret(x, y)
        except ib.Error as error:
            assert error.id in REFUSALS, f"{text}\n{error}"
            continue
        executed(text, x, expected)
        assert np.array_equal(y, expected, equal_nan=True), f"{text}\n{kernel.text()}\n{y}\n{expected}"
        same += 1
    assert same >= 40, same
