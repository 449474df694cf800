"""The exceptions of the package: what a user can change, as data."""

from __future__ import annotations

import linecache
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Note(NamedTuple):
    """A further place that a diagnostic speaks of."""

    file: str
    line: int
    message: str


class Diagnostic(NamedTuple):
    """One finding. ``id`` is stable and names a page of docs/diagnostics; ``line`` 0: no place is known."""

    id: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    notes: tuple[Note, ...] = ()
    is_warning: bool = False

    def text(self) -> str:
        """The message as it is printed: the place, the line itself, notes, and what to try."""
        kind = "warning" if self.is_warning else "error"
        lines = [f"{_place(self.file, self.line)}{kind} [{self.id}]: {self.message}{_quoted(self.file, self.line)}"]
        for note in self.notes:
            lines.append(f"  {_place(note.file, note.line)}note: {note.message}{_quoted(note.file, note.line)}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class Error(Exception):
    """What an author of a kernel, or its caller, can change. The attributes are those of the first diagnostic."""

    def __init__(self, diagnostics: Iterable[Sequence[Any]]) -> None:
        self.diagnostics = tuple(_diagnostic(d) for d in diagnostics)
        super().__init__(self.diagnostics)

    @property
    def id(self) -> str:
        return self.diagnostics[0].id

    @property
    def message(self) -> str:
        return self.diagnostics[0].message

    @property
    def hint(self) -> str:
        return self.diagnostics[0].hint

    @property
    def file(self) -> str:
        return self.diagnostics[0].file

    @property
    def line(self) -> int:
        return self.diagnostics[0].line

    @property
    def notes(self) -> tuple[Note, ...]:
        return self.diagnostics[0].notes

    def __str__(self) -> str:
        return "\n".join(d.text() for d in self.diagnostics)

    def __repr__(self) -> str:
        return f"<imbrex.Error {'; '.join(f'[{d.id}] {d.message}' for d in self.diagnostics)}>"


class InternalError(RuntimeError):
    """A defect of Imbrex, and never the fault of its user: please report it."""


def error(id: str, message: str, hint: str = "", file: str = "", line: int = 0, notes: Iterable[Note] = ()) -> Error:
    """An Error of one diagnostic."""
    return Error([Diagnostic(id, message, hint, file, line, tuple(notes))])


def error_at_caller(id: str, message: str, hint: str) -> Error:
    """An Error of one diagnostic, at the line that called the package."""
    frame = sys._getframe(level_of_caller() - 1)
    return error(id, message, hint, frame.f_code.co_filename, frame.f_lineno)


def level_of_caller() -> int:
    """The `stacklevel` of a warning at the line that called the package."""
    package = os.path.dirname(__file__) + os.sep
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        level, frame = level + 1, frame.f_back
    return level


def shown(value: Any) -> str:
    """A value in a message: of a number of many digits, how many it has."""
    if isinstance(value, int) and abs(value) >= 10**40:
        return f"a number of about {math.floor(math.log10(abs(value))) + 1} digits"
    return repr(value)


def _diagnostic(fields: Sequence[Any]) -> Diagnostic:
    made = Diagnostic(*fields)
    return made._replace(notes=tuple(Note(*note) for note in made.notes))


def _place(file: str, line: int) -> str:
    return f"{file}:{line}: " if line > 0 else ""


def _quoted(file: str, line: int) -> str:
    text = linecache.getline(file, line).strip() if line > 0 else ""
    return f"\n    | {text}" if text else ""
