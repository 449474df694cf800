"""Sizes and constants that have the names of what methods of kernels take: the kernel's own come first, the others go by position."""

import imbrex as ib
import numpy as np
import pytest
from imbrex import f32

target, path, directory = ib.dim("target"), ib.const("path"), ib.dim("directory")


@ib.kernel
def named(
    x: ib.Tensor[f32, target, path],
    z: ib.Tensor[f32, directory, path],
    y: ib.Out[f32, target, path],
    s: ib.Out[f32, 1, path],
    targets: int = 2,
    optimize: bool = False,
    measure: float = 1.0,
    name: float = 0.0,
    self: float = 0.0,
):
    total = ib.zeros(f32, 1, path)
    for d in ib.tiles(directory, 16):
        total += ib.col_sum(z[d, :])
    s[:, :] = total
    for t in ib.parallel(ib.tiles(target, 16)):
        y[t, :] = x[t, :] * targets + measure + (100.0 if optimize else 0.0) + name + self


X, Z = np.ones((3, 8), np.float32), np.ones((5, 8), np.float32)


def test_they_are_called():
    for _ in range(2):
        assert (named(X, Z).y == 3).all() and (named(X, Z).s == 5).all()
        assert (named(X, Z, targets=4, optimize=True, measure=2, name=10, self=20).y == 136).all()
    assert (named.interpret(X, Z, targets=4).y == 5).all() and named.compare(X, Z, targets=4, target=3)
    assert (named.bind(X, Z, targets=4, directory=5)().y == 5).all()


def test_methods_take_the_kernels_by_name_and_their_own_by_position(tmp_path):
    sizes = {"path": 8, "targets": 4, "measure": 7.0, "optimize": True}
    assert "* 4.0 + 7.0 + 100.0" in named.text(**sizes) and named.program(**sizes) is named.program(**sizes)
    assert named.check(target=64, **sizes).startswith("named: proven")
    assert named.check("host", target=64, **sizes).startswith("named: proven")
    with pytest.raises(ib.Error, match="unknown-"):
        named.check("a5000", target=64, **sizes)
    page = tmp_path / "page.html"
    assert named.report(page, "avx2", False, target=64, **sizes) == page.read_text()
    assert named.explain("avx2", target=64, **sizes)
    assert "avx2" in named.generated_code("avx2", False, **sizes)
    loaded = ib.load(named.export(tmp_path, ["scalar"], **sizes).library)
    assert (loaded(X, Z).y == 111).all()
    with pytest.raises(ib.Error, match="export of named needs a directory"):
        named.export(**sizes)


def test_other_kernels_take_both_by_name(tmp_path):
    D = ib.const("D")

    @ib.kernel
    def plain(x: ib.Tensor[f32, D], y: ib.Out[f32, D]):
        y[:] = x[:] + 1

    with pytest.raises(ib.Error, match="unknown-target"):
        plain.check(target="a5000", D=8)
    assert plain.generated_code(optimize=False, target="avx2", D=8) == plain.generated_code("avx2", False, D=8)
    assert plain.report(path=tmp_path / "page.html", target="avx2", measure=False, D=8) == (tmp_path / "page.html").read_text()
    assert ib.load(plain.export(directory=tmp_path, targets="scalar", D=8).library).target == "scalar"
    with pytest.raises(ib.Error, match="'target' is given twice, by position and by name"):
        plain.check("host", target="host", D=8)
    with pytest.raises(ib.Error, match="plain has no parameter 'measure'"):
        plain.check(measure=True, D=8)


def test_dimensions_of_parsed_programs_have_names_that_are_words_of_python():
    text = 'imbrex 1\nkernel "k" {\n  dim class\n  input x: f32[class, 2 * class]\n  output y: f32[class, 2 * class]\n  y[:, :] = x[:, :]\n}\n'
    k = ib.parse(text)
    x = np.ones((2, 4), np.float32)
    assert (k(x) == 1).all() and k.captured == {} and "proven" in k.check(**{"class": 5})
    with pytest.raises(ib.Error, match="2 \\* class"):
        k(np.ones((2, 5), np.float32))
