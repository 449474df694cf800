"""Imbrex and PyTorch in turns, on as many threads: medians of what `imbrex bench` measures and of what a Python function takes."""
import json
import statistics
import subprocess
import time

TURNS = 5


def imbrex_seconds(command, kernel, threads):
    """`kernel`: what `imbrex bench` is given, such as ["nn/softmax", "--tokens", "8"]."""
    out = subprocess.run([command, "bench", *kernel, "--threads", str(threads), "--no-cold", "--no-plain", "--rounds", "9", "--json"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)["sizes"][0]["contestants"]["kernel"]["hot"]["median_ms"] / 1e3


def torch_seconds(run):
    times, begin = [], time.perf_counter()
    while len(times) < 12 or time.perf_counter() - begin < 0.05:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times[len(times) // 4:])  # the first ones warm up


def line(command, kernel, threads, run):
    """The end of a table's line: both medians in microseconds, and Imbrex's time over PyTorch's."""
    pairs = [(imbrex_seconds(command, kernel, threads), torch_seconds(run)) for _ in range(TURNS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    return f"{1e6 * ours:12.1f}{1e6 * theirs:12.1f}{ours / theirs:8.2f}"


HEADS = f"{'Imbrex us':>12}{'PyTorch us':>12}{'ratio':>8}"
