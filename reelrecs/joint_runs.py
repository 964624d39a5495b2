"""Requests of several threads that come while others are under way are answered together.

A batch of queries costs far less than each of them alone, for the work between kernels is done
once. So a request that finds everybody busy waits, and one of those who wait runs the pipeline for
all of them as soon as a run ends: flat combining, after Hendler, Incze, Shavit and Tzafrir (2010).
A request that finds nobody busy begins at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeAlias

from reelrecs import config
from reelrecs.fork_lock import ForkLock
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Lists
from reelrecs.pipeline.trace import Trace

Run: TypeAlias = Callable[[Queries], Lists]
"""`Pipeline.run` of stages that never ask for a list themselves."""


class _Request:
    """A query whose thread waits until it is answered, or until it is called to run a batch."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.called = threading.Event()
        self.answer: tuple[Lists, int] | None = None  # None once called: it has to be run alone
        self.batch: list[_Request] | None = None  # that this thread is to run; itself the first


class _Desk:
    """Who runs and who waits, in one process."""

    def __init__(self) -> None:
        self.running = False
        self.waiting: list[_Request] = []


class JointRuns:
    """One run at a time, by all threads of the budget; lists are those of a lone run, to the bit.

    One request's error is its own: where a batch fails its queries are run one by one, each by the
    thread that asked. Two runs at a time were slower: batches are smaller then.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = ForkLock()
        self._desks: dict[int, _Desk] = {}  # by process: in a forked child nobody runs

    def run_one(self, query: Query) -> tuple[Candidates, Trace]:
        """The query's list; raises what the pipeline raises for it."""
        desk, request = self._desk(), _Request(query)
        with self._lock:
            if desk.running:
                desk.waiting.append(request)
            else:
                desk.running, request.batch = True, [request]
        try:
            if request.batch is None:
                request.called.wait()
            if request.batch is not None:
                self._lead(request.batch)
        finally:
            self._leave(desk, request)
        if request.answer is None:
            return self._run(Queries.of([query])).of(0)
        lists, place = request.answer
        return lists.of(place)

    def _desk(self) -> _Desk:
        return self._desks.setdefault(os.getpid(), _Desk())

    def _lead(self, batch: list[_Request]) -> None:
        """Run the queries of a batch together; those of one that fails are left unanswered."""
        try:
            lists = self._run(Queries.of([request.query for request in batch]))
        except Exception:
            if len(batch) == 1:
                raise
            return
        for place, request in enumerate(batch):
            request.answer = lists, place

    def _leave(self, desk: _Desk, request: _Request) -> None:
        """Call the others of a batch, and those who wait to the next one."""
        with self._lock:
            if request in desk.waiting:  # interrupted before anybody called
                desk.waiting.remove(request)
            if request.batch is None:
                return
            following = desk.waiting[: config.JOINT_QUERIES]
            if following:
                del desk.waiting[: config.JOINT_QUERIES]
                following[0].batch = following
            else:
                desk.running = False
        for other in (*request.batch[1:], *following[:1]):
            other.called.set()
