"""Lesson 7: will it fit an NPU that is not here? Its memories are a table; the prover adds up what is alive at once in a scope.

docs/capacity.md has the model.
"""

import re

import imbrex as ib

T, D = ib.dim("T", typical=128), ib.const("D")


@ib.kernel
def rms_norm(x: ib.Tensor[ib.bf16, T, D], y: ib.Out[ib.bf16, T, D], rows: int = 64):
    for t in ib.parallel(ib.tiles(T, rows)):
        with ib.at("rms_norm"):
            v = ib.cast(x[t, :], ib.f32)
            y[t, :] = ib.cast(v * ib.rsqrt(ib.row_sum(v * v) * (1 / D) + 1e-6), ib.bf16, "rint")


def fits(rows):
    """The hint of the refusal, or "" where tiles of so many rows fit."""
    try:
        rms_norm.check(target="a2a3", D=4096, rows=rows, T=128)
    except ib.Error as error:
        assert error.id == "over-capacity"
        print(error)  # which tiles, how many bytes, and how many rows would fit
        return error.hint
    return ""


hint = fits(64)  # "use a smaller tile for t: `ib.tiles(T, 5)`"
rows = int(re.findall(r", (\d+)\)", hint)[0])
assert fits(rows) == "" and fits(rows + 16) != ""
print(f"tiles of {rows} rows fit")
