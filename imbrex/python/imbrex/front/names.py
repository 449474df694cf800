"""What the names of one function mean while it is translated, block by block."""

from __future__ import annotations

from typing import Any

from ..records import Record


class Bound(Record):
    """A name with a value."""

    value: Any
    line: int


class Ended(Record):
    """A name whose value ended with the block that gave it."""

    line: int
    block: str
    replaced: bool  # the name had a value before that block


class Block:
    """A loop, a scope, a branch, or the body of the function."""

    def __init__(self, what: str, is_loop: bool = False) -> None:
        self.what, self.is_loop = what, is_loop
        self.names: dict[str, Bound | Ended] = {}
        self.reads: set[str] = set()  # names of surrounding blocks that were read in it


class Names:
    """The blocks that are open in one call of a function, the innermost last."""

    def __init__(self) -> None:
        self.blocks = [Block("the body")]

    def open(self, what: str, is_loop: bool = False) -> None:
        self.blocks.append(Block(what, is_loop))

    def close(self) -> None:
        """Ends a block: what it bound is gone, and a name that it took from a block around has no single value any more."""
        closed = self.blocks.pop()
        for name, binding in closed.names.items():
            had_value = self.peek(name) is not None
            self.blocks[-1].names[name] = Ended(binding.line, closed.what, had_value)

    def _owner(self, name: str) -> Block | None:
        return next((block for block in reversed(self.blocks) if name in block.names), None)

    def find(self, name: str) -> Bound | Ended | None:
        """The binding of a name, which is read."""
        for block in reversed(self.blocks):
            if name in block.names:
                return block.names[name]
            block.reads.add(name)
        return None

    def peek(self, name: str) -> tuple[Bound, bool] | None:
        """The value of a name, and whether the innermost block gave it; nothing is noted."""
        owner = self._owner(name)
        binding = owner.names[name] if owner else None
        return (binding, owner is self.blocks[-1]) if isinstance(binding, Bound) else None

    def loop_that_read(self, name: str) -> Block | None:
        """A loop in which the name was read with the value that it has outside of it."""
        for block in reversed(self.blocks):
            if name in block.names:
                return None
            if block.is_loop and name in block.reads:
                return block
        return None

    def bind(self, name: str, value: Any, line: int) -> None:
        self.blocks[-1].names[name] = Bound(value, line)

    @property
    def is_at_top(self) -> bool:
        return len(self.blocks) == 1
