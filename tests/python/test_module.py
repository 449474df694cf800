"""The compiled module alone: arrays of several libraries, and what it refuses."""

import os
import pickle
import signal
import threading

import numpy as np
import pytest

import imbrex
from imbrex import _imbrex


def scale(dtype: str = "f32") -> _imbrex.Program:
    b = _imbrex.Builder("scale", __file__, 1)
    T = b.dim("T", 16)
    x = b.tensor("input", "x", dtype, [T, _imbrex.Index(8)])
    y = b.tensor("output", "y", dtype, [T, _imbrex.Index(8)])
    begin, size, _ = b.open_tiles("parallel", 0, _imbrex.Index(0), T, 4, "t")
    rows = [("span", begin, size), ("whole",)]
    value = b.binary("mul", b.cast(b.load(x, rows), "f32"), b.number(2))
    b.store(y, rows, value if dtype == "f32" else b.cast(value, dtype, "rint"))
    b.close()
    return b.finish()


def refused(call) -> imbrex.Error:
    with pytest.raises(imbrex.Error) as caught:
        call()
    return caught.value


def test_nodes_have_types_and_shapes():
    b = _imbrex.Builder("k", __file__, 1)
    T = b.dim("T")
    assert T.constant is None and str(T) == "T"
    assert str(b.index("+", T, _imbrex.Index(1))) == "T + 1"
    x = b.tensor("input", "x", "bf16", [T, _imbrex.Index(8)])
    assert (x.name, x.dtype, [str(n) for n in x.shape]) == ("x", "bf16", ["T", "8"])
    v = b.let("v", b.cast(b.load(x, [("point", _imbrex.Index(0)), ("whole",)]), "f32"))
    assert (v.dtype, v.rows.constant, v.columns.constant) == ("f32", 1, 8)


def test_a_wrong_node_is_refused_at_its_line():
    b = _imbrex.Builder("k", "model.py", 1)
    b.at_line("model.py", 7)
    b.dim("T")
    b.at_line("model.py", 9)
    error = refused(lambda: b.dim("T"))
    assert (error.id, error.file, error.line) == ("duplicate-name", "model.py", 9)
    assert error.notes[0].line == 7


def test_numpy_arrays_run_where_they_are():
    program = scale()
    compiled = program.compile()
    wide = np.arange(5 * 12, dtype=np.float32).reshape(5, 12)
    x, y = wide[:, :8], np.full((5, 10), -1, np.float32)
    compiled.run([x, y[:, :8]])
    assert (y[:, :8] == 2 * x).all() and (y[:, 8:] == -1).all()
    means = np.zeros((5, 8), np.float32)
    program.interpret({"x": x, "y": means}, {"T": 5})
    assert (means == y[:, :8]).all()


def test_bf16_comes_as_ml_dtypes_or_as_bits():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    compiled = scale("bf16").compile()
    x = np.arange(24).reshape(3, 8).astype(ml_dtypes.bfloat16)
    y, bits = np.zeros_like(x), np.zeros((3, 8), np.uint16)
    compiled.run([x, y])
    compiled.run([x.view(np.uint16), bits])
    assert (y == 2 * x).all() and (bits == y.view(np.uint16)).all()
    assert _imbrex.describe(x) == ("bf16", (3, 8), True)


def test_bound_calls_see_new_contents_from_many_threads():
    compiled = scale().compile()
    x, y = np.ones((3, 8), np.float32), np.zeros((3, 8), np.float32)
    bound = compiled.bind([x, y], None, 1)
    bound()
    x[:] = 5
    threads = [threading.Thread(target=bound) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (y == 10).all()


def test_arrays_stay_alive_with_their_call():
    compiled = scale().compile()
    y = np.zeros((3, 8), np.float32)
    bound = compiled.bind([np.ones((3, 8), np.float32), y])
    bound()
    assert (y == 2).all()


def test_what_is_no_array_of_the_right_kind_is_refused_and_nothing_is_written():
    compiled = scale().compile()
    x, y = np.ones((3, 8), np.float32), np.full((3, 8), -1, np.float32)
    assert refused(lambda: compiled.run([[1.0], y])).id == "not-an-array"
    assert refused(lambda: compiled.run([x.astype(">f4"), y])).id == "array-layout"
    fields = np.zeros((3, 8), [("a", "f4"), ("b", "i1")])
    assert refused(lambda: compiled.run([fields["a"], y])).id == "array-layout"
    wrong = refused(lambda: compiled.run([x.astype(np.float64), y]))
    assert wrong.id == "tensor-dtype" and "'x' is f32" in wrong.message and "float64" in wrong.message
    assert refused(lambda: compiled.run([x[:, :7], y])).id == "tensor-shape"
    assert refused(lambda: compiled.run([x[:, ::-1], y])).id == "tensor-strides"
    assert refused(lambda: compiled.run([x, y[:2]])).id == "dim-conflict"
    assert refused(lambda: compiled.run([y, y])).id == "tensor-overlap"
    assert refused(lambda: compiled.run([x])).id == "tensor-missing"
    frozen = y.copy()
    frozen.flags.writeable = False
    assert refused(lambda: compiled.run([x, frozen])).id == "tensor-read-only"
    assert refused(lambda: compiled.run([x, y], {"U": 3})).id == "unknown-dim"
    assert (y == -1).all()


class OnAGraphicsProcessor:
    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **_):
        raise AssertionError("its memory must not be asked for")


