"""Many writers, one fsync: who comes while the disk is busy is written with the next commit."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

from reelrecs.errors import ReelRecsError
from reelrecs.fork_lock import ForkLock
from reelrecs.ratings_log.events import Arrival
from reelrecs.ratings_log.log_file import RatingsLog

T = TypeVar("T")


class _Group:
    """Ratings that one writer wants acknowledged together."""

    def __init__(self, ratings: Sequence[Arrival]) -> None:
        self.ratings = ratings
        self.answer: int | Exception | None = None


class GroupCommit:
    """Appends to a log for any number of threads; the first in line writes for all who wait.

    There is no thread of its own, so there is none to be lost in a fork or to be waited for.
    """

    def __init__(self, log: RatingsLog) -> None:
        self.log = log
        self._waiting: dict[int, deque[_Group]] = {}  # by process: a child writes nothing of ours
        self._lock = ForkLock()

    def append(self, ratings: Sequence[Arrival]) -> int:
        """Return when the disk has all of these: how many were new, the others known by their keys.

        Raises InvalidRequest for a key of another rating, and StorageError; none of these ratings
        is acknowledged then.
        """
        mine = _Group(ratings)
        waiting_here = self._waiting.setdefault(os.getpid(), deque())
        waiting_here.append(mine)
        with self._lock:
            if mine.answer is None:
                self._write(waiting_here)
        if isinstance(mine.answer, Exception):
            raise mine.answer
        assert mine.answer is not None
        return mine.answer

    def _write(self, waiting_here: deque[_Group]) -> None:
        """Write all who wait by now, the one who holds the lock among them."""
        groups = []
        while waiting_here:
            groups.append(waiting_here.popleft())
        answers: Sequence[int | Exception]
        try:
            answers = self.log.append([group.ratings for group in groups])
        except ReelRecsError as error:
            answers = [error] * len(groups)
        for group, answer in zip(groups, answers, strict=True):
            group.answer = answer


def waiting(items: Iterable[T], most: int) -> Generator[list[T], None, None]:
    """What comes, in groups of all that wait by the time the last group was dealt with.

    A thread reads ahead, at most a few groups; it ends when the items do or nobody wants more.
    """
    arrived: queue.Queue[T | _End] = queue.Queue(most)
    unwanted = threading.Event()

    def put(one: T | _End) -> None:
        while not unwanted.is_set():
            with contextlib.suppress(queue.Full):
                arrived.put(one, timeout=_LOOK_AROUND)
                return

    def read() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if unwanted.is_set():
                    return
        except BaseException as caught:
            error = caught
        put(_End(error))

    threading.Thread(target=read, name="reelrecs-arriving", daemon=True).start()
    try:
        while True:
            group: list[T] = []
            one: T | _End | None = arrived.get()
            while one is not None and not isinstance(one, _End):
                group.append(one)
                one = None if len(group) == most or arrived.empty() else arrived.get()
            if group:
                yield group
            if isinstance(one, _End):
                if one.error is not None:
                    raise one.error
                return
    finally:
        unwanted.set()


class _End:
    """After the last item, with what went wrong."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


_LOOK_AROUND = 0.5
"""Seconds after which a reader of what nobody takes looks whether it is still wanted."""
