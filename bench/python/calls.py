#!/usr/bin/env python3
"""What Python costs: importing the package, the first call of a small kernel, and each call after it. Medians.

    python3 -m venv venv && venv/bin/pip install .
    venv/bin/python bench/python/calls.py            # [--json]; operators of PyTorch too, where torch is installed

Kernels are called on one row of 16 numbers and one thread, so that nearly all of a call is what surrounds it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import imbrex as ib
import numpy as np

T, D = ib.dim("T", typical=128), ib.const("D")


@ib.kernel
def four_arguments(x: ib.Tensor[ib.f32, T, D], w: ib.Tensor[ib.f32, D], z: ib.Tensor[ib.f32, T, D], y: ib.Out[ib.f32, T, D]):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = x[t, :] * w[:] + z[t, :]


# A process of its own, which prints how long its first call took. The name makes it another kernel than those in a cache.
FIRST_CALL = """
import sys, time
import numpy as np
begin = time.perf_counter()
import imbrex as ib
imported = time.perf_counter()
T = ib.dim("T")
@ib.kernel(name=sys.argv[1])
def k(x: ib.Tensor[ib.f32, T, 16], y: ib.Out[ib.f32, T, 16]):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = x[t, :] * 2.0
x = np.ones((1, 16), np.float32)
decorated = time.perf_counter()
k(x)
print(imported - begin, time.perf_counter() - decorated)
"""


def microseconds(call: Callable[[], object], rounds: int = 15, calls: int = 4000) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - begin) / calls)
    return 1e6 * statistics.median(times)


def first_calls(cold: bool, rounds: int = 7) -> tuple[float, float]:
    """Milliseconds of the import and of the first call, with a cache that has the kernel or not."""
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "first.py")
        with open(script, "w") as file:
            file.write(FIRST_CALL)
        environment = {**os.environ, "IMBREX_CACHE": os.path.join(folder, "cache")}
        # What is there once for all kernels of a compiler: precompiled headers. The second kernel makes them.
        for name in ("warm_1", "warm_2", "warm_3"):
            subprocess.run([sys.executable, script, name], env=environment, check=True, capture_output=True)
        found = []
        for i in range(rounds):
            name = f"cold_{i}" if cold else "warm_3"
            out = subprocess.run([sys.executable, script, name], env=environment, check=True, capture_output=True, text=True).stdout
            found.append([1e3 * float(seconds) for seconds in out.split()])
    imported, called = zip(*found)
    return statistics.median(imported), statistics.median(called)


def calls() -> dict[str, float]:
    x, w, z = np.ones((1, 16), np.float32), np.ones(16, np.float32), np.ones((1, 16), np.float32)
    y = np.empty_like(x)
    bound = four_arguments.bind(x, w, z, y=y)
    repeats = 100000
    c = []
    for _ in range(15):
        begin = time.perf_counter()
        bound._bound.repeat(repeats)
        c.append(1e6 * (time.perf_counter() - begin) / repeats)
    c_call = statistics.median(c)
    return {
        "C call": c_call,
        "kernel.bind(...)() over the C call": microseconds(bound) - c_call,
        "kernel(x, w, z, y=y) over the C call": microseconds(lambda: four_arguments(x, w, z, y=y)) - c_call,
        "kernel(x, w, z), the output made, over the C call": microseconds(lambda: four_arguments(x, w, z)) - c_call,
    }


def torch_calls() -> dict[str, float]:
    try:
        import torch
    except ImportError:
        return {}
    torch.library.define("imbrex_bench::nothing", "(Tensor x, Tensor w, Tensor z, *, Tensor(a!) y) -> ()")
    torch.library.impl("imbrex_bench::nothing", "CPU")(lambda x, w, z, *, y: None)
    ib.torch.op(four_arguments)
    x, w, z, y = torch.ones(1, 16), torch.ones(16), torch.ones(1, 16), torch.empty(1, 16)
    nothing, ours = torch.ops.imbrex_bench.nothing, torch.ops.imbrex.four_arguments_out
    return {"operator of torch over an empty one": microseconds(lambda: ours(x, w, z, y=y)) - microseconds(lambda: nothing(x, w, z, y=y))}


def main() -> None:
    imported, cached = first_calls(cold=False)
    _, cold = first_calls(cold=True)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # kernels run on a thread for each processor
    milliseconds = {"import imbrex": imported, "first call in a new process, kernel in the cache": cached, "first call, compiled": cold}
    all_calls = {**calls(), **torch_calls()}
    if "--json" in sys.argv:
        print(json.dumps({"milliseconds": milliseconds, "microseconds": all_calls}, indent=2))
        return
    for name, value in milliseconds.items():
        print(f"{name:<55} {value:9.2f} ms")
    for name, value in all_calls.items():
        print(f"{name:<55} {value:9.2f} us")


if __name__ == "__main__":
    main()
