"""The lessons of the tutorial in Python, and the examples, each as a program of its own."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "docs" / "tutorial").glob("lesson_*.py")) + sorted((ROOT / "examples" / "python").glob("*.py"))


def test_there_is_a_python_lesson_for_each_in_cpp():
    assert {p.stem for p in PROGRAMS if p.stem.startswith("lesson")} == {p.stem for p in (ROOT / "docs/tutorial").glob("*.cpp")}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program):
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_examples_are_typed():
    pytest.importorskip("mypy")
    has_torch = importlib.util.find_spec("torch") is not None
    programs = [str(p) for p in PROGRAMS if has_torch or "torch" not in p.read_text()]
    command = [sys.executable, "-m", "mypy", "--check-untyped-defs", *programs]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout
