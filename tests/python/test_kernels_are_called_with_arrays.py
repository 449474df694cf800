"""Calls: inputs by position or name, outputs and constants by name, outputs made as the inputs are."""

import builtins
import copy
import ctypes
import gc
import pickle
import re
import threading
import warnings
import weakref

import imbrex as ib
import numpy as np
import pytest
from imbrex import arrays as arrays_of
from imbrex import calling
from imbrex import bf16, f32, int8

T = ib.dim("T", typical=128)
D, H = ib.const("D"), ib.const("H")


@ib.kernel
def scale(x: ib.Tensor[f32, T, D], w: ib.Tensor[f32, D], y: ib.Out[f32, T, D], factor: float = 2.0, shift: int = 0):
    for t in ib.parallel(ib.tiles(T, 16)):
        v = x[t, :] * w[:]
        ib.tap("product", v)
        y[t, :] = v * factor + shift


@ib.kernel
def halves(x: ib.Tensor[f32, T, 2 * H], low: ib.Out[f32, T, H], high: ib.Out[f32, T, H]):
    """Cuts rows in two."""
    for t in ib.parallel(ib.tiles(T, 16)):
        low[t, :], high[t, :] = x[t, 0:H], x[t, H : 2 * H]


@ib.kernel
def add_to(x: ib.Tensor[f32, T, 8], y: ib.InOut[f32, T, 8]):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] += x[t, :]


@ib.kernel
def to_bf16(x: ib.Tensor[f32, T, 8], y: ib.Out[bf16, T, 8], q: ib.Out[int8, T, 8]):
    y[:, :] = ib.cast(x[:, :], bf16, "rint")
    q[:, :] = ib.cast(x[:, :], int8, "rint")


X, W = np.arange(24, dtype=np.float32).reshape(3, 8), np.full(8, 0.5, np.float32)


def test_inputs_go_by_position_or_name():
    assert (scale(X, W) == X).all()
    assert (scale(w=W, x=X) == X).all()
    assert (scale(X, w=W) == X).all()


def test_constants_go_by_name_and_are_inferred_from_shapes():
    assert (scale(X, W, factor=4, shift=1) == 2 * X + 1).all()
    assert (scale(X, W, D=8, T=3) == X).all()
    assert (scale(X[:, :5], W[:5]) == X[:, :5]).all()
    assert (scale(X, W, factor=np.float64(4)) == 2 * X).all()
    low, high = halves(X)
    assert low.shape == high.shape == (3, 4)


def test_an_output_is_made_or_given():
    y = np.full((3, 8), 9, np.float32)
    for _ in range(3):  # the second call is prepared by the first
        assert scale(X, W, y=y) is y and (y == X).all()
        assert scale(X, W) is not scale(X, W)


def test_several_outputs_are_a_named_tuple():
    for _ in range(3):
        outputs = halves(X)
        assert outputs._fields == ("low", "high")
        assert (outputs.low == X[:, :4]).all() and (outputs[1] == X[:, 4:]).all()
    assert pickle.loads(pickle.dumps(tuple(outputs)))[0].shape == (3, 4)


def test_inout_is_changed_and_nothing_returned():
    for count in (1, 2, 3):
        y = np.full((3, 8), count, np.float32)
        assert add_to(X, y) is None and (y == X + count).all()


def test_bf16_is_of_ml_dtypes_or_its_bits():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    y, q = to_bf16(X)
    assert y.dtype == ml_dtypes.bfloat16 and q.dtype == np.int8
    bits = np.empty((3, 8), np.uint16)
    to_bf16(X, y=bits)
    assert (bits == y.view(np.uint16)).all()


def test_strided_arrays_are_taken_as_they_are():
    wide = np.zeros((3, 20), np.float32)
    wide[:, 4:12] = X
    out = np.zeros((3, 16), np.float32)
    scale(wide[:, 4:12], W, y=out[:, 8:])
    assert (out[:, 8:] == X).all() and (out[:, :8] == 0).all()


# They have the buffer protocol, and say no strides.
def test_arrays_of_ctypes_are_taken():
    rows = ((ctypes.c_float * 3) * 2)((0, 1, 2), (3, 4, 5))
    assert scale(rows, (ctypes.c_float * 3)(1, 1, 2)).tolist() == [[0, 2, 8], [6, 8, 20]]


