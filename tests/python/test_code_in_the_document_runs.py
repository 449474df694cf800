"""The programs of README.md and docs/python.md."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]


def program_of(document: str) -> str:
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), flags=re.DOTALL)
    return program


def test_the_program_runs(tmp_path, capsys):
    from test_wrong_kernels_are_explained import import_of

    module = import_of(program_of("docs/python.md"), tmp_path)
    assert abs(module.y - 1).max() < 1e-4
    assert 'kernel "rms_norm"' in capsys.readouterr().out


def test_the_program_of_the_readme_prints_what_it_says(tmp_path, capsys):
    from test_wrong_kernels_are_explained import import_of

    program = program_of("README.md")
    [said] = re.findall(r"print\(.*\)  # (.*)\n", program)
    import_of(program, tmp_path)
    assert capsys.readouterr().out == said + "\n"
