"""Lesson 8: porting a kernel that is written in PyPTO's vocabulary. docs/vocabulary.md has the whole table.

Rows to int8 with a scale each. In words of that vocabulary, one scope per step with hand-cut tiles of 16 rows:

  for each block of 16 rows, in parallel:
    in-core scope:  load the block; abs; row_max; maximum with 1e-4        -> amax   [16, 1]
                    127 * recip(amax)                                      -> quant  [16, 1]
                    row_expand_mul(block, quant); cast to int32 by rint, then to int8; assemble into q
                    recip(quant); assemble into scale

What changes: a tile is an expression, so that row_expand_mul is `*`; a subscript loads and stores; tiles(T, 16) has no tail to pad; a
cast to int8 saturates, so that the detour through int32 can go or stay (it rounds once: the bits are the same). Words of NumPy and
torch that mean the same are taken, too: ib.maximum is ib.max, and abs is ib.abs.
"""

import imbrex as ib
import numpy as np

T, D = ib.dim("T", typical=128), ib.const("D")


@ib.kernel
def quantize_rows(x: ib.Tensor[ib.f32, T, D], q: ib.Out[ib.int8, T, D], scale: ib.Out[ib.f32, T, 1]):
    for t in ib.parallel(ib.tiles(T, 16)):
        with ib.at("quantize"):
            block = x[t, :]
            quant = 127 * ib.recip(ib.maximum(ib.row_max(abs(block)), 1e-4))
            q[t, :] = ib.cast(ib.cast(block * quant, ib.int32, "rint"), ib.int8, "trunc")
            scale[t, :] = ib.recip(quant)


quantize_rows.check(D=100)  # every row, for every T; no two blocks share memory
x = np.tile(np.arange(-50, 50, dtype=np.float32), (17, 1))
result = quantize_rows(x)
print("-50 becomes", result.q[16, 0], "and 25 becomes", result.q[16, 75], "with scale", result.scale[16, 0])
assert result.q[16, 0] == -127 and result.q[16, 75] == 64  # 63.5 goes to the even neighbour
