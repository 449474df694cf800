"""Kernels as operators of PyTorch: called, given outputs, traced and compiled."""

import imbrex as ib
import numpy as np
import pytest
from imbrex import bf16, f32

torch = pytest.importorskip("torch")

T, D = ib.dim("T", typical=128), ib.const("D")


@ib.kernel
def torch_scale(x: ib.Tensor[bf16, T, D], w: ib.Weight[f32, D], y: ib.Out[bf16, T, D], factor: float = 2.0):
    for t in ib.parallel(ib.tiles(T, 16)):
        y[t, :] = ib.cast(ib.cast(x[t, :], f32) * w[:] * factor, bf16, "rint")


@ib.kernel
def torch_halves(x: ib.Tensor[f32, T, 2 * D], low: ib.Out[f32, T, D], high: ib.Out[f32, T, D]):
    low[:, :], high[:, :] = x[:, 0:D], x[:, D : 2 * D]


@ib.kernel
def torch_sum(x: ib.Tensor[f32, T, D], w: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D]):
    y[:, :] = x[:, :] + w[:, :]


@ib.kernel
def torch_add_to(x: ib.Tensor[f32, T, D], y: ib.InOut[f32, T, D]):
    y[:, :] += x[:, :]


scale, halves, add_to = ib.torch.op(torch_scale), ib.torch.op(torch_halves), ib.torch.op(torch_add_to)
X, W = torch.arange(24.0).reshape(3, 8).bfloat16(), torch.full((8,), 0.5)


def test_kernels_take_and_make_torch_tensors():
    for _ in range(2):
        y = torch_scale(X, W)
        assert isinstance(y, torch.Tensor) and y.dtype == torch.bfloat16 and torch.equal(y, X)
    low, high = torch_halves(X.float())
    assert torch.equal(torch.cat((low, high), dim=1), X.float())
    mixed = torch_scale(X, W.numpy())
    assert isinstance(mixed, torch.Tensor) and torch.equal(mixed, X)
    assert torch_scale.compare(X, W)


def test_prepared_calls_make_outputs_as_the_inputs_are():
    x, w = torch.ones(3, 8), torch.ones(3, 8)
    for given in ((x, w), (x.numpy(), w.numpy()), (x.numpy(), w), (x, w.numpy())):
        for _ in range(2):
            made = torch_sum(*given)
            assert isinstance(made, np.ndarray if all(isinstance(a, np.ndarray) for a in given) else torch.Tensor)
            assert (made == 2).all()


def test_a_functional_operator_returns_its_outputs():
    assert torch.equal(scale(X, W), X)
    assert torch.equal(scale(X, W, factor=4.0), 2 * X)
    assert torch.equal(torch.ops.imbrex.torch_scale(X[:, 2:6], W[:4]), X[:, 2:6])
    low, high = halves(X.float())
    assert torch.equal(low, X.float()[:, :4]) and torch.equal(high, X.float()[:, 4:])


@ib.kernel
def torch_total(x: ib.Tensor[f32, T, D], y: ib.Out[f32, 1, D]):
    s = ib.zeros(f32, 1, D)
    for t in ib.tiles(T, 16):
        s += ib.col_sum(x[t, :])
    y[:, :] = s


def test_no_rows_are_refused_where_outputs_have_elements():
    total = ib.torch.op(torch_total)
    assert torch.equal(total(torch.ones(3, 8)), torch.full((1, 8), 3.0))
    with pytest.raises(ib.Error, match="dim-range"):
        total(torch.ones(0, 8))
    assert scale(X[:0], W).shape == (0, 8)


def test_the_other_form_is_given_its_outputs():
    y = torch.empty_like(X)
    assert torch.ops.imbrex.torch_scale_out(X, W, y=y, factor=4.0) is None
    assert torch.equal(y, 2 * X)


def test_what_is_read_and_written_is_changed():
    y = torch.ones(3, 8)
    assert add_to(X.float(), y) is None
    assert torch.equal(y, X.float() + 1)


def test_torch_accepts_the_operators():
    torch.library.opcheck(torch.ops.imbrex.torch_scale.default, (X, W))
    torch.library.opcheck(torch.ops.imbrex.torch_scale_out.default, (X, W), {"y": torch.empty_like(X)})
    torch.library.opcheck(torch.ops.imbrex.torch_halves.default, (X.float(),))
    torch.library.opcheck(torch.ops.imbrex.torch_add_to.default, (X.float(), torch.ones(3, 8)))


def test_compiled_graphs_hold_the_operators():
    compiled = torch.compile(lambda x, w: scale(x, w) + 1, fullgraph=True, backend="aot_eager")
    for rows in (3, 5, 7):
        x = torch.ones(rows, 8).bfloat16()
        assert torch.equal(compiled(x, W), x + 1)


