"""A kernel is parsed from its file, and is refused where that is no longer the text that was imported."""

import importlib.util

import imbrex as ib
import pytest

TEXT = '''from __future__ import annotations
import imbrex as ib

T = ib.dim("T")
SHIFT = 1.0

def added(v):
    return v + SHIFT

class Maker:
    def make(self, factor=2.0, times=3):
        count: int = times

        @ib.kernel
        def k(x: ib.Tensor[ib.f32, T, 8], y: ib.Out[ib.f32, T, 8], n: int = 1):
            """Of everything that code has."""
            __v: object = x[:, :] * factor
            v = __v
            for i, w in ((0, 1.5), (1, -0.0)):
                v = added(v) * w if i == count else v
            y[:, :] = v + (-0.0) + n + 1 * 2

        return k

make = Maker().make
'''


def imported(folder):
    path = folder / "case.py"
    path.write_text(TEXT)
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, path


CHANGES = {
    "a number": ("(1, -0.0))", "(1, 0.0))"),
    "a type": ("(0, 1.5)", "(False, 1.5)"),
    "a name": ("x[:, :] * factor", "x[:, :] * SHIFT"),
    "an operation": ("+ n +", "- n +"),
    "a parameter": ("n: int = 1", "m: int = 1"),
    "a statement": ("            y[:, :] = v", "            v = v * 2\n            y[:, :] = v"),
    "a sub-kernel": ("return v + SHIFT", "return v - SHIFT"),
    "the function's name": ("def k(", "def other("),
    "lines before it": ("T = ib", "\n\n\n\n\nT = ib"),
    "no Python": ("            __v: object = x", "            __v: object = = x"),
    "nothing is left": (TEXT, "import imbrex as ib\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_refused(change, tmp_path):
    module, path = imported(tmp_path)
    before = module.make().text(n=1)
    path.write_text(TEXT.replace(*CHANGES[change]))
    assert path.read_text() != TEXT
    with pytest.raises(ib.Error, match="the file has changed since it was imported") as refused:
        module.make()
    assert refused.value.file == str(path) and refused.value.line > 0 and refused.value.hint
    path.write_text(TEXT)
    assert module.make().text(n=1) == before


def test_a_change_elsewhere_is_none(tmp_path):
    module, path = imported(tmp_path)
    path.write_text(TEXT + "\nother = 1\n")
    assert "added" in module.make().captured
    path.write_text(TEXT.replace("* 2\n", "* 2  # a remark\n").replace("n: int = 1", "n: int = 7"))
    assert module.make().signature.constants[0].default == 1  # what was imported


def test_a_sub_kernel_that_a_decorator_gives_back_and_that_reads_from_around():
    def made(k):
        return k

    scope = 2.0

    @made
    def g(v):
        return v * scope

    @ib.kernel
    def k(x: ib.Tensor[ib.f32, 8], y: ib.Out[ib.f32, 8]):
        y[:] = g(x[:])

    assert "2.0" in k.text()
