"""What the builder and the prover say to try, as an author of Python writes it."""

import pytest

from imbrex.errors import Error
from imbrex.hints import in_python


@pytest.mark.parametrize(
    ("said", "in_words_of_python"),
    [
        ("cast(value, bf16, rint)", 'ib.cast(value, ib.bf16, "rint")'),
        ("cast the operand first: cast(x, f32)", "cast the operand first: ib.cast(x, ib.f32)"),
        (
            "cast(cast(x, f32), uint8, ceil), which makes the least number of it",
            'ib.cast(ib.cast(x, ib.f32), ib.uint8, "ceil"), which makes the least number of it',
        ),
        ("use another tile for this value: let other = sum + 1.0", "use another tile for this value: other = sum + 1.0"),
        (
            "say where its elements lie, before this line: `assume 0 <= rows and rows < V`",
            "say where its elements lie, before this line: `ib.assume_each(0, rows, V)`",
        ),
        ("`assume 0 <= i and i + 4 <= T`", "`ib.assume(0 <= i and i + 4 <= T)`"),
        ("put it under `if t.begin >= 0`", "put it under `if t.begin >= 0:`"),
        ("`assume_distinct all`", "`ib.assume_distinct(all)`"),
        ("`assume_distinct all except -1`", "`ib.assume_distinct(all, but=-1)`"),
        ("`read i = slots[k]` and `if i != -1`", "`i = ib.read(slots, k)` and `if i != -1:`"),
        ("`parallel t in tiles(T, 64)`", "`for t in ib.parallel(ib.tiles(T, 64))`"),
        ("use a smaller tile: `t in tiles(T, 8)`", "use a smaller tile: `t in ib.tiles(T, 8)`"),
        (
            "store to a slice of it, y(...) = value; assigning to a tile stores nothing",
            "store to a slice of it, `y[...] = value`; assigning to a tile stores nothing",
        ),
        ("name the parts with `let`", "give its parts names"),
        ("write it with zeros: `y[...] = full(...)`", "write it with zeros: `y[...] = ib.full(...)`"),
        ("give extents of at least 1", "give extents of at least 1"),
        ("", ""),
    ],
)
def test_hints_are_said_in_python(said, in_words_of_python):
    assert in_python(said) == in_words_of_python
    assert in_python(in_words_of_python) == in_words_of_python


def test_hints_of_cells_of_notebooks_are_in_python():
    for file, hint in (("<ipython-input-1>", "ib.cast(x, ib.f32)"), ("/tmp/ipykernel_1/2.py", "ib.cast(x, ib.f32)"), ("a.tile", "cast(x, f32)")):
        assert Error([("id", "message", "cast(x, f32)", file, 1)]).hint == hint