def test_tensors_with_gradients_are_read_where_none_are_computed():
    w = torch.nn.Parameter(W.clone())
    with torch.no_grad():
        assert torch.equal(torch_scale(X, w), X) and torch.equal(scale(X, w), X)
    for call in (torch_scale, scale, torch_scale.bind, torch_scale.interpret):
        with pytest.raises(ib.Error, match="tensor-gradient"):
            call(X, w)


def test_what_a_kernel_wrote_is_not_what_torch_saved():
    w = torch.ones(3, 8, requires_grad=True)
    h = w * 3
    loss = (h * h).sum()
    with torch.no_grad():
        add_to(X.float(), h)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_views_that_are_not_in_memory_are_refused():
    with pytest.raises(ib.Error, match="array-layout"):
        torch_scale(torch._neg_view(X), W)
    with pytest.raises(ib.Error, match="array-layout"):
        torch_scale(X.to_sparse(), W)


def test_operators_take_views_that_negate():
    x, y = torch._neg_view(X), torch.empty_like(X)
    for _ in range(2):
        assert torch.equal(scale(x, W), -X)
        torch.ops.imbrex.torch_scale_out(x, W, y=y, factor=4.0)
        assert torch.equal(y, -2 * X)


def test_each_write_is_counted():
    y = torch.ones(3, 8)
    out = torch.empty_like(X)
    for count in range(3):
        assert (y._version, out._version) == (count, count)
        add_to(X.float(), y)
        torch.ops.imbrex.torch_scale_out(X, W, y=out)
    with torch.inference_mode():
        x, y = torch.ones(3, 8), torch.ones(3, 8)
        for _ in range(2):
            add_to(x, y)
            torch_add_to(x, y)
    assert (y == 5).all()


def test_compiled_graphs_refuse_gradients():
    x, w = X.float(), torch.ones(3, 8, requires_grad=True)
    total = ib.torch.op(torch_sum)
    with torch.no_grad():
        assert torch.equal(torch.compile(lambda x, w: total(x, w) * 2, fullgraph=True, backend="aot_eager")(x, w), 2 * (x + 1))
    with pytest.raises(Exception, match="tensor-gradient.*w.* requires a gradient, and a kernel has no derivative"):
        torch.compile(lambda x, w: total(x, w) * 2, fullgraph=True, backend="aot_eager")(x, w)
    y = torch.ones(3, 8, requires_grad=True) * 2
    with pytest.raises(Exception, match="tensor-gradient.*y.* requires a gradient"):
        torch.compile(lambda x, y: add_to(x, y), fullgraph=True, backend="aot_eager")(x, y)


def test_bad_tensors_are_one_error():
    with pytest.raises(ib.Error, match="tensor-dtype"):
        torch_scale(X.float(), W)
    with pytest.raises(ib.Error, match="dim-conflict"):
        torch_scale(X, W[:5])


def test_bf16_of_torch_and_numpy_have_the_same_bits():
    bits = torch_scale(X.view(torch.uint16).numpy(), W.numpy())
    assert (np.asarray(bits).view(np.uint16) == X.view(torch.uint16).numpy()).all()


def test_an_operator_is_defined_once_and_its_kernel_replaced():
    def made(factor):
        @ib.kernel(name="torch_replaced")
        def k(x: ib.Tensor[f32, T], y: ib.Out[f32, T]):
            y[:] = x[:] * factor

        return ib.torch.op(k)

    x = torch.ones(3)
    first = made(2)
    assert (first(x) == 2).all()
    assert (made(3)(x) == 3).all() and (first(x) == 3).all() and ib.torch.op(torch_scale) is scale
    with pytest.raises(ib.Error, match="duplicate-name.*imbrex::torch_scale is defined, with other parameters") as refused:
        ib.torch.op(torch_halves, name="torch_scale")
    assert refused.value.file == __file__


def test_kernels_that_make_no_operator_are_refused():
    N, free = ib.dim("N"), ib.const("free")

    @ib.kernel
    def infinite(x: ib.Tensor[f32, T], y: ib.Out[f32, T], limit: float = float("inf")):
        y[:] = ib.min(x[:], limit)

    @ib.kernel
    def no_input(y: ib.Out[f32, 8]):
        y[:] = ib.zeros(f32, 1, 8)

    @ib.kernel
    def a_free_constant(x: ib.Tensor[f32, T], y: ib.Out[f32, T]):
        y[:] = x[:] * free

    @ib.kernel
    def a_free_dimension(x: ib.Tensor[f32, T], y: ib.Out[f32, N]):
        y[:] = ib.zeros(f32, 1, N)

    for kernel, message in (
        (infinite, "the default of 'limit' of infinite is inf"),
        (no_input, "no_input has no tensor among its inputs"),
        (a_free_constant, "no input of a_free_constant gives free"),
        (a_free_dimension, "no input of a_free_dimension gives N"),
        (print, "makes operators of kernels; got <built-in function print>"),
    ):
        with pytest.raises(ib.Error, match=message) as refused:
            ib.torch.op(kernel)
        assert refused.value.file == __file__ and refused.value.hint
    with pytest.raises(ib.Error, match="bad-name"):
        ib.torch.op(torch_scale, name="a b")


