#!/usr/bin/env python3
"""Softmax over rows on one thread: Imbrex beside PyTorch eager, in turns, medians in microseconds.

    python3 -m venv torch-venv && torch-venv/bin/pip install torch
    torch-venv/bin/python bench/pytorch/softmax.py build/imbrex
"""
import json
import statistics
import subprocess
import sys
import time

import torch

ROWS, COLUMNS, TURNS = (1, 128, 4096), (1000, 4096, 32000), 5
LARGEST = 128 * 1024 * 1024  # elements of one tensor


def imbrex_seconds(command, rows, columns):
    out = subprocess.run([command, "bench", "nn/softmax", "--set", f"hidden={columns}", "--tokens", str(rows), "--threads", "1",
                          "--no-cold", "--rounds", "9", "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["sizes"][0]["contestants"]["kernel"]["hot"]["median_ms"] / 1e3


def torch_seconds(rows, columns):
    x, y = torch.randn(rows, columns), torch.empty(rows, columns)
    times, begin = [], time.perf_counter()
    while len(times) < 9 or time.perf_counter() - begin < 0.05:
        start = time.perf_counter()
        torch.softmax(x, 1, out=y)
        times.append(time.perf_counter() - start)
    return statistics.median(times[len(times) // 4:])


def main():
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}\n{'rows':>6}{'columns':>9}{'Imbrex us':>12}{'PyTorch us':>12}{'ratio':>8}")
    for rows in ROWS:
        for columns in COLUMNS:
            if rows * columns > LARGEST:
                continue
            pairs = [(imbrex_seconds(sys.argv[1], rows, columns), torch_seconds(rows, columns)) for _ in range(TURNS)]
            ours, theirs = (statistics.median(side) for side in zip(*pairs))
            print(f"{rows:6}{columns:9}{1e6 * ours:12.1f}{1e6 * theirs:12.1f}{ours / theirs:8.2f}", flush=True)


if __name__ == "__main__":
    main()
