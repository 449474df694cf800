"""Kernels are built ahead of time as libraries, which load without their programs and without a compiler."""

import ctypes
import hashlib
import os
import pickle
import subprocess
import sys

import imbrex as ib
import numpy as np
import pytest
from imbrex import bf16, f32

T, K, H = ib.dim("T", typical=128), ib.const("K"), ib.const("H")


@ib.kernel
def project(x: ib.Tensor[f32, T, K], w: ib.Weight[f32, K, 2 * H], p: ib.Out[f32, T, 2 * H], n: ib.Out[bf16, T, H], eps: float = 1e-6):
    for t in ib.parallel(ib.tiles(T, 4)):
        product = x[t, :] @ w[:, :]
        inverse = 1 / ib.sqrt(ib.row_sum(product * product) + eps)
        p[t, :] = product * inverse
        n[t, :] = ib.cast(ib.exp(x[t, 0:H]), bf16, "rint")


@ib.kernel
def scale(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], factor: float = 2.0):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = x[t, :] * factor


@ib.kernel
def add_rows(x: ib.Tensor[f32, 2 * T, 8], y: ib.InOut[f32, 2 * T + 1, 8]):
    for t in ib.parallel(ib.tiles(2 * T, 16)):
        y[t, :] += x[t, :]


X = (np.arange(5 * 24, dtype=np.float32).reshape(5, 24) % 31 - 15) / 7
W = np.linspace(-1, 2, 24 * 16, dtype=np.float32).reshape(24, 16)
ROWS = X[:, :8].copy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return scale.export(tmp_path_factory.mktemp("scale"), ["scalar"])


def test_a_loaded_kernel_gives_the_bits_of_the_kernel_it_came_from(tmp_path):
    files = project.export(tmp_path, K=24, H=8, eps=1e-5)
    assert files.library == str(tmp_path / "libproject.so") and files.header == str(tmp_path / "include/project.h")
    assert len(files.sources) >= 3 and all(os.path.exists(path) for path in (*files[:2], *files.sources))
    loaded = ib.load(tmp_path / "libproject.so")
    assert repr(loaded) == "<kernel project(x, w, p=..., n=...)>" and loaded.path == files.library
    assert "project(x, w, p=..., n=...)" in loaded._repr_html_()
    assert loaded.target == project.program(K=24, H=8).compile().target
    assert loaded.signature.tensors[2].text() == "f32[T, 16]"
    for x in (X, X[:1], X[:0], np.tile(X, (9, 1))):
        mine, theirs = loaded(x, W), project(x, W, eps=1e-5)
        assert mine.p.tobytes() == theirs.p.tobytes() and mine.n.tobytes() == theirs.n.tobytes()
    given = np.empty((5, 16), np.float32)
    assert loaded(w=W, x=X, p=given).p is given
    bound = loaded.bind(X, W)
    assert bound().p.tobytes() == given.tobytes() == project(X, W, eps=1e-5).p.tobytes()


def test_each_target_that_was_built_can_be_chosen(tmp_path, monkeypatch):
    library = scale.export(tmp_path).library
    best = ib.load(library)
    monkeypatch.setenv("IMBREX_ISA", "scalar")
    scalar = ib.load(library)
    assert scalar.target == "scalar" and (scalar(ROWS) == best(ROWS)).all()
    monkeypatch.setenv("IMBREX_ISA", "avx1024")
    with pytest.raises(ib.Error, match="IMBREX_ISA is `avx1024`") as refused:
        ib.load(library)
    assert refused.value.id == "unsupported-isa"


def test_sizes_of_a_loaded_kernel_are_inferred(tmp_path):
    loaded = ib.load(add_rows.export(tmp_path, ["scalar"]).library)
    y = np.zeros((11, 8), np.float32)
    loaded(X.reshape(-1, 8)[:10], y)
    assert (y[:10] == X.reshape(-1, 8)[:10]).all() and (y[10] == 0).all()
    with pytest.raises(ib.Error) as refused:
        loaded(X.reshape(-1, 8)[:9], y)
    assert refused.value.id == "dim-conflict"


