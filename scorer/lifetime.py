"""What is made when it is first needed, and closed once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Closing:
    """Something that leaving its `with` block closes."""

    def close(self) -> None:
        """Give back what it holds; doing so again changes nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Once(Generic[T]):
    """Makes a thing when it is first asked for, once, whichever threads ask at the same time.

    An error is not kept: who asks next has it tried again. A forked child shares what was made
    before; what was half made then is made anew, for the thread at it does not survive.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._locks: dict[int, threading.Lock] = {}  # by process

    def get(self) -> T:
        """The thing; made now, if it has to be."""
        if not self._made:
            with self._locks.setdefault(os.getpid(), threading.Lock()):
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    def made(self) -> T | None:
        """The thing if it has been made."""
        return self._made[0] if self._made else None
