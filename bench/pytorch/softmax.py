#!/usr/bin/env python3
"""Softmax over rows on one thread: Imbrex beside PyTorch eager.

    python3 -m venv torch-venv && torch-venv/bin/pip install torch
    torch-venv/bin/python bench/pytorch/softmax.py build/imbrex
"""
import sys

import torch

import in_turns

ROWS, COLUMNS = (1, 128, 4096), (1000, 4096, 32000)
LARGEST = 128 * 1024 * 1024  # elements of one tensor


def main():
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}\n{'rows':>6}{'columns':>9}{in_turns.HEADS}")
    for rows in ROWS:
        for columns in COLUMNS:
            if rows * columns > LARGEST:
                continue
            x, y = torch.randn(rows, columns), torch.empty(rows, columns)
            kernel = ["nn/softmax", "--set", f"hidden={columns}", "--tokens", str(rows)]
            print(f"{rows:6}{columns:9}{in_turns.line(sys.argv[1], kernel, 1, lambda: torch.softmax(x, 1, out=y))}", flush=True)


if __name__ == "__main__":
    main()
