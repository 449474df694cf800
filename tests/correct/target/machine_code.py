"""What a compiler makes of C++ that includes a target's header: its functions and loops, instruction by instruction."""
import os
import re
import subprocess
import tempfile


class X86:
    PRODUCT = re.compile(r"\bv(pdpbusd|dpbf16ps|pmaddwd|fmadd\d+ps|mulps)\b")
    FRAME = re.compile(r"mov\s+%rsp,%rbp")
    STACK, STACK_OR_FRAME = re.compile(r"\(%rsp"), re.compile(r"\(%r[sb]p")
    JUMP = re.compile(r"j\w+\s+([0-9a-f]+)\b")
    VECTOR, LOAD, WIDEST = re.compile(r"v"), re.compile(r"vmov"), re.compile(r"%zmm")
    OPERAND, WRITTEN = re.compile(r"[-\w]*\(%[^)]*\)"), re.compile(r"(%r\w+)$")


class Aarch64:
    PRODUCT = re.compile(r"\b(fmla|smull)\b")
    FRAME = re.compile(r"mov\s+x29, sp")
    STACK, STACK_OR_FRAME = re.compile(r"\[sp"), re.compile(r"\[(sp|x29)")
    JUMP = re.compile(r"(?:b\.\w+|b|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+([0-9a-f]+)\b")


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


def loops(lines, code):
    """Every backward jump and what it jumps over."""
    for address, text in lines:
        jump = code.JUMP.match(text)
        if jump and int(jump.group(1), 16) <= address:
            first = int(jump.group(1), 16)
            yield [t for a, t in lines if first <= a <= address]


def prefix_of(compiler):
    return re.fullmatch(r"(.*?)(clang|g)\+\+", os.path.basename(compiler)).group(1)


def code_of(compiler):
    return Aarch64 if prefix_of(compiler).startswith("aarch64") else X86


def listing_of(sample, compiler, flags, source_directory):
    with tempfile.TemporaryDirectory() as folder:
        source, result = os.path.join(folder, "sample.cpp"), os.path.join(folder, "sample.o")
        with open(source, "w") as f: f.write(sample)
        subprocess.run([compiler, "-std=c++20", "-O3", *flags.split(), "-I", source_directory, "-c", source, "-o", result], check=True)
        disassembler = prefix_of(compiler) + "objdump"
        return subprocess.run([disassembler, "-d", "-C", "--no-show-raw-insn", result], check=True, capture_output=True, text=True).stdout
