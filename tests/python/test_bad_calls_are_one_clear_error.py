"""A call that cannot be right is one ib.Error, and nothing is written."""

import importlib
import re
import sys

import imbrex as ib
import numpy as np
import pytest
from imbrex import f32

T = ib.dim("T", typical=128)
D = ib.const("D")


@ib.kernel
def add(a: ib.Tensor[f32, T, D], b: ib.Tensor[f32, D], y: ib.Out[f32, T, D], eps: float = 0.0, flag: bool = False):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = a[t, :] + b[:] + eps


@ib.kernel
def fixed(x: ib.Tensor[f32, T, 64], y: ib.Out[f32, T, 64], z: ib.Out[f32, T, 64]):
    y[:, :] = x[:, :]
    z[:, :] = x[:, :]


@ib.kernel
def needs_n(x: ib.Tensor[f32, T], y: ib.Out[f32, T], n: int):
    y[:] = x[:] + n


@ib.kernel
def halves(x: ib.Tensor[f32, T, 2 * D], y: ib.Out[f32, T, D]):
    y[:, :] = x[:, 0:D]


@ib.kernel
def inner(x: ib.Tensor[f32, T], y: ib.Out[f32, T - 4]):
    y[:] = x[ib.span(0, T - 4)]


@ib.kernel
def outer(x: ib.Tensor[f32, T + 4], y: ib.Out[f32, T]):
    y[:] = x[0:T]


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


A, B = zeros(3, 8), zeros(8)


def read_only():
    array = np.full((3, 8), 7, np.float32)
    array.flags.writeable = False
    return array



@ib.kernel
def seven(rows: ib.Tensor[ib.int32, 9], y: ib.Out[f32, 9, 8]):
    r = rows[:]
    ib.assume_each(0, r, 7)
    ib.assume_distinct(r)
    y[:, :] = ib.zeros(f32, 9, 8)


SHARED = np.full((6, 64), 7, np.float32)


class OfNoDevice:
    def __init__(self, device):
        self.device = device

    def __dlpack__(self, **_):
        raise AssertionError("of no device")

    def __dlpack_device__(self):
        return self.device


