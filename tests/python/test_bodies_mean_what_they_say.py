"""What statements and names of a body become, as the text of the program."""

from __future__ import annotations

import math

import imbrex as ib
import numpy as np
import pytest
from imbrex import f32

T = ib.dim("T", typical=128)
D = ib.const("D")


def body_of(kernel, **constants):
    """The statements of a kernel, without indentation and blank lines."""
    lines = [line.strip() for line in kernel.text(**constants).splitlines()]
    first = max(i for i, line in enumerate(lines) if line.startswith(("input", "weight", "output", "inout")))
    return [line for line in lines[first + 1 : -1] if line]


def test_a_first_assignment_makes_a_tile_and_a_second_one_gives_it_another_value():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        v = x[:, :]
        v = v * 2
        v -= 1
        w = v
        w = -w
        y[:, :] = v + w

    assert body_of(k) == [
        "let v = x[:, :]",
        "v = v * 2.0",
        "v = v - 1.0",
        "let w = v",
        "w = -w",
        "y[:, :] = v + w",
    ]


def test_another_shape_in_the_same_block_is_a_new_tile():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 1]):
        v = x[:, :]
        v = ib.row_sum(v)
        y[:, :] = v

    assert body_of(k) == ["let v = x[:, :]", "let v_2 = row_sum(v)", "y[:, :] = v_2"]


def test_tiles_of_the_surroundings_carry_through_loops_and_branches():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 64], y: ib.Out[f32, T, 1]):
        s = ib.zeros(f32, T, 1)
        for d in ib.tiles(64, 16):
            if d.index == 0 and d.size >= 4:
                s = ib.max(s, ib.row_max(x[:, d]))
            elif not d.index > 2:
                s = s + ib.row_max(x[:, d])
            else:
                s = 0.5
        y[:, :] = s

    assert body_of(k)[1:-1] == [
        "range d in tiles(64, 16) {",
        "if d.index == 0 and d.size >= 4 {",
        "s = max(s, row_max(x[:, d]))",
        "} else {",
        "if d.index <= 2 {",
        "s = s + row_max(x[:, d])",
        "} else {",
        "s = full(f32, [T, 1], 0.5)",
        "}",
        "}",
        "}",
    ]


def test_values_of_a_tuple_are_computed_before_any_is_assigned():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], z: ib.Out[f32, T, 8]):
        a, b = x[:, :], x[:, :] * 2
        a, b = b, a
        y[:, :], z[:, :] = a, b

    x = np.random.default_rng(1).random((3, 8), np.float32)
    y, z = k.interpret(x)
    assert (y == 2 * x).all() and (z == x).all()


def test_loops_over_constants_are_unrolled_and_branches_on_constants_are_decided():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8], twice: bool = False):
        v = x[:, :]
        for i, factor in ((0, 2.0), (1, 3.0)):
            for j in range(i + 1):
                v = v * (factor + j)
        if twice and D is not None:
            v = v * 2
        y[:, :] = v if not twice else v + 1

    assert body_of(k, D=1) == ["let v = x[:, :]", "v = v * 2.0", "v = v * 3.0", "v = v * 4.0", "y[:, :] = v"]
    assert body_of(k, D=1, twice=True)[-2:] == ["v = v * 2.0", "y[:, :] = v + 1.0"]


def test_loops_have_the_names_of_their_variables_and_pins():
    @ib.kernel(no_fusion=True)
    def k(x: ib.Tensor[f32, T, 64], y: ib.Out[f32, T, 64]):
        for row_tile in ib.parallel(ib.tiles(T, 16), as_written=True):
            for part in ib.range(ib.tiles(row_tile, 4), tile=4):
                with ib.at("copy", no_fusion=True):
                    for _ in ib.pipeline(2, ib.tiles(64, 32)):
                        y[part, _] = x[part, _]

    text = k.text()
    assert 'kernel "k" @no_fusion {' in text
    assert "parallel row_tile in tiles(T, 16) @as_written {" in text
    assert "range part in tiles(row_tile, 4) @tile(4) {" in text
    assert 'at "copy" @no_fusion {' in text
    assert "pipeline(2) s in tiles(64, 32) {" in text


def test_names_that_are_words_of_programs_are_changed():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        even, odd = ib.even(x[:, :]), ib.odd(x[:, :])
        y[:, :] = ib.interleave(even, odd)

    assert body_of(k) == ["let even_ = even(x[:, :])", "let odd_ = odd(x[:, :])", "y[:, :] = interleave(even_, odd_)"]


