"""The command that comes with the package: ``imbrex check kernels.py``, also show, explain and report."""

from __future__ import annotations

import argparse
import importlib.util
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from .errors import Error, error
from .function_kernel import Kernel


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the status of the process: 0, or 1 where a kernel was refused, or 2 where the command could not run."""
    given = _parser().parse_args(arguments)
    try:
        kernels = _kernels(given.file, given.kernel)
    except Error as problem:
        print(problem, file=sys.stderr)
        return 1 if problem.line else 2
    values = dict(given.set)
    try:
        _check_settings(kernels, values, given)
    except Error as problem:
        print(problem, file=sys.stderr)
        return 2
    refused = 0
    for kernel in kernels:
        try:
            print(_answer(kernel, given, values))
        except Error as problem:
            print(problem, file=sys.stderr)
            refused += 1
    return 1 if refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imbrex", description="Kernels of a Python file.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help in (
        ("check", "proves each kernel of a file"),
        ("show", "prints the program of each kernel of a file"),
        ("explain", "what the optimizer made of each kernel of a file, and why"),
        ("report", "writes a page of HTML for each kernel of a file"),
    ):
        command = commands.add_parser(name, help=help, description=help)
        command.add_argument("file", type=pathlib.Path, help="a Python file, which is imported")
        command.add_argument("kernel", nargs="*", help="the names of kernels; none: all of the file")
        command.add_argument(
            "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="a constant, or a dimension"
        )
        command.add_argument("--target", help="what it is to run on, such as avx2 or a2a3")
        if name == "report":
            command.add_argument("-o", "--output", type=pathlib.Path, help="the page; otherwise NAME.html for each kernel")
        if name == "show":
            command.add_argument("--optimized", action="store_true", help="the optimized program")
            command.add_argument("--code", action="store_true", help="the C++ that is compiled")
    return parser


def _names(kernel: Kernel) -> list[str]:
    """What values can be given for."""
    signature = kernel.signature
    return list(dict.fromkeys([*signature.consts, *signature.dims, *(constant.name for constant in signature.constants)]))


def _check_settings(kernels: Sequence[Kernel], values: dict[str, Any], given: argparse.Namespace) -> None:
    known = list(dict.fromkeys(name for kernel in kernels for name in _names(kernel)))
    for name in values:
        if name not in known:
            raise error("python-arguments", f"no kernel that is meant has '{name}'", f"there are {', '.join(known)}")
    if given.command == "report" and given.output and len(kernels) > 1:
        raise error("python-arguments", f"one page, and {len(kernels)} kernels", f"name one: imbrex report {given.file} {kernels[0].name}")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if value in ("True", "False"):
        return name, value == "True"
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(f"{value!r} is no number, True or False")


def _kernels(file: pathlib.Path, names: Sequence[str]) -> list[Kernel]:
    """The kernels that a file defines, in the order of their lines."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise error("file-unreadable", f"'{file}' is no Python file that can be read", "give the path of one: kernels.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    found = {name: value for name, value in vars(module).items() if isinstance(value, Kernel) and value.__module__ == file.stem}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        what = f"'{file}' has no kernel '{unknown[0]}'" if unknown else f"'{file}' has no kernel"
        raise error("unknown-kernel", what, f"it has {', '.join(found)}" if found else "decorate a function with @ib.kernel")
    return [found[name] for name in names or found]


def _answer(kernel: Kernel, given: argparse.Namespace, values: dict[str, Any]) -> str:
    """What is asked of one kernel, with those of the values that it has."""
    mine = {name: value for name, value in values.items() if name in _names(kernel)}
    if given.command == "check":
        return kernel.check(given.target, **mine)
    if given.command == "explain":
        return kernel.explain(given.target, **mine)
    if given.command == "report":
        page = given.output or pathlib.Path(f"{kernel.name}.html")
        kernel.report(page, given.target, **mine)
        return str(page)
    if given.code:
        return kernel.generated_code(given.target, **mine)
    return kernel.optimized(given.target, **mine) if given.optimized else kernel.text(**mine)