def test_memory_of_another_device_is_refused():
    assert refused(lambda: _imbrex.describe(OnAGraphicsProcessor())).id == "array-device"


def test_what_is_no_axis_and_no_kernel_is_a_type_error():
    b = _imbrex.Builder("k", __file__, 1)
    x = b.tensor("input", "x", "f32", [_imbrex.Index(8)])
    for axes in ([()], [("span", _imbrex.Index(0))], [("point",)], [("all",)], [("whole", 1)]):
        with pytest.raises(TypeError):
            b.load(x, axes)
    with pytest.raises(TypeError):
        b.open_scope("s", [()])
    with pytest.raises(TypeError):
        _imbrex.Caller.__new__(_imbrex.Caller)(3)
    with pytest.raises(TypeError):
        _imbrex.Operator(3, True)
    with pytest.raises(TypeError):
        _imbrex.Operator.__new__(_imbrex.Operator)(3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_runs_what_its_parent_was_running():
    bound = scale().compile().bind([np.ones((3, 8), np.float32), np.zeros((3, 8), np.float32)], None, 1)
    ends = threading.Event()

    def run() -> None:
        while not ends.is_set():
            bound.repeat(1000)

    thread = threading.Thread(target=run)
    thread.start()
    statuses = []
    for _ in range(10):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            bound()
            os._exit(0)
        statuses.append(os.waitpid(child, 0)[1])
    ends.set()
    thread.join()
    assert statuses == [0] * 10


def test_registered_kernels_and_the_table_of_operations():
    names = {kernel["name"] for kernel in _imbrex.registered()}
    assert {"nn/rms_norm", "deepseek_v4/qkv_proj_rope"} <= names
    program = _imbrex.registered_program("nn/rms_norm", options={"hidden": 256})
    assert program.tensors[0].shape == ["T", "256"]
    assert program.equal(program.optimize())[0] == "equal"
    assert "matmul_acc" in {operation["name"] for operation in _imbrex.operations()}
    assert refused(lambda: _imbrex.registered_program("nn/rms")).id == "unknown-kernel"


def test_text_parses_back():
    program = scale()
    again = _imbrex.parse(program.text, "scale.tile")
    assert again.text == program.text and again.hash == program.hash
    assert refused(lambda: _imbrex.parse("imbrex 1\nkernel", "k.tile")).file == "k.tile"


def test_programs_are_pickled_with_their_lines():
    b = _imbrex.Builder("half", "half.py", 1)
    T = b.dim("T")
    y = b.tensor("output", "y", "f32", [T])
    b.at_line("half.py", 4)
    b.enter_call()
    b.at_line("blocks.py", 9)
    b.store(y, [("point", T)], b.number(0.0))
    b.leave_call()
    program = b.finish()
    again = pickle.loads(pickle.dumps(program))
    assert again.text == program.text and again.hash == program.hash
    error = refused(again.check)
    assert (error.file, error.line) == ("blocks.py", 9)
    assert (error.notes[0].file, error.notes[0].line) == ("half.py", 4)
    assert error.diagnostics == refused(program.check).diagnostics


def test_a_kernel_that_loses_rows_is_refused_with_the_author_s_line():
    b = _imbrex.Builder("half", "half.py", 1)
    T = b.dim("T")
    y = b.tensor("output", "y", "f32", [T])
    b.at_line("half.py", 4)
    i = b.open_range("parallel", 0, _imbrex.Index(0), b.index("/", T, _imbrex.Index(2)), "i")
    b.store(y, [("point", i)], b.number(0.0))
    b.close()
    error = refused(b.finish().check)
    assert error.id == "output-not-written" and error.file == "half.py"
    assert "T = 1" in str(error) or "T=1" in str(error)
