"""What is told beside the work, written by a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from reelrecs.scorer.lifetime import Closing

T = TypeVar("T")


class WriterThread(Closing, Generic[T]):
    """Hands items to `write` in the order of their arrival; who adds one never waits.

    At most `waiting` items wait; those that come then are lost. `write` takes up to `together`
    items and how many were lost before them. Closing waits `grace` seconds for what is left.
    """

    def __init__(
        self,
        write: Callable[[list[T], int], None],
        name: str,
        waiting: int,
        together: int,
        grace: float,
    ) -> None:
        self._write, self._together, self._grace = write, together, grace
        self._items: queue.Queue[T | None] = queue.Queue(waiting)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, item: T) -> None:
        """Line it up."""
        try:
            self._items.put_nowait(item)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what is left, unless that takes too long."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(queue.Full):
            self._items.put(None, timeout=self._grace)
            self._thread.join(self._grace)

    def _run(self) -> None:
        over = False
        while not over:
            items = [self._items.get()]
            with contextlib.suppress(queue.Empty):
                while len(items) < self._together:
                    items.append(self._items.get_nowait())
            over = None in items
            lost, self._lost = self._lost, 0
            self._write([item for item in items if item is not None], lost)
