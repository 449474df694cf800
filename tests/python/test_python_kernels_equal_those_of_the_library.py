"""The kernels of nn/ and the plain variant of qkv_proj_rope, in Python: equal to the C++ ones, and the same optimized text."""

import pathlib
import sys

import pytest
from imbrex import _imbrex

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples" / "python"))
import nn
import qkv_proj_rope

# Options of the library's kernels, by the names of constants in Python.
NAMES = {"D": "hidden", "K": "inner", "N": "columns", "M": "kv_columns", "H": "heads", "eps": "eps"}
NN = {
    "rms_norm": {"D": 512, "eps": 1e-6},
    "layer_norm": {"D": 512, "eps": 1e-5},
    "softmax": {"D": 300},
    "matmul": {"K": 512, "N": 256},
    "gemm_bias_silu": {"K": 512, "N": 256},
    "projections": {"D": 512, "N": 256, "M": 128},
    "rope_interleaved": {"H": 4, "D": 64},
    "rope_half_split": {"H": 4, "D": 64},
    "quantize_rows": {"D": 512},
}


def assert_the_same(python, cpp):
    verdict, report = python.equal(cpp)
    assert verdict == "equal", report
    for target in (None, "avx2"):
        assert python.optimize(target).text == cpp.optimize(target).text


@pytest.mark.parametrize("name", NN)
def test_nn(name):
    options = {NAMES[key]: value for key, value in NN[name].items()}
    if name.startswith("rope"):
        options["rope_dim"] = options.pop("hidden")
    python = getattr(nn, name).program(**NN[name])
    cpp = _imbrex.registered_program("nn/" + name, options=options)
    assert_the_same(python, cpp)
    assert python.text == cpp.text  # they are also written alike


@pytest.mark.parametrize("preset, sizes", [("demo", {"D": 512, "H": 4, "Q": 256}), ("flash", {"D": 4096, "H": 64, "Q": 1024})])
def test_plain_qkv_proj_rope(preset, sizes):
    cpp = _imbrex.registered_program("deepseek_v4/qkv_proj_rope", "plain", preset)
    assert_the_same(qkv_proj_rope.qkv_proj_rope.program(**sizes), cpp)


def test_all_of_nn_are_written():
    registered = {entry["name"] for entry in _imbrex.registered()}
    assert {"nn/" + name for name in NN} == {name for name in registered if name.startswith("nn/")}