def test_slices_are_spans_ranges_indices_and_rows():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 64], ids: ib.Tensor[ib.int32, 4], y: ib.InOut[f32, T, 64]):
        rows = ids[:]
        ib.assume_each(0, rows, T)
        for i in ib.range(4):
            y[0, 16 * i : 16 * i + 16] = x[0, i * 16 : (i + 1) * 16]
            y[0, i + 9 - 2 : i + 11 - i % 2 + i % 2] = x[0, i + 7 : i + 11]
            y[0, i:] = x[0, i:]
            y[0, :i] = x[0, :i]
            y[ib.span(0, 1), ib.between(i, 4)] = x[0, ib.between(i, 4)]
        y[0:4, :] = x[ib.by(rows), :]

    assert body_of(k)[3:8] == [
        "y[0, 16 * i +: 16] = x[0, i * 16 +: 16]",
        "y[0, i + 9 - 2 +: 4] = x[0, i + 7 +: 4]",
        "y[0, i +: max(64 - i, 0)] = x[0, i +: max(64 - i, 0)]",
        "y[0, 0 +: max(i, 0)] = x[0, 0 +: max(i, 0)]",
        "y[0 +: 1, i +: max(4 - i, 0)] = x[0, i +: max(4 - i, 0)]",
    ]


def test_slices_are_changed_in_place():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.InOut[f32, T, 8]):
        y[:, :] += x[:, :]
        y[:, :] *= 2

    assert body_of(k) == ["y[:, :] = y[:, :] + x[:, :]", "y[:, :] = y[:, :] * 2.0"]


def test_tensors_are_named_after_their_variables():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        for i in range(2):
            scratch = ib.create_tensor(f32, T, 8)
            scratch[:, :] = x[:, :]
            flat = ib.view("given", scratch, T * 8) if i else ib.view("first", scratch, T * 8)
            flat[:] = flat[:] * 2
        y[:, :] = scratch[:, :]

    text = k.text()
    assert "create scratch: f32[T, 8]" in text and "create scratch_2: f32[T, 8]" in text
    assert "view first = scratch: [T * 8]" in text and "view given = scratch_2: [T * 8]" in text


def halves(v):
    """A sub-kernel that returns two tiles."""
    n = v.columns // 2
    return ib.columns(v, 0, n), ib.columns(v, n, n)


def scaled(v, factor=2.0, *, offset=0):
    v = v * factor
    if offset:
        return v + offset
    return v


def test_sub_kernels_are_inlined_with_their_defaults_and_keep_the_callers_names():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 4]):
        v = x[:, :]
        low, high = halves(v)
        y[:, :] = scaled(low) + scaled(offset=1, v=high, factor=3) + ib.columns(v, 0, 4)

    x = np.arange(16, dtype=np.float32).reshape(2, 8)
    assert (k.interpret(x) == x[:, :4] * 2 + x[:, 4:] * 3 + 1 + x[:, :4]).all()
    assert list(k.captured) == ["halves", "scaled"]


def one_tile_twice(v):
    w = v * 2
    return w, w


def test_a_tile_that_is_returned_twice_is_two():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        a, b = one_tile_twice(x[:, :])
        a += 1
        y[:, :] = a - b

    assert (k.interpret(np.ones((2, 8), np.float32)) == 1).all()


def first_column(x, t, y):
    y[t, :] = x[t, :] * 0 - 1
    return ib.zeros(f32, t, 1)


def test_what_is_loaded_before_a_sub_kernel_stores_is_what_was_there():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 1], y: ib.InOut[f32, T, 1]):
        for t in ib.parallel(ib.tiles(T, 4)):
            y[t, :] = y[t, :] + first_column(x, t, y)

    x, y = np.zeros((3, 1), np.float32), np.full((3, 1), 5, np.float32)
    k.interpret(x, y)
    assert (y == 5).all()


def test_parts_of_a_tuple_and_of_a_changed_slice_are_loaded_in_their_order():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 1], y: ib.InOut[f32, T, 1], z: ib.Out[f32, T, 1]):
        for t in ib.parallel(ib.tiles(T, 4)):
            before, zero = y[t, :], first_column(x, t, y)
            z[t, :] = before + zero
            y[t, :] += first_column(x, t, y) + 1

    x, y = np.zeros((3, 1), np.float32), np.full((3, 1), 5, np.float32)
    z = k.interpret(x, y)
    assert (z == 5).all() and (y == 0).all()


def test_a_constant_that_a_nested_block_changes_has_no_single_value_after_it():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        n = 2
        for _ in ib.range(4):
            n = 3
            with ib.at("scope"):
                n = 4
        y[:, :] = x[:, :] * n

    with pytest.raises(ib.Error, match="python-rebind"):
        k.program()


def test_values_from_outside_are_taken_when_the_kernel_is_decorated():
    scale, shift, rounded = 3, (1, 2.5), np.float32(0.5)

    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        y[:, :] = x[:, :] * scale + shift[1] * rounded * math.sqrt(4)

    scale = 4
    assert body_of(k) == ["y[:, :] = x[:, :] * 3.0 + 2.5"]
    assert k.captured == {"scale": 3, "shift": (1, 2.5), "rounded": 0.5}


