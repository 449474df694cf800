"""Words of NumPy, torch, Triton and Python: the same program as ours, or an error that names our form."""

import math
import types

import imbrex as ib
import numpy as np
import pytest
from imbrex import habits

T = ib.dim("T")
# What a body sees of libraries that are not installed: a module of the name.
torch, tl = types.ModuleType("torch"), types.ModuleType("triton.language")

WORDS = {**habits.FUNCTIONS, **habits.METHODS, **habits.BUILTINS}


@ib.kernel
def by_habit(x: ib.Tensor[ib.f32, T, 64], w: ib.Tensor[ib.bf16, 64, 64], y: ib.Out[ib.f32, T, 64]):
    v = torch.sqrt(np.abs(x[:, :])) + abs(x[:, :])
    v = np.where(v > 1, np.maximum(v, 2), tl.minimum(v, np.pi))
    v = v - v.max(axis=1) + torch.sum(v, dim=-1) - np.min(v, axis=1) + v.sum(0) + v.exp() + max(v, 1)
    product = torch.matmul(v.to(torch.bfloat16, "rint"), w[:, :])
    for t in ib.range(tl.cdiv(T, 1)):
        y[t, :] = x[t, :].astype(np.float32) * 0 + ib.reciprocal(ib.row_sum(product))[0] if False else x[t, :]
    y[:, :] = product + np.transpose(np.transpose(v))


@ib.kernel
def by_our_words(x: ib.Tensor[ib.f32, T, 64], w: ib.Tensor[ib.bf16, 64, 64], y: ib.Out[ib.f32, T, 64]):
    v = ib.sqrt(ib.abs(x[:, :])) + ib.abs(x[:, :])
    v = ib.select(v > 1, ib.max(v, 2), ib.min(v, 3.141592653589793))
    v = v - ib.row_max(v) + ib.row_sum(v) - ib.row_min(v) + ib.col_sum(v) + ib.exp(v) + ib.max(v, 1)
    product = ib.cast(v, ib.bf16, "rint") @ w[:, :]
    for t in ib.range(ib.ceil_div(T, 1)):
        y[t, :] = x[t, :]
    y[:, :] = product + ib.transpose(ib.transpose(v))


def test_aliases_are_our_words():
    assert by_habit.text().replace("by_habit", "by_our_words") == by_our_words.text()


def test_there_are_at_least_forty():
    assert len(set(WORDS)) >= 40


@pytest.mark.parametrize("name", [name for name, habit in WORDS.items() if isinstance(habit, habits.Refused)])
def test_a_refused_habit_says_what_to_write(name):
    hint = WORDS[name].hint
    assert any(form in hint for form in ("`", "ib.", "leave it out")), hint


@pytest.mark.parametrize("name", [name for name, habit in habits.FUNCTIONS.items() if isinstance(habit, habits.Refused)])
def test_a_refused_function_is_refused_in_a_body(name, tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    text = f"""import imbrex as ib
import types
torch = types.ModuleType("torch")
T = ib.dim("T")

@ib.kernel
def k(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    y[:, :] = torch.{name}(x[:, :])
"""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, tmp_path).program()
    assert refused.value.id == "python-habit" and refused.value.line == 8
    assert refused.value.hint == habits.FUNCTIONS[name].hint


def test_a_word_that_nobody_knows_is_refused():
    def k(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
        y[:, :] = torch.logsumexp(x[:, :])

    with pytest.raises(ib.Error, match=r"python-habit.*torch.logsumexp has no form in a kernel"):
        ib.kernel(k)


@pytest.mark.parametrize(
    "call", ["print(1)", 'exec("1")', 'eval("1")', "input()", '__import__("os")', "globals()", 'setattr(1, "a", 2)', "id(1)", "vars()"]
)
def test_what_does_more_than_compute_is_refused_and_not_done(call, tmp_path, capsys):
    from test_wrong_kernels_are_explained import kernel_of

    text = f"""import imbrex as ib
T = ib.dim("T")

@ib.kernel
def k(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    y[:, :] = x[:, :]
    v = {call}
"""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, tmp_path).program()
    assert refused.value.id in ("python-habit", "python-capture") and refused.value.line == 7
    assert capsys.readouterr().out == "" and refused.value.hint


def test_what_only_computes_is_done():
    @ib.kernel
    def k(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
        n = round(abs(min(-2.5, 1.0))) + len(str(int("12"))) + sum((1, 2)) + pow(2, 3) + divmod(7, 2)[1] + max(tuple(range(3)))
        y[:, :] = x[:, :] * float(n) + math.floor(math.log2(8)) * bool(1)

    assert "x[:, :] * 18.0 + 3.0" in k.text()


@pytest.mark.parametrize(
    "call",
    [
        "np.max(x[:, :], axis=1, initial=100)",
        "np.sum(x[:, :], axis=1, dtype=np.float32)",
        "np.sum(x[:, :], axis=1, where=x[:, :] > 0)",
        "np.min(x[:, :], axis=1, out=y)",
        "np.max(x[:, :], 1, None)",
        "np.max(x[:, :], 1, axis=1)",
        "x[:, :].sum(1, torch.float32)",
        "np.sum(x[:, :], axis=0, dim=1)",
        "(x[:, :] + 0).max(1, initial=0)",
    ],
)
def test_other_arguments_of_reductions_are_refused(call, tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    text = f"""import types
import imbrex as ib
import numpy as np
torch = types.ModuleType("torch")
T = ib.dim("T")

@ib.kernel
def k(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 1]):
    y[:, :] = ib.row_sum({call}) if True else torch.sqrt(np.sum(x[:, :], axis=1, keepdims=True))
"""
    with pytest.raises(ib.Error) as refused:
        kernel_of(text, tmp_path).program()
    assert refused.value.id == "python-habit" and refused.value.line == 9 and refused.value.hint
    kernel_of(text.replace("if True", "if False"), tmp_path).program()
