"""What to try, in Python's words: the builder and the prover say it in those of the tile program's text."""

from __future__ import annotations

import re

_TYPES = "f32|bf16|f16|int8|uint8|int32|int64|bool|e4m3|e8m0"
_MODES = "rint|round|floor|ceil|trunc"

# cast(x, bf16, rint)
_CAST = re.compile(rf"(?<![.\w])cast\(((?:[^()]|\([^()]*\))*), ({_TYPES})(?:, ({_MODES}))?\)")
_RULES = (
    (re.compile(r"`assume (-?\w+) <= (\w+) and \2 < ([^`]+)`"), r"`ib.assume_each(\1, \2, \3)`"),
    (re.compile(r"`assume ([^`]+)`"), r"`ib.assume(\1)`"),
    (re.compile(r"`assume_distinct (\w+) except (-?\w+)`"), r"`ib.assume_distinct(\1, but=\2)`"),
    (re.compile(r"`(assume_distinct|assume_sorted) (\w+)`"), r"`ib.\1(\2)`"),
    (re.compile(r"`read (\w+) = (\w+)\[([^`]+)\]`"), r"`\1 = ib.read(\2, \3)`"),
    (re.compile(r"`(parallel|range) (\w+) in (tiles\([^`]+\))`"), r"`for \2 in ib.\1(ib.\3)`"),
    (re.compile(r"`(parallel|range) (\w+) in 0 \.\. ([^`]+)`"), r"`for \2 in ib.\1(\3)`"),
    (re.compile(r"`(\w+) in tiles\(([^`]+)\)`"), r"`\1 in ib.tiles(\2)`"),
    (re.compile(r"`tiles\("), "`ib.tiles("),
    (re.compile(r"\blet (\w+) = "), r"\1 = "),
    (re.compile(r"a slice of it, (\w+)\(\.\.\.\) = value"), r"a slice of it, `\1[...] = value`"),
    (re.compile(r"name the parts with `let`"), "give its parts names"),
    (re.compile(r"`if ([^`:]+)`"), r"`if \1:`"),
    (re.compile(r"\bne\((\w+), (0(?:\.0)?)\)"), r"\1 != \2"),
    (re.compile(r"(?<=[ `(])(zeros|full|gather|max|min)\((?=[^`]*`)"), r"ib.\1("),
)


def _cast(found: re.Match[str]) -> str:
    x, to, mode = found.groups()
    return f"ib.cast({x}, ib.{to}" + (f', "{mode}")' if mode else ")")


def in_python(hint: str) -> str:
    """A hint as an author of Python writes it."""
    # The outermost first; another one may stand inside of it.
    while (changed := _CAST.sub(_cast, hint)) != hint:
        hint = changed
    for pattern, replacement in _RULES:
        hint = pattern.sub(replacement, hint)
    return hint
