"""Lesson 1: a kernel is a Python function that is parsed, never executed; its program can be printed and run.

y = a * x + y for vectors of any length n. x[i] with a span `i` is a slice: used as a value it is loaded, assigned to it is stored.
tiles(n, 16) covers n exactly: the last span may be shorter, so nothing has to be rounded up.
"""

import imbrex as ib
import numpy as np

n = ib.dim("n", typical=1000)


@ib.kernel
def axpy(x: ib.Tensor[ib.f32, n], y: ib.InOut[ib.f32, n], a: float = 2.0):
    for i in ib.parallel(ib.tiles(n, 16)):
        y[i] = a * x[i] + y[i]


print(axpy.text())

x = np.arange(37, dtype=np.float32)
y = np.ones(37, np.float32)
axpy.interpret(x, y)  # the interpreter is what the language means
assert (y == 2 * x + 1).all()
axpy(x, y, a=0.5)  # compiled; a constant of the build goes by name
assert (y == 2.5 * x + 1).all()
print("y[36] =", y[36], "as it should be")