def test_two_loads_of_one_file_are_two_kernels(exported):
    one, two = ib.load(exported.library), ib.load(exported.library)
    expected = scale(ROWS)
    assert (one(ROWS) == expected).all()
    del one
    assert (two(ROWS) == expected).all()


def test_a_library_is_replaced_while_it_is_loaded(tmp_path):
    twice = ib.load(scale.export(tmp_path, ["scalar"]).library)
    thrice = ib.load(scale.export(tmp_path, ["scalar"], factor=3).library)
    assert (twice(ROWS) == 2 * ROWS).all() and (thrice(ROWS) == 3 * ROWS).all()


def test_kernels_of_one_folder_have_files_of_their_own(tmp_path):
    first, second = scale.export(tmp_path, ["scalar"]), add_rows.export(tmp_path, ["scalar"])
    assert not set((*first[:2], *first.sources)) & set((*second[:2], *second.sources))
    assert (ib.load(first.library)(ROWS) == 2 * ROWS).all()


def test_a_kernel_of_the_library_is_exported(tmp_path):
    loaded = ib.load(ib.kernels.nn.softmax.export(tmp_path, hidden=8).library)
    assert loaded(ROWS).tobytes() == ib.kernels.nn.softmax(ROWS, hidden=8).tobytes()


def test_loading_needs_no_compiler(exported, tmp_path):
    code = (
        f"import imbrex as ib, numpy as np; kernel = ib.load({exported.library!r})\n"
        "print((kernel(np.ones((3, 8), np.float32)) == 2).all())"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CXX", "IMBREX_CXX")} | {"PATH": "", "IMBREX_CACHE": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("True", "")
    with pytest.raises(ib.Error) as refused, pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMBREX_CXX", "no-such-compiler")
        scale.export(tmp_path / "none")
    assert refused.value.id == "no-compiler" and not (tmp_path / "none").exists()


def test_the_library_serves_other_loaders(exported):
    library = ctypes.CDLL(exported.library)
    library.imbrex_library_targets.restype = ctypes.c_char_p
    assert library.imbrex_library_targets() == b"scalar"


@pytest.mark.parametrize(
    "ask",
    [
        lambda kernel: kernel.text(),
        lambda kernel: kernel.program(),
        lambda kernel: kernel.optimized(),
        lambda kernel: kernel.check(T=3),
        lambda kernel: kernel.explain(),
        lambda kernel: kernel.report(),
        lambda kernel: kernel.generated_code(),
        lambda kernel: kernel.export("nowhere"),
        lambda kernel: kernel.interpret(ROWS),
        lambda kernel: kernel.taps(ROWS),
    ],
)
def test_a_loaded_kernel_has_no_program(exported, ask):
    with pytest.raises(ib.Error, match="is a compiled kernel, loaded from .*libscale.so, and has no program") as refused:
        ask(ib.load(exported.library))
    assert refused.value.id == "no-program"
    assert not os.path.exists("nowhere")


def test_a_comparison_without_a_program_writes_nothing(exported, monkeypatch):
    y = np.full_like(ROWS, -1)
    with pytest.raises(ib.Error) as refused:
        ib.load(exported.library).compare(ROWS, y=y)
    assert refused.value.id == "no-program" and (y == -1).all()
    monkeypatch.setenv("IMBREX_INTERPRET", "1")
    with pytest.raises(ib.Error, match="has no program"):
        ib.load(exported.library)(ROWS)


def test_wrong_calls_of_a_loaded_kernel_are_refused(exported):
    loaded = ib.load(exported.library)
    for arguments, id in [
        ((ROWS[:, :5],), "tensor-shape"),
        ((ROWS.astype(np.float64),), "tensor-dtype"),
        ((ROWS, 3), "python-arguments"),
        ((), "tensor-missing"),
    ]:
        with pytest.raises(ib.Error) as refused:
            loaded(*arguments)
        assert refused.value.id == id
    with pytest.raises(ib.Error, match="has no parameter 'factor'"):
        loaded(ROWS, factor=3.0)


def test_a_loaded_kernel_is_pickled_by_its_path(exported):
    again = pickle.loads(pickle.dumps(ib.load(exported.library)))
    assert (again(ROWS) == 2 * ROWS).all()


def test_wrong_files_are_refused(exported, tmp_path):
    def refused_id(path):
        with pytest.raises(ib.Error) as refused:
            ib.load(path)
        assert str(path) in refused.value.message and refused.value.hint
        return refused.value.id

    text, damaged, shorter = tmp_path / "kernel.py", tmp_path / "damaged.so", tmp_path / "shorter.so"
    text.write_text("import imbrex")
    assert refused_id(tmp_path / "none.so") == "file-unreadable"
    assert refused_id(tmp_path) == "file-unreadable"
    assert refused_id(text) == "cannot-load"
    # A library of another kind: the package's own.
    with pytest.raises(ib.Error, match="is a library, but of no kernel that Imbrex exported") as refused:
        ib.load(sys.modules["imbrex._imbrex"].__file__)
    assert refused.value.id == "cannot-load"
    with open(exported.library, "rb") as file:
        data = file.read()
    shorter.write_bytes(data[: len(data) // 2])
    damaged.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    assert refused_id(shorter) == refused_id(damaged) == "cannot-load"
    with pytest.raises(ib.Error, match="is damaged: its bytes are not those that were exported"):
        ib.load(damaged)


def test_a_library_for_another_machine_is_refused(exported, tmp_path):
    with open(exported.library, "rb") as file:
        data = bytearray(file.read())
    end = data.rfind(b"\nimbrex library")
    data[18:20] = b"\xf3\x00"  # RISC-V, in the header of ELF
    other = tmp_path / "other.so"
    other.write_bytes(data[:end] + b"\nimbrex library, sha256 " + hashlib.sha256(data[:end]).hexdigest().encode() + b"\n")
    with pytest.raises(ib.Error, match="is code for machine 243 of ELF, and this machine is ") as refused:
        ib.load(other)
    assert refused.value.id == "unsupported-isa"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ib.Error, match="file") as refused:
        scale.export(tmp_path / "file", ["scalar"])
    assert refused.value.id == "file-unwritable"


def test_one_target_needs_no_sequence(tmp_path):
    assert ib.load(scale.export(tmp_path, "scalar").library).target == "scalar"


@ib.kernel
def picked_rows(table: ib.Tensor[f32, H, 8], ids: ib.Tensor[ib.int32, T], y: ib.Out[f32, T, 8]):
    ib.assume(T <= 4)
    listed = ids[:]
    ib.assume_each(0, listed, H)
    ib.assume_distinct(listed)
    y[:, :] = table[ib.by(listed), :]


@pytest.mark.parametrize("targets", [["scalar"], []])
def test_a_loaded_kernel_says_what_it_assumes(tmp_path, targets):
    loaded = ib.load(picked_rows.export(tmp_path, targets, H=8).library)
    table = np.ones((8, 8), np.float32)
    lines = picked_rows.__wrapped__.__code__.co_firstlineno
    for ids, text, line in (
        ([0, 1, 2, 3, 4], "`T <= 4`", 2),
        ([0, 8], "`0 <= listed and listed < 8`", 4),
        ([-1, 2], "`0 <= listed and listed < 8`", 4),
        ([3, 3], "that indices read from data lie inside their tensors, that the elements of `listed` differ", 5),
    ):
        found = []
        for kernel in (picked_rows, loaded):
            with pytest.raises(ib.Error) as refused:
                kernel(table, np.array(ids, np.int32))
            found.append(str(refused.value))
            assert refused.value.id == "assumption-failed" and refused.value.line == lines + line
            assert refused.value.file == __file__ and text in refused.value.message
        assert found[0] == found[1]


def test_what_a_loaded_kernel_cannot_do_is_said(tmp_path, monkeypatch):
    loaded = ib.load(scale.export(tmp_path / "it's a \"folder\" of $HOME").library)
    x = np.ones((3, 8), np.float32)
    assert loaded.captured == {} and (loaded(x) == scale(x)).all()
    monkeypatch.setenv("IMBREX_INTERPRET", "1")
    with pytest.raises(ib.Error, match="no-program") as refused:
        ib.load(loaded.path)(x)
    assert refused.value.hint == "call it without IMBREX_INTERPRET=1 in the environment, which has kernels interpreted"