def test_many_tensors_and_kernels_of_the_library(tmp_path):
    from test_wrong_kernels_are_explained import kernel_of

    names = [f"t{i}" for i in range(30)]
    text = "import imbrex as ib\nT = ib.dim('T')\n@ib.kernel(name='torch_many')\ndef k("
    text += ", ".join(f"{name}: ib.InOut[ib.f32, T]" for name in names) + "):\n"
    text += "".join(f"    {name}[:] += {i}\n" for i, name in enumerate(names))
    many = [torch.zeros(2) for _ in names]
    ib.torch.op(kernel_of(text, tmp_path))(*many)
    assert [int(t[0]) for t in many] == list(range(30))
    norm = ib.torch.op(ib.kernels.nn.rms_norm, name="torch_rms_norm")
    assert norm is torch.ops.imbrex.torch_rms_norm.default


def test_a_call_like_one_before_is_prepared_for_an_operator_too(monkeypatch):
    y = torch.empty_like(X)
    torch.ops.imbrex.torch_scale_out(X, W, y=y, factor=3.0)

    def general(*given, **named):
        raise AssertionError("the general way was taken")

    monkeypatch.setattr(type(torch_scale), "_call", general)
    torch.ops.imbrex.torch_scale_out(X, W, y=y, factor=3.0)
    assert torch.equal(y, 1.5 * X)


def test_a_bound_tensor_may_be_given_other_memory():
    x, w = torch.arange(24.0).reshape(3, 8), torch.ones(3, 8)
    bound = torch_sum.bind(x, w)
    expected = x + w
    x.data = torch.full((3, 8), 5.0)
    del x
    assert torch.equal(bound(), expected)



def test_a_bound_tensor_whose_storage_was_resized_is_refused():
    for size in (0, 1 << 26):
        x, y = X.clone(), torch.zeros_like(X)
        bound = torch_scale.bind(x, W, y=y)
        x.untyped_storage().resize_(size)
        with pytest.raises(ib.Error, match="array-moved.*'x' has other memory"):
            bound()
        assert (y == 0).all()


def test_a_weight_that_was_packed_may_go():
    @ib.kernel
    def product(x: ib.Tensor[ib.bf16, T, 64], w: ib.Weight[ib.bf16, 64, 32], y: ib.Out[ib.f32, T, 32]):
        for t in ib.parallel(ib.tiles(T, 16)):
            y[t, :] = ib.matmul(x[t, :], w[:, :])

    x, w = torch.ones(3, 64, dtype=torch.bfloat16), torch.ones(64, 32, dtype=torch.bfloat16)
    bound = product.bind(x, w)
    w.untyped_storage().resize_(0)
    assert (bound() == 64).all()


def test_messages_of_tensors_have_their_names():
    with pytest.raises(ib.Error, match="'x' is a view that negates another"):
        torch_scale(torch._neg_view(X), W)
    with pytest.raises(ib.Error, match="'x' is sparse"):
        torch_scale(X.to_sparse(), W)
    with pytest.raises(ib.Error, match="'w' is not in the memory of the processor"):
        torch_scale(X, W.to("meta"))


def test_tensors_of_other_classes_are_torchs():
    class Marked(torch.Tensor):
        pass

    x = torch.arange(24.0).reshape(3, 8)
    y = torch_sum(x.as_subclass(Marked), torch.ones(3, 8))
    assert isinstance(y, torch.Tensor) and torch.equal(y, x + 1)


def test_tensors_of_other_devices_are_refused():
    x, nowhere = torch.ones(3, 8), torch.empty(3, 8, device="meta")
    total = ib.torch.op(torch_sum)
    with pytest.raises(ib.Error, match="w is on the device meta, and x on cpu"):
        total(x, nowhere)
    y = torch.zeros(3, 8)
    with pytest.raises(ib.Error, match="y is on the device meta, and x on cpu"):
        torch.ops.imbrex.torch_sum_out(x, x, y=nowhere)
    assert not y.any()
    assert total(nowhere, nowhere).device.type == "meta"


def test_shape_implementations_know_how_many_axes_there_are():
    from torch._subclasses.fake_tensor import FakeTensorMode

    row, w = X[0].clone(), W.clone()
    with FakeTensorMode() as fake, pytest.raises(ib.Error, match="'x' of torch_scale .* has 2 axes; got 1"):
        scale(fake.from_tensor(row), fake.from_tensor(w))


def test_operators_have_names_that_torch_takes():
    for name in ("größe", "a b"):
        with pytest.raises(ib.Error, match="bad-name"):
            ib.torch.op(torch_scale, name=name)
