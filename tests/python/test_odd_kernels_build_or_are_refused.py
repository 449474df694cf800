"""Bodies at the edges of what Python allows: they build, or are one clear error."""

import functools
import math

import imbrex as ib
import numpy as np
import pytest
from imbrex import f32

T = ib.dim("T", typical=128)
D = ib.const("D")
LETTERS = ("a", "b")


@ib.kernel
def generated(y: ib.Out[f32, T, 4], start: int = 0):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = ib.cast(ib.iota(4) + start, f32, "rint") + ib.zeros(f32, t, 4)


def test_a_kernel_without_inputs():
    for _ in range(2):
        assert (generated(T=3) == np.arange(4)).all()
    y = np.empty((2, 4), np.float32)
    assert generated(y=y, start=1) is y and (y == np.arange(1, 5)).all()


def copy_rows(source, target, t):
    """Has a docstring, and returns nothing."""
    target[t, :] = source[t, :]


def test_loops_over_tuples_of_tensors():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], z: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], w: ib.Out[f32, T, 8]):
        rows, columns = x.shape
        for t in ib.parallel(ib.tiles(rows, columns)):
            for (source, target), name in (((x, y), "a"), ((z, w), "b")):
                if name in LETTERS:
                    copy_rows(source, target, t)

    x = np.ones((3, 8), np.float32)
    y, w = k(x, 2 * x)
    assert (y == 1).all() and (w == 2).all()


def test_annotations_and_infinities_and_f_strings():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], n: int = 3):
        v: ib.Tile = x[:, :]
        with ib.at(f"scope_{n}"), ib.at("inner"):
            largest = ib.full(f32, T, 1, -math.inf)
            largest = ib.max(largest, ib.row_max(v), -3e38)
            y[:, :] = v - largest

    assert 'at "scope_3" {' in k.text()
    k.check()


def test_the_words_themselves_may_be_imported():
    from imbrex import at, cast, parallel, row_sum, tiles

    @ib.kernel
    def k(x: ib.Tensor[f32, T, D], y: ib.Out[ib.bf16, T, 1]):
        for t in parallel(tiles(T, 16)):
            with at("sum"):
                y[t, :] = cast(row_sum(x[t, :]), ib.bf16, "rint")

    k.check(D=8)


def test_names_of_a_body_are_its_own():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        T = x[:, :] * 2
        y[:, :] = T

    assert "let T_2 = x[:, :] * 2.0" in k.text() or "let T_" in k.text()


def test_other_letters():
    @ib.kernel
    def größe(x: ib.Tensor[f32, T, 8], größer: ib.Out[f32, T, 8]):
        für = x[:, :]
        größer[:, :] = für

    größe.check()


def wrapped(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments)

    return inner


@wrapped
def doubled(v):
    return v * 2


def test_wrapped_functions_are_refused():
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        y[:, :] = doubled(x[:, :])

    with pytest.raises(ib.Error, match="'doubled' is wrapped by a decorator"):
        ib.kernel(k)
    with pytest.raises(ib.Error, match="is wrapped by a decorator"):
        ib.kernel(wrapped(k))


@pytest.mark.parametrize(
    "value, id",
    [(10**400, "index-overflow"), (2**63, "index-overflow"), (True, "wrong-kind"), ("text", "wrong-kind"), (None, "wrong-kind")],
)
def test_constants_that_are_no_operands(value, id):
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        y[:, :] = x[:, :] + value

    with pytest.raises(ib.Error) as refused:
        k.program()
    assert refused.value.id == id and refused.value.line > 0


ANNOTATED = (lambda: ib.Tensor[T, D], lambda: ib.Out[f32], lambda: ib.zeros(f32, 1, 1))


@pytest.mark.parametrize("wrong", ANNOTATED)
def test_annotations_and_words_outside_of_a_kernel_are_told_at_their_line(wrong):
    with pytest.raises(ib.Error) as refused:
        wrong()
    assert refused.value.file == __file__ and refused.value.line == wrong.__code__.co_firstlineno


