#!/usr/bin/env python3
"""Compiles the microkernels of one ISA with one compiler and fails if the innermost loop of any touches the stack.

usage: microkernels_stay_in_registers.py COMPILER ISA FLAGS SOURCE_DIRECTORY
"""
import os
import re
import subprocess
import sys
import tempfile

SAMPLE = """
#include "imbrex/target/isa/{isa}.h"
using namespace imbrex::isa;
using Rows = int64_t;
void i8(const int8_t* a, const void* b, int32_t* c, Rows m, int64_t n, int64_t k) {{ matmul_i8(a, k, b, 0, c, n, m, n, k, true); }}
void u8i8(const uint8_t* a, const void* b, int32_t* c, Rows m, int64_t n, int64_t k) {{ matmul_u8i8(a, k, b, 0, c, n, m, n, k, true); }}
void bf16(const uint16_t* a, const void* b, float* c, Rows m, int64_t n, int64_t k) {{ matmul_bf16(a, k, b, 0, c, n, m, n, k, true); }}
void f32(const float* a, const void* b, float* c, Rows m, int64_t n, int64_t k) {{ matmul_f32(a, k, b, 0, c, n, m, n, k, true); }}
"""
DOT = re.compile(r"\bv(pdpbusd|dpbf16ps|pmaddwd|fmadd\d+ps|mulps)\b")
STACK = re.compile(r"\(%r[sb]p")


def functions(listing):
    name, lines = None, []
    for line in listing.splitlines():
        start = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        if start:
            if name: yield name, lines
            name, lines = start.group(1), []
        elif name and re.match(r"^\s+[0-9a-f]+:\s", line):
            address, text = line.strip().split(":", 1)
            lines.append((int(address, 16), text.strip()))
    if name: yield name, lines


def loops(lines):
    """Every backward jump and what it jumps over."""
    for address, text in lines:
        jump = re.match(r"j\w+\s+([0-9a-f]+)\b", text)
        if jump and int(jump.group(1), 16) <= address:
            first = int(jump.group(1), 16)
            yield [t for a, t in lines if first <= a <= address]


def uses_frame_pointer(lines):
    return any(re.match(r"mov\s+%rsp,%rbp", text) for _, text in lines)


def main():
    compiler, isa, flags, source_directory = sys.argv[1:5]
    with tempfile.TemporaryDirectory() as folder:
        source, result = os.path.join(folder, "sample.cpp"), os.path.join(folder, "sample.o")
        with open(source, "w") as f: f.write(SAMPLE.format(isa=isa))
        subprocess.run([compiler, "-std=c++20", "-O3", "-ffp-contract=off", *flags.split(), "-I", source_directory, "-c", source, "-o", result], check=True)
        listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", result], check=True, capture_output=True, text=True).stdout
    kernels, bad = 0, 0
    for name, lines in functions(listing):
        if "microkernel<" not in name: continue
        shape = re.search(r"Dot\w+, \d+, \d+", name).group(0)
        stack = STACK if uses_frame_pointer(lines) else re.compile(r"\(%rsp")
        found = [loop for loop in loops(lines) if any(DOT.search(text) for text in loop)]
        if not found:
            print(f"{shape}: no loop with products found")
            bad += 1
            continue
        kernels += 1
        inner = min(found, key=len)
        for text in inner:
            if stack.search(text):
                print(f"{shape}: {text}")
                bad += 1
    print(f"{kernels} microkernels, {bad} faults")
    return 1 if bad or kernels < 12 else 0


sys.exit(main())
