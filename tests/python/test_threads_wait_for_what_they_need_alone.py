"""Threads and child processes that call a kernel while it is compiled for other constants."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import imbrex as ib
import numpy as np
import pytest
from imbrex import _imbrex, f32

T, D = ib.dim("T"), ib.const("D")
SECONDS = 60


def doubled(name):
    @ib.kernel(name=name)
    def k(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
        y[:, :] = x[:, :] * 2

    return k


class SlowCompiler:
    """Compiles programs when it is let go, and counts them."""

    def __init__(self, monkeypatch):
        self.began, self.may_go, self.count = threading.Event(), threading.Event(), 0
        self.is_fast_for = lambda program: False
        compile = _imbrex.Program.compile

        def slowly(program, *given):
            self.count += 1
            if not self.is_fast_for(program):
                self.began.set()
                assert self.may_go.wait(SECONDS)
            return compile(program, *given)

        monkeypatch.setattr(_imbrex.Program, "compile", slowly)


@pytest.fixture
def compiler(monkeypatch):
    slow = SlowCompiler(monkeypatch)
    yield slow
    slow.may_go.set()


def ones(columns):
    return np.ones((2, columns), np.float32)


def test_other_constants_do_not_wait(compiler):
    kernel = doubled("threads_other")
    compiler.is_fast_for = lambda program: "[T, 16]" not in program.text
    kernel(ones(4))
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(kernel, ones(16))
        assert compiler.began.wait(SECONDS)
        # Of the same kernel: one that is compiled, in the prepared way and in the general one, and one that is compiled meanwhile.
        for call in (lambda: kernel(ones(4)), lambda: kernel(x=ones(4)), lambda: kernel(ones(8)), lambda: kernel.text(D=32)):
            threads.submit(call).result(SECONDS)
        assert not waiting.done()
        compiler.may_go.set()
        assert (waiting.result(SECONDS) == 2).all()


def test_the_same_constants_are_compiled_once(compiler):
    kernel = doubled("threads_same")
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(kernel, ones(8)) for _ in range(4)]
        assert compiler.began.wait(SECONDS)
        compiler.may_go.set()
        assert all((call.result(SECONDS) == 2).all() for call in calls)
    assert compiler.count == 1 and len(kernel._variants) == 1


def test_what_fails_is_tried_again(compiler, monkeypatch):
    kernel = doubled("threads_again")
    compiler.may_go.set()
    translate = type(kernel)._translate

    def fails(self, constants):
        raise MemoryError

    monkeypatch.setattr(type(kernel), "_translate", fails)
    for _ in range(2):
        with pytest.raises(MemoryError):
            kernel(ones(8))
    assert not kernel._variants
    monkeypatch.setattr(type(kernel), "_translate", translate)
    assert (kernel(ones(8)) == 2).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_compiles_what_a_thread_of_its_parent_was_compiling(compiler):
    kernel = doubled("threads_child")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(kernel, ones(8))
        assert compiler.began.wait(SECONDS)
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            compiler.is_fast_for = lambda program: True
            os._exit(0 if (kernel(ones(8)) == 2).all() else 1)
        assert os.waitpid(child, 0)[1] == 0
        compiler.may_go.set()
        assert (waiting.result(SECONDS) == 2).all()


def test_a_process_ends_while_a_thread_runs_kernels(tmp_path):
    program = tmp_path / "ends.py"
    program.write_text(
        "import threading, time\nimport imbrex as ib, numpy as np\n"
        'T = ib.dim("T")\n\n@ib.kernel\ndef twice(x: ib.Tensor[ib.f32, T, 8], y: ib.Out[ib.f32, T, 8]):\n    y[:, :] = x[:, :] * 2\n\n'
        "x = np.ones((3, 8), np.float32)\ntwice(x)\n"
        "threading.Thread(target=lambda: [twice(x) for _ in range(10**9)], daemon=True).start()\ntime.sleep(.2)\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
