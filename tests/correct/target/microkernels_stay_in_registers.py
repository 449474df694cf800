#!/usr/bin/env python3
"""Compiles the microkernels of one target with one compiler and fails if the innermost loop of any touches the stack. Where the loop is
unrolled: what stands between the first and the last of its products. On 256 bits also if it loads a group of B twice: it has no time left for that.

usage: microkernels_stay_in_registers.py COMPILER HEADER FLAGS SOURCE_DIRECTORY PRODUCT:KERNEL...
"""
import re
import sys

from machine_code import code_of, functions, listing_of, loops

TYPES = {"i8": ("int8_t", "int32_t"), "u8i8": ("uint8_t", "int32_t"), "bf16": ("uint16_t", "float"), "f32": ("float", "float")}

# The type of a product's right side.
RIGHT = """template <class> struct Right;
template <class A, class Wide, class... Others> struct Right<void (*)(A, int64_t, Wide, Others...)> { using Type = Wide; };
"""


def loaded_again(loop, code):
    """What an instruction only loads, and another reads, too, while the address's registers are what they were."""
    read = {}
    for text in loop:
        load = code.LOAD.match(text)
        for operand in code.OPERAND.findall(text) if code.VECTOR.match(text) else []:
            if operand in read and (load or read[operand]): yield operand
            read[operand] = read.get(operand) or load is not None
        written = code.WRITTEN.search(text)
        if written: read = {operand: load for operand, load in read.items() if written.group(1) not in operand}


def stack_of(lines, code):
    return code.STACK_OR_FRAME if any(code.FRAME.match(text) for _, text in lines) else code.STACK


def main():
    compiler, header, flags, source_directory, *products = sys.argv[1:]
    sample = f'#include "{header}"\nusing namespace imbrex::isa;\n' + RIGHT
    for product in products:
        kind, name = product.split(":")
        a, c = TYPES[kind]
        sample += f"void {name}_(const {a}* a, const char* b, {c}* c, int64_t m, int64_t n, int64_t k) {{ matmul_{name}(a, k, {{b}}, 0, c, n, m, n, k, true); }}\n"
        if kind == "bf16":
            sample += (f"void {name}_expanded(const uint16_t* a, const char* b, const uint8_t* scales, float* c, int64_t m, int64_t n, int64_t k, char* scratch) {{ "
                       f"matmul_expanded(matmul_{name}_rows<>{{a, k}}, packed_narrow<uint8_t, Right<decltype(&matmul_{name}<>)>::Type>{{b}}, 0, "
                       "Scales<uint8_t>{scales, 1, 1}, {128, 128}, c, n, m, n, k, scratch); }\n")
    listing = listing_of(sample, compiler, flags, source_directory)
    code = code_of(compiler)
    kernels, bad = 0, 0
    for name, lines in functions(listing):
        if not re.search(r"microkernel(_of_\w+)?<", name): continue
        dot, sizes = re.search(r"(Dot\w+).*?((?:, \d+)+)>", name).groups()
        shape = dot + sizes
        stack = stack_of(lines, code)
        found = [loop for loop in loops(lines, code) if any(code.PRODUCT.search(text) for text in loop)]
        products = [i for i, (_, text) in enumerate(lines) if code.PRODUCT.search(text)]
        if not products:
            print(f"{shape}: no products found")
            bad += 1
            continue
        kernels += 1
        inner = min(found, key=len) if found else [text for _, text in lines[products[0]:products[-1] + 1]]
        for text in inner:
            if stack.search(text):
                print(f"{shape}: {text}")
                bad += 1
        if hasattr(code, "WIDEST") and not any(code.WIDEST.search(text) for text in inner):
            for operand in loaded_again(inner, code):
                print(f"{shape}: {operand} is loaded twice")
                bad += 1
    print(f"{kernels} microkernels, {bad} faults")
    return 1 if bad or kernels < 12 else 0


sys.exit(main())
