"""A lock that a forked child does not find taken by a thread which is not there."""

from __future__ import annotations

import os
import threading


class ForkLock:
    """A lock of each process's own; `with` takes it."""

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def __enter__(self) -> None:
        self._locks.setdefault(os.getpid(), threading.Lock()).acquire()

    def __exit__(self, *_: object) -> None:
        self._locks[os.getpid()].release()
