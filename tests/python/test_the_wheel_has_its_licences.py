"""The installed package has the licences of what is inside it."""

import importlib.metadata
import re

import imbrex
import pytest

# What is in the compiled part, beside the libraries that stand beside it.
INSIDE = {"nanobind", "robin-map", "nlohmann-json"}
# Of GMP, whose own text names these.
OF_GMP = {"LGPL-3", "GPL-3"}


@pytest.fixture(scope="module")
def files():
    try:
        files = importlib.metadata.files("imbrex")
    except importlib.metadata.PackageNotFoundError:
        files = None
    if not files or not any(str(file.locate()) == imbrex.__file__ for file in files):
        pytest.skip("the package is not installed from a wheel")
    return files


def test_each_library_has_its_licence(files):
    libraries = {re.match(r"lib([a-z]+)-", file.name)[1] for file in files if file.parent.name == "imbrex.libs"}
    texts = {file.stem: file.read_text() for file in files if file.parent.name == "licenses" and file.suffix == ".txt"}
    assert texts.keys() == libraries | INSIDE | OF_GMP
    for name, text in texts.items():
        assert "copyright" in text.lower() and len(text) > 900, name
    assert "Thibaut" in texts["robin-map"] and "Wenzel Jakob" in texts["nanobind"] and "Lohmann" in texts["nlohmann-json"]
    assert any(file.parent.name == "licenses" and file.name == "LICENSE" for file in files)
