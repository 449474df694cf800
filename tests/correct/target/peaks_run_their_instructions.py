#!/usr/bin/env python3
"""Compiles the loops that measure what one target's units do at most, with one compiler, and fails if a loop does not run the unit's
instruction once for each of its sums: a compiler that sees that operands stay the same moves their product out of the loop.

usage: peaks_run_their_instructions.py COMPILER HEADER FLAGS SOURCE_DIRECTORY PRODUCT:UNIT...
"""
import re
import sys

from machine_code import code_of, functions, listing_of, loops

# Units of several instructions, or of one with several forms; others are called as their instruction is.
INSTRUCTIONS = {"vfmadd231ps": [r"vfmadd\d+ps"], "vpmaddwd": ["vpmaddwd", "vpaddd"], "sadalp": ["sadalp", "smull"],
                "mulss": ["(v?mulss|fmul)", "(v?addss|fadd)"]}
TILES = re.compile("tdp")  # of registers: four sums


def main():
    compiler, header, flags, source_directory, *listed = sys.argv[1:]
    units = sorted({each.split(":")[1] for each in listed})
    sample = f'#include "{header}"\nusing namespace imbrex::isa;\n'
    for unit in units: sample += f'extern "C" double {unit}_loop(int64_t steps) {{ return peak_{unit}<>(steps); }}\n'
    bodies = dict(functions(listing_of(sample, compiler, flags, source_directory)))
    bad = 0
    for unit in units:
        found = list(loops(bodies[unit + "_loop"], code_of(compiler)))
        inner = min(found, key=len) if found else []
        sums = 4 if TILES.match(unit) else 12
        for instruction in INSTRUCTIONS.get(unit, [unit]):
            count = sum(1 for text in inner if re.match(rf"(\{{vex\}} )?{instruction}\b", text))
            if count < sums:
                print(f"{unit}: its loop has {count} times {instruction}, and adds to {sums} sums")
                bad += 1
    print(f"{len(units)} units, {bad} faults")
    return 1 if bad or not units else 0


sys.exit(main())
