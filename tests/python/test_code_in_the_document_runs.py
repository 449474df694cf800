"""The program of docs/python.md."""

import pathlib
import re

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "python.md"


def test_the_program_runs(tmp_path, capsys):
    from test_wrong_kernels_are_explained import import_of

    [program] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    module = import_of(program, tmp_path)
    assert abs(module.y - 1).max() < 1e-4
    assert 'kernel "rms_norm"' in capsys.readouterr().out