def test_other_sizes_and_types_of_call_do_not_mix():
    for rows, columns in ((3, 8), (1, 8), (3, 4), (7, 8), (3, 4)):
        x = np.random.default_rng(rows).random((rows, columns), np.float32)
        assert (scale(x, np.ones(columns, np.float32)) == 2 * x).all()
        assert (scale(x, np.ones(columns, np.float32), factor=3.0) == 3 * x).all()


def test_names_of_python_and_of_methods_are_names_of_tensors():
    @ib.kernel(name="two outputs")
    def k(target: ib.Tensor[f32, T], self: ib.Tensor[f32, T], y: ib.Out[f32, T], z: ib.Out[f32, T]):
        y[:], z[:] = self[:], target[:] * 2

    x = np.ones(2, np.float32)
    for _ in range(2):
        y, z = k(target=x, self=3 * x)
        assert (y == 3).all() and (z == 2).all()
    assert k.compare(target=x, self=x) and k.interpret(x, self=x).y[0] == 1
    assert k.bind(x, self=x)().z[0] == 2 and k.taps(x, self=x) == []


def test_types_of_elements_are_pickled():
    for type in (f32, bf16, ib.bool):
        assert pickle.loads(pickle.dumps(type)) is type


def test_constants_are_those_of_their_bits():
    @ib.kernel
    def k(x: ib.Tensor[f32, T], y: ib.Out[f32, T], a: float = 0.0):
        y[:] = ib.full(f32, 1, T, a) * x[:]

    x = np.ones(2, np.float32)
    for _ in range(3):
        for a in (0.0, -0.0):
            assert (np.signbit(k(x, a=a)) == np.signbit(a)).all()
        assert np.isnan(k(x, a=float("nan"))).all() and np.isnan(k(x, a=float("inf") - float("inf"))).all()
    assert len(k._variants) == 3


def test_no_rows_give_empty_outputs():
    scale(X, W)
    y = scale(np.empty((0, 8), np.float32), W)
    assert y.shape == (0, 8) and y.dtype == np.float32
    assert scale.interpret(np.empty((0, 8), np.float32), W).shape == (0, 8)
    assert scale.bind(np.empty((0, 8), np.float32), W)().shape == (0, 8)
    assert scale.taps(np.empty((0, 8), np.float32), W) == []


@ib.kernel
def total(x: ib.Tensor[f32, T, D], y: ib.Out[f32, 1, D]):
    s = ib.zeros(f32, 1, D)
    for t in ib.tiles(T, 16):
        s += ib.col_sum(x[t, :])
    y[:, :] = s


@pytest.mark.parametrize("how", ["__call__", "interpret", "bind", "taps", "compare"])
def test_no_rows_where_outputs_have_elements_are_refused(how):
    empty, y = np.empty((0, 8), np.float32), np.full((1, 8), 7, np.float32)
    assert (total(X) == X.sum(0)).all()
    for outputs in ({}, {"y": y}):
        with pytest.raises(ib.Error, match="dim-range.*T.* is 0.*, but .*`y`"):
            getattr(total, how)(empty, **outputs)
    assert (y == 7).all()


@pytest.mark.parametrize("how", ["__call__", "interpret", "bind", "taps", "compare"])
def test_arrays_without_elements_are_checked(how):
    call = getattr(scale, how)
    with pytest.raises(ib.Error, match="tensor-dtype"):
        call(np.empty((0, 8), np.float64), W)
    with pytest.raises(ib.Error, match="array-layout"):
        call(np.empty((0, 8), np.float32), W.astype(">f4"))
    read_only = np.empty((0, 8), np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ib.Error, match="tensor-read-only"):
        call(np.empty((0, 8), np.float32), W, y=read_only)


def test_interpreted_compared_and_tapped():
    assert (scale.interpret(X, W) == X).all()
    comparison = scale.compare(X, W)
    assert comparison and str(comparison) == "y: the bits of the interpreter"
    [tap] = scale.taps(X, W)
    assert tap.name == "product" and (tap.value == X * W).all()
    y = np.ones((3, 8), np.float32)
    assert add_to.compare(X, y)
    assert (y == X + 1).all()


