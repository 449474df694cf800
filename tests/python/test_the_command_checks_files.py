"""imbrex check FILE and imbrex show FILE."""

import pytest
from imbrex.command import main

FILE = """import imbrex as ib

T, D = ib.dim("T", typical=128), ib.const("D")

@ib.kernel
def good(x: ib.Tensor[ib.f32, T, D], y: ib.Out[ib.f32, T, D], factor: float = 2.0):
    for t in ib.parallel(ib.tiles(T, 64)):
        with ib.at("good"):
            v = x[t, :]
            y[t, :] = v / ib.row_sum(v) * factor

@ib.kernel
def lossy(x: ib.Tensor[ib.f32, T, 64], y: ib.Out[ib.f32, T, 64]):
    for half in ib.parallel(2):
        rows = ib.span(half * (T // 2), T // 2)
        y[rows, :] = x[rows, :]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some_kernels.py"
    path.write_text(FILE)
    return str(path)


def test_kernels_are_checked(file, capsys):
    assert main(["check", file, "good", "--set", "D=64"]) == 0
    assert capsys.readouterr().out.startswith("good: proven")
    assert main(["check", file, "--set", "D=64"]) == 1
    shown = capsys.readouterr()
    assert "good: proven" in shown.out and f"{file}:16: error [output-not-written]" in shown.err


def test_capacity_is_checked_on_a_target(file, capsys):
    assert main(["check", file, "good", "--set", "D=8192", "--set", "T=128", "--target", "a2a3"]) == 1
    assert "over-capacity" in capsys.readouterr().err


def test_programs_are_shown(file, capsys):
    assert main(["show", file, "good", "--set", "D=64", "--set", "factor=0.5"]) == 0
    assert "* 0.5" in capsys.readouterr().out
    assert main(["show", file, "good", "--set", "D=64", "--optimized"]) == 0
    assert 'at "y" {' in capsys.readouterr().out
    assert main(["show", file, "good", "--set", "D=64", "--code"]) == 0
    assert "#include" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (["check", "{file}", "nothing"], 2, "unknown-kernel"),
        (["check", "{file}", "--set", "zzz=3"], 2, "no kernel that is meant has 'zzz'"),
        (["check", "{file}", "lossy", "--set", "D=3"], 2, "no kernel that is meant has 'D'"),
        (["report", "{file}", "-o", "page.html"], 2, "one page, and 2 kernels"),
        (["check", "/nowhere/kernels.py"], 2, "file-unreadable"),
        (["check", "{file}", "good"], 1, "const-missing"),
        (["check", "{file}", "good", "--set", "D=64", "--target", "pentium"], 1, "unknown-target"),
    ],
)
def test_mistakes_are_told(file, capsys, arguments, status, message):
    assert main([argument.format(file=file) for argument in arguments]) == status
    assert message in capsys.readouterr().err


def test_a_file_that_is_refused_when_it_is_read(tmp_path, capsys):
    path = tmp_path / "refused_kernels.py"
    path.write_text(FILE.replace("v = x[t, :]", "while True: pass"))
    assert main(["check", str(path)]) == 1
    assert f"{path}:9: error [python-form]" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["D", "=3", "D=many"])
def test_bad_settings_are_told(file, setting, capsys):
    with pytest.raises(SystemExit):
        main(["check", file, "--set", setting])
    assert "--set" in capsys.readouterr().err


def test_kernels_are_explained_and_reported(file, tmp_path, capsys, monkeypatch):
    assert main(["explain", file, "good", "--set", "D=64", "--set", "T=256"]) == 0
    assert "good" in capsys.readouterr().out
    assert main(["report", file, "good", "--set", "D=64", "-o", str(tmp_path / "page.html")]) == 0
    assert "</html>" in (tmp_path / "page.html").read_text() and "page.html" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert main(["report", file, "good", "--set", "D=64"]) == 0
    assert "</html>" in (tmp_path / "good.html").read_text()
