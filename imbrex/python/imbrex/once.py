"""What several threads ask for, and one makes."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is made when it is first asked for; other threads that ask for it wait. What raises is tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._value: T
        self._renew()
        _all.add(self)

    @property
    def is_made(self) -> bool:
        return self._make is None

    def get(self) -> T:
        if self._make is not None:
            with self._lock:
                if self._make is not None:
                    self._value = self._make()
                    self._make = None
        return self._value

    def _renew(self) -> None:
        self._lock = threading.RLock()


_all: weakref.WeakSet[Once[Any]] = weakref.WeakSet()


def _renew_all() -> None:
    for each in _all:
        each._renew()


# A child process does not have the threads that hold these locks.
os.register_at_fork(after_in_child=_renew_all)