def test_a_difference_is_told_with_its_place():
    from imbrex.calling import Comparison, _difference

    a, b = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    b[1, 2] = 0.25
    found = Comparison(("y",), (_difference("y", "f32", a, b),))
    assert not found
    assert str(found) == "y: 1 elements differ, first [1, 2]: 0.0 compiled, 0.25 interpreted; at most by 0.25"


def test_a_difference_of_bf16_is_told_in_numbers():
    from imbrex.calling import _difference

    a, b = np.full((1, 2), 0x3F80, np.uint16), np.array([[0x3F80, 0x4000]], np.uint16)
    found = _difference("y", "bf16", a, b)
    assert (found.compiled, found.interpreted, found.largest) == (1, 2, 1)


def test_bound_kernels_run_again_on_what_the_arrays_hold():
    x = X.copy()
    step = scale.bind(x, W)
    first = step()
    x += 1
    assert step() is first and (first == X + 1).all()


@pytest.mark.parametrize("resized", [lambda x: x.resize((1 << 22, 8), refcheck=False), lambda x: x.resize((2, 8), refcheck=False)])
def test_a_bound_array_that_numpy_resized_is_refused(resized):
    x, y, other = np.ones((4, 8), np.float32), np.zeros((4, 8), np.float32), np.zeros((4, 8), np.float32)
    step = scale.bind(x, W, y=y)
    step()
    y[:] = 7
    resized(x)
    with pytest.raises(ib.Error, match="'x' has other memory or another shape") as refused:
        step()
    assert refused.value.id == "array-moved" and (y == 7).all()
    step = scale.bind(np.ones((4, 8), np.float32), W, y=other)
    resized(other)
    with pytest.raises(ib.Error, match="'y' has other memory"):
        step()


