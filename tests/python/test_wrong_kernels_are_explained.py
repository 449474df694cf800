"""Each kernel of wrong_kernels.cases is refused with its message, at its Python line; with the hint followed, it is proven."""

import importlib.util
import os
import pathlib
import re

import imbrex as ib
import pytest

CASES = pathlib.Path(__file__).with_name("wrong_kernels.cases")
# What stands above each kernel.
NAMES = """import imbrex as ib
import numpy as np

T = ib.dim("T", typical=128)
FACTOR, FACTORS, FACTORS_LIST, TABLE = 2.0, (2, 3), [2, 3], np.ones(64, np.float32)

@ib.kernel
def doubled(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    y[:, :] = x[:, :] * 2

"""


def read_cases():
    """Name, marked lines and message of each case; and what stands before the first."""
    head, *parts = re.split(r"^=== ", CASES.read_text(), flags=re.MULTILINE)
    cases = {}
    for part in parts:
        name, _, rest = part.partition("\n")
        lines, _, message = rest.partition("---\n")
        assert name not in cases, f"two cases are called {name}"
        cases[name] = (lines, message.strip("\n"))
    return head, cases


HEAD, ALL = read_cases()


def source(lines, mark):
    return NAMES + "".join(line[1:] for line in lines.splitlines(keepends=True) if line[:1] in (" ", mark))


def import_of(text, folder):
    """A file with this text, imported."""
    path = folder / "case.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kernel_of(text, folder):
    return import_of(text, folder).k


def message_of(text, folder):
    """The message for a file, whose path is shortened."""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, folder).check()
    assert refused.value.file.endswith("case.py") and refused.value.line > 0 and refused.value.hint
    return str(refused.value).replace(str(folder) + "/", "")


def test_there_are_at_least_sixty():
    assert len(ALL) >= 60


@pytest.mark.parametrize("name", ALL)
def test_refused(name, tmp_path):
    lines, golden = ALL[name]
    message = message_of(source(lines, "-"), tmp_path)
    if os.environ.get("IMBREX_UPDATE_GOLDEN") == "1":
        ALL[name] = (lines, message)
        text = HEAD + "".join(f"=== {n}\n{marked}---\n{told}\n\n" for n, (marked, told) in ALL.items())
        CASES.write_text(text.rstrip("\n") + "\n")
    else:
        assert message == golden


@pytest.mark.parametrize("name", ALL)
def test_repaired(name, tmp_path):
    kernel_of(source(ALL[name][0], "+"), tmp_path).check()
