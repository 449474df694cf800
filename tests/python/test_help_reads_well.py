"""Each word, class and function of the package says what it does; importing it is quick and imports no library."""

import inspect
import pydoc
import subprocess
import sys

import imbrex as ib
import pytest
from imbrex import words


@pytest.mark.parametrize("name", [name for name in ib.__all__ if callable(getattr(ib, name))])
def test_documented(name):
    text = inspect.getdoc(getattr(ib, name))
    assert text and len(text) > 10 and text.rstrip().endswith((".", "``", ":", ")", "..."))


def test_help_of_the_package_and_of_a_kernel():
    assert "tile kernels" in pydoc.render_doc(ib)
    text = pydoc.plain(pydoc.render_doc(words))
    assert all(f"{name}(" in text for name in words.__all__ if name != "where")

    @ib.kernel
    def k(x: ib.Tensor[ib.f32, 8], y: ib.Out[ib.f32, 8]):
        """Copies."""
        y[:] = x[:]

    assert k.__doc__ == "Copies." and repr(k) == "<kernel k(x, y=...)>"


def test_importing_the_package_imports_no_library():
    code = (
        "import sys, imbrex; print([m for m in ('numpy', 'torch', 'ml_dtypes', 'imbrex._imbrex', 'inspect') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