def test_interpreting_is_asked_for_in_the_environment(monkeypatch):
    monkeypatch.setenv("IMBREX_INTERPRET", "1")

    @ib.kernel
    def fresh(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
        y[:, :] = x[:, :] + 1

    assert (fresh(X) == X + 1).all()
    assert not any(variant.is_compiled for variant in fresh._variants.values())


def test_without_a_compiler_a_kernel_is_interpreted_with_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("IMBREX_CACHE", str(tmp_path))

    @ib.kernel
    def fresh(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
        y[:, :] = x[:, :] + 3

    def no_compiler(variant):
        raise ib.Error([("no-compiler", "there is no compiler", "install g++")])

    monkeypatch.setattr(calling.Variant, "compiled", property(no_compiler))
    with pytest.warns(UserWarning, match="is interpreted, which is slow: there is no compiler; install g"):
        assert (fresh(X) == X + 3).all()


def test_each_set_of_constants_is_built_once_and_the_ninth_warns():
    @ib.kernel
    def fresh(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D], n: int = 0):
        y[:, :] = x[:, :] + n

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(8):
            fresh.program(D=8, n=n)
    assert fresh.program(D=8, n=3) is fresh.program(D=8, n=3)
    with pytest.warns(UserWarning, match="fresh is built for 9 sets of constants"):
        fresh.program(D=8, n=8)


def test_kernels_are_pickled_by_name():
    again = pickle.loads(pickle.dumps(halves))
    assert again is halves and copy.copy(halves) is halves


def test_kernels_of_the_library_and_programs_are_pickled():
    softmax = pickle.loads(pickle.dumps(ib.kernels.nn.softmax))
    program = pickle.loads(pickle.dumps(ib.parse(scale.text(D=8))))
    assert softmax.name == "nn/softmax" and (program(X, W) == X).all()


def test_a_kernel_that_no_name_finds_is_not_pickled():
    @ib.kernel
    def local(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
        y[:, :] = x[:, :]

    with pytest.raises(pickle.PicklingError, match="define it at the top of a module"):
        pickle.dumps(local)


def test_errors_are_pickled_with_their_diagnostics():
    with pytest.raises(ib.Error) as refused:
        scale(X, W[:5])
    again = pickle.loads(pickle.dumps(refused.value))
    assert str(again) == str(refused.value) and again.diagnostics == refused.value.diagnostics


def test_kernels_are_called_by_several_threads_at_once():
    @ib.kernel
    def fresh(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
        for t in ib.parallel(ib.tiles(T, 4)):
            y[t, :] = x[t, :] * 2

    failures = []

    def work(seed):
        x = np.random.default_rng(seed).random((seed + 1, 8 + seed % 3), np.float32)
        for _ in range(50):
            if not (fresh(x) == 2 * x).all():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(fresh._variants) == 3


def test_kernels_of_the_library_are_called_like_ones_of_yours():
    y = ib.kernels.nn.softmax(X, hidden=8)
    assert np.allclose(y.sum(axis=1), 1)
    assert ib.kernels.nn.softmax.check(hidden=8).startswith("softmax: proven")
    assert "deepseek_v4" in dir(ib.kernels) and "qkv_proj_rope" in dir(ib.kernels.deepseek_v4)
    with pytest.raises(AttributeError, match="no registered kernel is called nn/softmix"):
        ib.kernels.nn.softmix  # noqa: B018


def test_a_program_as_text_is_a_kernel():
    again = ib.parse(scale.text(D=8))
    assert (again(X, W) == X).all()
    assert ib.version().count(".") >= 1


def test_what_became_of_a_kernel_is_explained_and_shown(tmp_path):
    N, W = ib.dim("N", typical=64), ib.const("W")

    @ib.kernel
    def explained(x: ib.Tensor[ib.f32, N, W], y: ib.Out[ib.f32, N, W]):
        sums = ib.create_tensor(ib.f32, N, 1)
        with ib.at("sum"):
            for t in ib.parallel(ib.tiles(N, 16)):
                sums[t, :] = ib.row_sum(x[t, :])
        with ib.at("scale"):
            for t in ib.parallel(ib.tiles(N, 16)):
                y[t, :] = x[t, :] * sums[t, :]

    text = explained.explain(W=256, N=32)
    assert "2 scopes became 1" in text and "sums" in text and "N = 32" in text
    page = explained.report(tmp_path / "page.html", W=256)
    assert page.startswith("<!DOCTYPE html>") and (tmp_path / "page.html").read_text() == page
    measured = '<th class="r">measured, ms</th>'
    assert measured not in page and measured in explained.report(W=256, N=32, measure=True)


def facts_on(html):
    return re.findall(r"<b[^>]*>([^<]*)</b>", html)


def test_a_notebook_shows_proof_and_estimate():
    N, W = ib.dim("N", typical=64), ib.const("W")

    @ib.kernel
    def shown(x: ib.Tensor[ib.f32, N, W], y: ib.Out[ib.f32, N, W]):
        for t in ib.parallel(ib.tiles(N, 16)):
            y[t, :] = x[t, :] * ib.row_sum(x[t, :])

    # Which sizes it is for is not known yet.
    assert facts_on(shown._repr_html_()) == ["shown"]
    page = shown.report(W=256)
    card = shown._repr_html_()
    assert "W=256" in card and "proven" in facts_on(card) and "N = 64" in facts_on(card)
    # The numbers are those of the page.
    assert set(facts_on(card)) - {"shown"} <= set(facts_on(page))
    assert any(fact.endswith(" ms") for fact in facts_on(card))


def test_a_notebook_shows_why_a_kernel_is_refused():
    N = ib.dim("N")

    @ib.kernel
    def every_second(x: ib.Tensor[ib.f32, N, 8], y: ib.Out[ib.f32, N, 8]):
        for t in ib.parallel(N // 2):
            y[t, :] = x[t, :]

    card = every_second._repr_html_()
    assert "refused" in facts_on(card) and "never written" in card and "<b>Try:</b> let <code>ib.tiles(EXTENT, n)</code>" in card

    @ib.kernel
    def wrong(x: ib.Tensor[ib.f32, N, 8], y: ib.Out[ib.f32, N, 8]):
        y[:, :] = ib.cast(x[:, :], ib.bf16)

    assert "[cast-mode]" in wrong._repr_html_()


def test_a_refused_kernel_has_a_page():
    N = ib.dim("N")

    @ib.kernel
    def half_of_it(x: ib.Tensor[ib.f32, N, 8], y: ib.Out[ib.f32, N, 8]):
        for t in ib.parallel(N // 2):
            y[t, :] = x[t, :]

    assert "output-not-written" in half_of_it.report()


def test_a_constant_that_calls_the_kernel_is_taken_as_it_is():
    N = ib.dim("N")

    @ib.kernel
    def scaled(x: ib.Tensor[ib.f32, N, 8], y: ib.Out[ib.f32, N, 8], by: float = 2.0):
        y[:, :] = x[:, :] * by

    x = np.ones((3, 8), np.float32)

    class Calling(float):
        def __repr__(self):
            for number in range(9):
                scaled(x, by=float(number))
            return "2.0"

    for _ in range(3):
        assert (scaled(x, by=Calling(2.0)) == 2).all()
    for _ in range(2):
        assert not np.signbit(scaled(x, by=0.0)).any()


def test_a_star_import_leaves_the_functions_of_python():
    scope = {}
    exec("from imbrex import *", scope)
    assert "parallel" in scope and "f32" in scope
    assert not [name for name in vars(builtins) if name in scope and name != "__builtins__" and not name.startswith("__")]


def test_functions_that_are_no_longer_used_are_let_go():
    def made():
        array = np.ones(3, np.float32)
        n = 2

        def scaled(v):
            v = v * n
            return v

        @ib.kernel
        def k(x: ib.Tensor[f32, T], y: ib.Out[f32, T]):
            y[:] = scaled(x[:])

        k.text()
        scaled.array = array
        return weakref.ref(scaled)

    gone = made()
    gc.collect()
    assert gone() is None


def test_the_warning_for_many_sets_of_constants_is_at_the_callers_line():
    for how in ("text", "check", "interpret", "__call__"):

        @ib.kernel
        def many(x: ib.Tensor[f32, T], y: ib.Out[f32, T], n: int = 0):
            y[:] = x[:] + n

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for n in range(9):
                getattr(many, how)(*([X[0]] if how in ("interpret", "__call__") else ()), n=n)
        [warning] = [w for w in caught if "sets of constants" in str(w.message)]
        assert warning.filename == __file__


def test_kernels_of_the_library_have_the_methods_of_kernels(tmp_path):
    norm = ib.kernels.nn.rms_norm
    assert norm.captured == {} and "#include" in norm.generated_code(hidden=64)
    assert norm.check(hidden=64, T=128) and norm.explain(hidden=64, T=128)
    assert "</html>" in norm.report(hidden=64, T=128)
    assert norm.explain(hidden=64, T=8) != norm.explain(hidden=64, T=4096)
    program = norm.of(hidden=64)
    arrays = [np.ones([64 if e == "64" else 3 for e in t.text()[:-1].partition("[")[2].split(", ")], arrays_of.numpy_dtype(t.dtype)) for t in program.signature.inputs]
    assert norm.taps(*arrays, hidden=64) == []
    with pytest.raises(ib.Error, match="python-arguments.*has no parameter 'zzz'"):
        norm.check(hidden=64, zzz=3)


def test_outputs_may_have_names_that_python_uses():
    kernel = ib.parse(
        'imbrex 1\nkernel "two" {\n  dim T\n  input x: f32[T, 8]\n  output class: f32[T, 8]\n  output z: f32[T, 8]\n\n'
        "  parallel t in 0 .. T {\n    class[t, :] = x[t, :]\n    z[t, :] = x[t, :] + x[t, :]\n  }\n}\n"
    )
    for _ in range(2):
        outputs = kernel(np.ones((3, 8), np.float32))
        assert outputs._fields == ("_0", "z") and outputs[0][0, 0] == 1 and outputs.z[0, 0] == 2


def test_a_kernel_is_its_own_copy():
    @ib.kernel
    def local(x: ib.Tensor[ib.f32, ib.dim("T"), 8], y: ib.Out[ib.f32, ib.dim("T"), 8]):
        y[:, :] = x[:, :]

    assert copy.copy(local) is local and copy.deepcopy([local])[0] is local


def test_a_page_that_cannot_be_written_is_one_error(tmp_path):
    @ib.kernel
    def local(x: ib.Tensor[ib.f32, ib.dim("T"), 8], y: ib.Out[ib.f32, ib.dim("T"), 8]):
        y[:, :] = x[:, :]

    with pytest.raises(ib.Error, match="cannot write .*nothere/page.html") as caught:
        local.report(tmp_path / "nothere" / "page.html")
    assert caught.value.id == "file-unwritable"