def test_dimensions_may_be_local_to_a_function_and_have_the_same_name():
    def made(typical):
        N = ib.dim("N", typical=typical, max=4096)

        @ib.kernel
        def k(x: ib.Tensor[f32, N], y: ib.Out[f32, N]):
            y[:] = x[:]

        return k.text()

    assert "dim N typical 7 max 4096" in made(7) and "dim N typical 9 max 4096" in made(9)


def test_two_dimensions_of_one_name_are_the_same_or_an_error():
    N, again, other = ib.dim("N", typical=7), ib.dim("N", typical=7), ib.dim("N", typical=8)

    @ib.kernel
    def same(x: ib.Tensor[f32, N], y: ib.Out[f32, again]):
        y[:] = x[:]

    @ib.kernel
    def differ(x: ib.Tensor[f32, N], y: ib.Out[f32, other]):
        y[:] = x[:]

    same.check()
    with pytest.raises(ib.Error, match="two dimensions of one kernel are called N"):
        differ.check()


def free_dimension(v):
    return v * ib.cast(T, f32, "rint")


def test_a_name_is_one_size_or_one_parameter():
    N, rows, plain_T = ib.dim("N"), ib.const("n"), ib.const("T")

    def as_number(x: ib.Tensor[f32, T, D], y: ib.Out[f32, T, D], D: int = 3):
        y[:, :] = x[:, :]

    def as_tensor(N: ib.Tensor[f32, N], y: ib.Out[f32, N]):
        y[:] = N[:]

    def in_the_body(x: ib.Tensor[f32, 8], y: ib.Out[f32, 8], n: int = 3):
        y[:] = x[:] * rows

    def two_kinds(x: ib.Tensor[f32, T], y: ib.Out[f32, T]):
        y[:] = x[:] * plain_T

    def two_kinds_below(x: ib.Tensor[f32, plain_T], y: ib.Out[f32, plain_T]):
        y[:] = free_dimension(x[:])

    for function, message in (
        (as_number, "'D' is a parameter, and the name of a constant"),
        (as_tensor, "'N' is a parameter, and the name of a dimension"),
        (in_the_body, "'n' is a parameter, and the name of a constant"),
        (two_kinds, "T is a dimension and a constant"),
        (two_kinds_below, "T is a dimension and a constant"),
    ):
        with pytest.raises(ib.Error, match=f"python-parameter.*{message}") as refused:
            ib.kernel(function)
        assert refused.value.line > 0


def test_a_dimension_that_no_shape_has_is_given_by_name():
    N = ib.dim("N")

    @ib.kernel
    def k(x: ib.Tensor[f32, 1, 8], y: ib.Out[f32, 1, 8]):
        v = x[:, :]
        for _ in ib.range(N):
            v = v + 1
        y[:, :] = v

    x = np.zeros((1, 8), np.float32)
    assert (k(x, N=3) == 3).all() and (k.interpret(x, N=4) == 4).all()
    with pytest.raises(ib.Error, match="dim-missing"):
        k(x)


def test_indices_are_read_compared_and_computed():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], n: ib.Tensor[ib.int32, 1], y: ib.Out[f32, T, 8]):
        count = ib.read(n, 0)
        ib.assume(0 <= count <= T)
        for i in ib.parallel(T):
            y[i, :] = x[i, :]
            if i < count and i % 2 == 0:
                y[i, :] = x[ib.min(i + 1, T - 1), :] * ib.cast(-i + ib.max(i, 3) // 2, f32, "rint")

    k.check()
    x = np.arange(40, dtype=np.float32).reshape(5, 8)
    y = k(x, np.array([3], np.int32))
    expected = x.copy()
    expected[0], expected[2] = x[1] * 1, x[3] * (-2 + 1)
    assert (y == expected).all()


def optional(v, w=None):
    if w is not None:
        v = v * w[:]
    return v if w is None else v + 1


def test_a_tensor_is_not_none():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], w: ib.Tensor[f32, 8], y: ib.Out[f32, T, 8], z: ib.Out[f32, T, 8]):
        y[:, :], z[:, :] = optional(x[:, :], w), optional(x[:, :])

    x = np.ones((2, 8), np.float32)
    y, z = k.interpret(x, 2 * x[0])
    assert (y == 3).all() and (z == 1).all()


def test_whole_numbers_beside_f32_are_numbers_of_f32():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        y[:, :] = ib.select(x[:, :] < 2**33, x[:, :] * 2**40 + 2**31 - 2**32, 0)

    x = np.ones((2, 8), np.float32)
    assert (k.interpret(x) == np.float32(2**40) + np.float32(2**31) - np.float32(2**32)).all()


def test_a_copy_of_a_tile_is_another_tile():
    @ib.kernel
    def k(x: ib.Tensor[f32, T, 8], y: ib.Out[f32, T, 8]):
        v = x[:, :]
        before = v
        v *= 2
        y[:, :] = v - before

    x = np.ones((2, 8), np.float32)
    assert (k.interpret(x) == 1).all()