@pytest.mark.parametrize(
    "expression",
    [
        "ib.columns(x[:, :], 2 ** 63, 1)",
        "ib.max('a', 1)",
        "ib.min(ib.f32, 1)",
        "x[:, :] + ~ib.f32",
        "ib.repeat_rows(x[:, :], 1.0)",
        "ib.cast(x[:, :], 'f32')",
        "ib.full(ib.f32, T, 8, T)",
        "x[:, :] * (1 / 0)",
        "(1, 2)[T]",
        "x.shape[5]",
        "-x",
        "ib",
    ],
)
def test_odd_operands_are_refused_at_their_line(expression, tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    text = f"""import imbrex as ib
T = ib.dim("T")

@ib.kernel
def k(x: ib.Tensor[ib.f32, T, 8], y: ib.Out[ib.f32, T, 8]):
    y[:, :] = {expression}
"""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, tmp_path).program()
    assert refused.value.line == 6 and refused.value.hint


def test_a_module_has_its_own_name():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        m = math
        y[:, :] = x[:, :] * m.sqrt(4)

    with pytest.raises(ib.Error, match="the module math under a name of the body"):
        k.program()


def test_endless_loops_over_constants_are_refused():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], n: int = 10):
        v = x[:, :]
        for _ in range(n):
            v = v + 1
        y[:, :] = v

    assert k.text(n=3).count("v + 1") == 3
    with pytest.raises(ib.Error, match=r"python-form.*a loop over 1000000000 constants"):
        k.text(n=10**9)


def test_a_deep_expression_is_refused(tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    text = "import imbrex as ib\n@ib.kernel\ndef k(x: ib.Tensor[ib.f32, 8], y: ib.Out[ib.f32, 8]):\n    y[:] = "
    assert kernel_of(text + " + ".join(["x[:]"] * 100) + "\n", tmp_path).check()
    with pytest.raises(ib.Error, match="expression-size"):
        kernel_of(text + " + ".join(["x[:]"] * 2000) + "\n", tmp_path).check()


def test_a_line_of_several_lines_is_told_where_it_is_wrong(tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    text = """import imbrex as ib

@ib.kernel
def k(x: ib.Tensor[ib.f32, 8], y: ib.Out[ib.f32, 8]):
    y[:] = (
        x[:]
        + x
    )
"""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, tmp_path).program()
    assert refused.value.line == 7 and refused.value.id == "wrong-kind"


@pytest.mark.parametrize("wrong", ["", "a\0b", "a\nb", 3])
def test_bad_names_of_scopes(wrong):
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        with ib.at(wrong):
            y[:, :] = x[:, :]

    try:
        k.check()
    except ib.Error as error:
        assert error.line > 0
    else:
        assert wrong == ""


SHAPES = '''import imbrex as ib
T = ib.dim("T")
def outer():
\tdef helper(v,
\t           w=2):
\t\t"""A text
that goes on in the first column."""
# a comment in the first column
\t\treturn v * w
\t@ib.kernel(
\t\tname="renamed",
\t)
\t# a comment between
\tdef k(
\t\tx: ib.Tensor[ib.f32, T, 8],  # a remark
\t\ty: "ib.Out[ib.f32, T, 8]",
\t) -> None:
\t\tif True: y[:, :] = helper(
\t\t\tx[:, :]); pass
\t\ty[:, :] += \\
\t\t\twrong
\treturn k
wrong = 1.0
k = outer()
'''


def test_sources_of_all_shapes_keep_their_lines(tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    assert "y[:, :] = x_tile * 2.0" in kernel_of(SHAPES, tmp_path).text()
    with pytest.raises(ib.Error) as refused:
        kernel_of(SHAPES.replace("wrong = 1.0\n", ""), tmp_path)
    assert refused.value.id == "unknown-name" and refused.value.line == 21