# What is called, the id, and what the message says.
CASES = {
    "an input is missing": (lambda: add(A), "tensor-missing", "needs 'b', f32\\[D\\]"),
    "an output by position": (lambda: add(A, B, A), "python-arguments", "takes 2 arrays by position; got 3"),
    "twice": (lambda: add(A, B, a=A), "python-arguments", "'a' of add is given twice"),
    "an unknown name": (lambda: add(A, B, z=A), "python-arguments", "no parameter 'z'"),
    "too many axes": (lambda: add(A, np.zeros((1,) * 17, np.float32)), "tensor-shape", "'b' has 17 axes"),
    "a type of elements": (lambda: add(A.astype(np.float64), B), "tensor-dtype", "'a' is f32, .*float64"),
    "a type of an output": (lambda: add(A, B, y=zeros(3, 8, dtype=np.int32)), "tensor-dtype", "'y' is f32, .*int32"),
    "too few axes": (lambda: add(A[0], B), "tensor-shape", "has 2 axes; got 1"),
    "sizes that disagree": (lambda: add(A, zeros(9)), "dim-conflict", "D of add is 8 by axis 1 of 'a', and 9 by axis 0 of 'b'"),
    "a size and a keyword": (lambda: add(A, B, D=9), "dim-conflict", "D of add is 9 by the argument D=9, and 8 by axis 1 of 'a'"),
    "rows of an output": (lambda: add(A, B, y=zeros(4, 8)), "dim-conflict", "T of add is 3 by axis 0 of 'a', and 4"),
    "a size that is fixed": (lambda: fixed(zeros(3, 65)), "tensor-shape", "has 65 elements; the kernel fixes 64"),
    "a size that nothing gives": (lambda: halves(zeros(3, 5)), "dim-conflict", "axis 1 of 'x' has 5 elements, and no D of halves"),
    "a number for an array": (lambda: add(A, 1.0), "not-an-array", "'b' is of the type float, which is no array"),
    "a list for an array": (lambda: add(A, [1.0] * 8), "not-an-array", "'b' is of the type list, which is no array"),
    "a class for an array": (lambda: add(A, np.ndarray), "not-an-array", "'b' is of the type type, which is no array"),
    "a device that is nothing": (lambda: add(A, OfNoDevice(())), "not-an-array", "'b' is of the type OfNoDevice, which is no array"),
    "a device that is a number": (lambda: add(A, OfNoDevice(5)), "not-an-array", "'b' is of the type OfNoDevice, which is no array"),
    "a string for a number": (lambda: add(A, B, eps="small"), "option-value", "'eps' of add is float; got 'small'"),
    "a number for a flag": (lambda: add(A, B, flag=1), "option-value", "'flag' of add is bool; got 1"),
    "a flag for a number": (lambda: add(A, B, eps=True), "option-value", "'eps' of add is float; got True"),
    "a fraction for a size": (lambda: add(A, B, D=8.5), "option-value", "D of add is 8.5"),
    "a flag for a size": (lambda: add(A, B, D=True), "option-value", "D of add is True"),
    "a constant is missing": (lambda: needs_n(zeros(3)), "const-missing", "needs a value for 'n'"),
    "a constant of a proof": (lambda: add.check(), "const-missing", "built for a fixed D"),
    "an output that is read-only": (lambda: add(A, B, y=read_only()), "tensor-read-only", "y"),
    "the other byte order": (lambda: add(A.astype(">f4"), B), "array-layout", "elements of 'a' have their bytes in the other order"),
    "elements at odd distances": (
        lambda: add(np.zeros((3, 8), [("a", "i1"), ("b", "<f4")])["b"], B),
        "array-layout",
        "elements of 'a' lie at distances that are no multiples of their size",
    ),
    "outputs that overlap": (lambda: fixed(zeros(3, 64), y=SHARED[:3], z=SHARED[1:4]), "tensor-overlap", "y.*z|z.*y"),
    "an output that is an input": (lambda: fixed(SHARED[:3], y=SHARED[1:4]), "tensor-overlap", "y.*x|x.*y"),
    "rows that share memory": (
        lambda: add(A, B, y=np.lib.stride_tricks.as_strided(zeros(8), (3, 8), (4, 4))),
        "tensor-strides",
        "y",
    ),
    "a dimension below zero": (lambda: needs_n(zeros(3), n=1, T=-1), "dim-range", "T of needs_n is -1, which is not between 0 and"),
    "a dimension of a proof below zero": (lambda: add.check(D=8, T=-5), "dim-range", "T of add is -5"),
    "a dimension of a proof of 65 bits": (lambda: add.check(D=8, T=2**64), "dim-range", "T of add is 18446744073709551616"),
    "an output of negative size": (lambda: inner(zeros(2)), "dim-range", "'y' of inner has T - 4 = -2 elements .* T = 2"),
    "a size that becomes negative": (lambda: outer(zeros(2)), "dim-range", "axis 0 of 'x' of outer has 2 elements, .* T -2"),
    "a number that no float has": (lambda: add(A, B, eps=10**400), "option-value", "'eps' of add is a number of about 401 digits"),
    "a masked array": (lambda: add(np.ma.masked_array(A), B), "not-an-array", "'a' of add is a masked array"),
    "a number for a target": (lambda: add.check(5, D=8), "option-value", "'target' of a method of add is 5"),
    "a target of bytes": (lambda: add.optimized(target=b"avx2", D=8), "option-value", "'target' of a method of add is b'avx2'"),
    "a target with a NUL": (lambda: add.explain("avx2\0x", D=8), "option-value", "'target' of a method of add is 'avx2"),
    "a number for targets": (lambda: add.export("folder", targets=5, D=8), "option-value", "'targets' of a method of add is 5"),
    "targets that are numbers": (lambda: add.export("folder", [5], D=8), "option-value", r"'targets' of a method of add is \[5\]"),
    "a path with a NUL": (lambda: add.report("page\0.html", D=8), "option-value", "'path' of a method of add"),
    "a folder with a NUL": (lambda: add.export("fol\0der", D=8), "option-value", "'directory' of a method of add"),
    "nothing for a folder": (lambda: add.export(None, D=8), "option-value", "'directory' of a method of add is None"),
    "a number for a flag of a method": (lambda: add.report(measure=1, D=8), "option-value", "'measure' of a method of add is 1"),
    "a string for a flag of a method": (lambda: add.generated_code(optimize="no", D=8), "option-value", "'optimize' of a method of add is 'no'"),
    "a library of no UTF-8": (lambda: ib.load("/tmp/\udc80.so"), "option-value", r"the path of ib.load is '/tmp/.udc80.so'"),
    "a program of no UTF-8": (lambda: ib.parse("imbrex 1 \udc80"), "option-value", "the text of ib.parse is"),
    "a target of no UTF-8": (lambda: add.explain("avx2\udc80", D=8), "option-value", "'target' of a method of add is 'avx2"),
    "a library with a NUL": (lambda: ib.load("lib\0.so"), "option-value", "the path of ib.load is 'lib"),
    "a library that is a number": (lambda: ib.load(5), "option-value", "the path of ib.load is 5"),
    "a program that is a number": (lambda: ib.parse(5), "option-value", "the text of ib.parse is 5"),
    "a program with a NUL": (lambda: ib.parse("imbrex 1\0"), "option-value", "the text of ib.parse is 'imbrex 1"),
    "inputs that no data gives": (
        lambda: seven.report(measure=True),
        "no-inputs",
        "no inputs were found for which 'seven' may be run",
    ),
    "a target that is none": (lambda: add.check("pentium", D=8), "unknown-target", "pentium"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case):
    call, id, message = CASES[case]
    with pytest.raises(ib.Error) as refused:
        call()
    error = refused.value
    assert len(error.diagnostics) == 1
    assert error.id == id and re.search(message, error.message) and error.hint
    assert (SHARED == 7).all()


@pytest.mark.parametrize("case", CASES)
def test_refused_after_a_good_call(case):
    """The prepared call of the same form does not hide the mistake."""
    assert (add(A, B) == 0).all() and (add(A, B, y=zeros(3, 8)) == 0).all()
    assert (fixed(zeros(3, 64), y=zeros(3, 64), z=zeros(3, 64))[0] == 0).all()
    test_refused(case)


def test_a_run_that_breaks_an_assumption_is_not_repeated(monkeypatch):
    @ib.kernel
    def rows(table: ib.Tensor[f32, T, 8], ids: ib.Tensor[ib.int32, 4], y: ib.InOut[f32, 4, 8]):
        listed = ids[:]
        ib.assume_each(0, listed, T)
        y[:, :] += table[ib.by(listed), :]

    table, y = zeros(5, 8), zeros(4, 8)
    rows(table, np.arange(4, dtype=np.int32), y)
    monkeypatch.setattr(rows, "_understood", None)  # of calls that are not prepared
    with pytest.raises(ib.Error, match="assumption-failed"):
        rows(table, np.full(4, 5, np.int32), y)


def test_zeros_of_four_axes_are_proposed_in_lines_of_python():
    @ib.kernel
    def forgets(x: ib.Tensor[f32, T, 8], z: ib.Out[f32, T, 8], y: ib.Out[f32, T, 4, 4, 8]):
        z[:, :] = x[:, :]

    with pytest.raises(ib.Error) as refused:
        forgets.check()
    lines = refused.value.hint.split("`")[1]
    assert lines.count("\n") == 1
    compile(lines, "hint", "exec")


def test_an_error_of_loading_has_its_authors_line():
    with pytest.raises(ib.Error) as refused:
        ib.load(5)
    assert refused.value.file == __file__


def test_nothing_is_written():
    y = np.full((3, 8), 7, np.float32)
    for wrong in (lambda: add(A, zeros(9), y=y), lambda: add(A.astype(np.float64), B, y=y), lambda: add(A, B, y=y, D=9)):
        with pytest.raises(ib.Error):
            wrong()
    assert (y == 7).all()


def test_a_body_without_source_is_one_error():
    scope = {"ib": ib, "T": T}
    text = "def k(x: ib.Tensor[ib.f32, T], y: ib.Out[ib.f32, T]):\n    y[:] = x[:]\n"
    exec(text, scope)
    with pytest.raises(ib.Error, match="python-function.*has no source that can be read"):
        ib.kernel(scope["k"])


@pytest.mark.parametrize("what", [print, len, ib.Tile, "text", lambda x: x, A.sum])
def test_what_is_no_function_is_one_error(what):
    with pytest.raises(ib.Error, match="python-function"):
        ib.kernel(what)


def test_annotations_say_what_they_take():
    for wrong, message in (
        (lambda: ib.Tensor[T, D], "the first argument of ib.Tensor"),
        (lambda: ib.Out[f32], "has no shape"),
        (lambda: ib.Weight[f32, 2.5], "a size of ib.Weight"),
        (lambda: ib.Tensor[f32, T / 2], "is no size"),
        (lambda: f32 if T else None, "has a value only while"),
    ):
        with pytest.raises(ib.Error, match=message):
            wrong()


def test_sizes_say_what_they_take():
    for wrong, message in (
        (lambda: ib.dim(5), "bad-name.*ib.dim is 5"),
        (lambda: ib.const("a b"), "bad-name.*ib.const is 'a b'"),
        (lambda: ib.dim("T", typical=1.5), "option-value.*`typical` of ib.dim is 1.5"),
        (lambda: ib.dim("T", max=0), "option-value.*`max` of ib.dim is 0"),
        (lambda: ib.dim("T", max=True), "option-value.*`max` of ib.dim is True"),
    ):
        with pytest.raises(ib.Error, match=message) as refused:
            wrong()
        assert refused.value.file == __file__ and refused.value.line > 0


def test_parameters_that_no_call_could_give():
    def several(x: ib.Tensor[f32, T], _y: ib.Out[f32, T], z: ib.Out[f32, T]):
        _y[:], z[:] = x[:], x[:]

    def default(x: ib.Tensor[f32, T], y: ib.Out[f32, T], n: int = 1.5):
        y[:] = x[:] * n

    def nothing(x: ib.Tensor[f32, T], y: ib.Out[f32, T], n: int = None):
        y[:] = x[:] * n

    def no_value(x: "ib.Tensor[f32, T][1 / 0]", y: ib.Out[f32, T]):
        y[:] = x[:]

    def no_expression(x: "ib.Tensor[", y: ib.Out[f32, T]):
        y[:] = x[:]

    def wrong_type(x: "ib.Tensor[T, T]", y: ib.Out[f32, T]):
        y[:] = x[:]

    for function, message in (
        (several, "'_y' is one of several outputs"),
        (default, "the default of 'n' of default is int; got 1.5"),
        (nothing, "the default of 'n' of nothing is int; got None"),
        (no_value, "the type of 'x', .* has no value: division by zero"),
        (no_expression, "the type of 'x', .* has no value: "),
        (wrong_type, "in the type of 'x': the first argument of ib.Tensor"),
    ):
        with pytest.raises(ib.Error, match=f"python-parameter.*{message}") as refused:
            ib.kernel(function)
        assert refused.value.file == __file__ and refused.value.line == function.__code__.co_firstlineno


def test_numbers_of_many_digits_are_not_printed():
    def huge(x: ib.Tensor[f32, T], y: ib.Out[f32, T]):
        y[:] = x[:] * 2**3000

    with pytest.raises(ib.Error, match="index-overflow.*a number of about 904 digits"):
        ib.kernel(huge).text()


def test_a_pin_is_a_number():
    with pytest.raises(ib.Error, match="`tile` of ib.kernel is 'wide'"):
        ib.kernel(tile="wide")


def test_words_are_for_bodies():
    for word in (lambda: ib.exp(1), lambda: ib.parallel(4), lambda: ib.zeros(f32, 1, 1)):
        with pytest.raises(ib.Error, match="no-kernel"):
            word()


def test_operators_without_torch_are_one_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "imbrex.torch", raising=False)
    with pytest.raises(ib.Error) as refused:
        importlib.import_module("imbrex.torch")
    assert refused.value.id == "no-torch"


def test_hints_of_measurements_are_for_who_calls_from_python():
    with pytest.raises(ib.Error, match="no-inputs") as refused:
        seven.report(measure=True)
    assert refused.value.hint == "measure it with other dimensions, or not at all"


def test_errors_show_what_they_are():
    with pytest.raises(ib.Error) as refused:
        add(A, 1.0)
    assert repr(refused.value) == "<imbrex.Error [not-an-array] 'b' is of the type float, which is no array>"


@pytest.mark.parametrize("name", ["input", "bool", "f32"])
def test_a_parameter_that_is_called_a_word_of_programs(name, tmp_path):
    (tmp_path / "words.py").write_text(
        f"import imbrex as ib\n\n@ib.kernel\ndef k({name}: ib.Tensor[ib.f32, 8], y: ib.Out[ib.f32, 8]):\n    y[:] = {name}[:]\n"
    )
    with pytest.raises(ib.Error, match="bad-name") as refused:
        imported(tmp_path / "words.py").k.check()
    assert refused.value.hint == f"it is a word of tile programs: call it `{name}_`" and refused.value.line == 4


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
