#!/usr/bin/env python3
"""Products of matrices: Imbrex beside PyTorch, which calls MKL for f32 and oneDNN for bf16.

    python3 -m venv torch-venv && torch-venv/bin/pip install torch
    torch-venv/bin/python bench/pytorch/products.py build/imbrex [THREADS]

Imbrex packs the right matrix once, as weights are; PyTorch gets it as `torch.mm` and `torch.nn.functional.linear` take it. Of bf16
Imbrex's result is f32, PyTorch's bf16.
"""
import os
import pathlib
import sys

import torch

import in_turns

F32 = pathlib.Path(__file__).with_name("matmul_f32.tile")
SIZES_F32 = (1024, 1024, 1024), (1000, 1003, 1001)  # rows, columns, inner
ROWS_BF16, WIDTH_BF16 = (1, 4, 16, 128, 1024), 4096


def main():
    command, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    print(f"PyTorch {torch.__version__}, {threads} threads\n      {'rows':>6}{'columns':>9}{'inner':>7}{in_turns.HEADS}")
    for rows, columns, inner in SIZES_F32:
        a, b, c = torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns)
        kernel = [str(F32), "--dim", f"T={rows}", "--dim", f"N={columns}", "--dim", f"K={inner}"]
        numbers = in_turns.line(command, kernel, threads, lambda: torch.mm(a, b, out=c))
        print(f"f32   {rows:6}{columns:9}{inner:7}{numbers}", flush=True)
    w = torch.randn(WIDTH_BF16, WIDTH_BF16).bfloat16()
    for rows in ROWS_BF16:
        x = torch.randn(rows, WIDTH_BF16).bfloat16()
        kernel = ["nn/matmul", "--set", f"inner={WIDTH_BF16}", f"columns={WIDTH_BF16}", "--tokens", str(rows)]
        with torch.no_grad():
            numbers = in_turns.line(command, kernel, threads, lambda: torch.nn.functional.linear(x, w))
        print(f"bf16  {rows:6}{WIDTH_BF16:9}{WIDTH_BF16:7}{numbers}", flush=True)


if __name__ == "__main__":
    main()
