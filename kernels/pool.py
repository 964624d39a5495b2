"""Threads: a budget says how many may work at once; each task owns its rows of the output.

A budget of n threads is the thread that calls and n - 1 helpers, which all callers share. A caller
never waits for work that nobody has begun: it does it itself. So nothing can deadlock, and where
helpers are busy, gone or cannot be started, the work is done all the same.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from reelrecs.errors import InvalidRequest

T = TypeVar("T")
R = TypeVar("R")

_local = threading.local()


class Task(Generic[R]):
    """Work that is done once, by a helper or by the thread that asks for its result."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._begun = threading.Lock()
        self._outcome: Future[R] = Future()

    def run(self) -> bool:
        """Do the work on this thread unless it has begun; True if it was done here."""
        if not self._begun.acquire(blocking=False):
            return False
        outer, _local.in_task = _in_task(), True
        try:
            self._outcome.set_result(self._work())
        except BaseException as error:
            self._outcome.set_exception(error)
            if not isinstance(error, Exception):  # Ctrl-C is for this thread, now
                raise
        finally:
            _local.in_task = outer
        return True

    def done(self) -> bool:
        """Whether the work has ended, well or not."""
        return self._outcome.done()

    def error(self) -> BaseException | None:
        """What the work raised, once it has ended."""
        self.run()
        return self._outcome.exception()

    def result(self) -> R:
        """What the work returned; raises what it raised."""
        self.run()
        return self._outcome.result()

    def cancel(self) -> None:
        """See that nobody begins it any more; whoever has begun goes on."""
        self._begun.acquire(blocking=False)


class ThreadBudget:
    """At most `count` threads at work for one caller, its own among them; None: one for each core.

    Immutable, so it can be used from any thread at any time. Helpers start when they are needed,
    in a forked child anew. Work begun inside a task is done by that task's own thread: enough
    others keep the cores busy. Results never depend on the count.
    """

    def __init__(self, count: int | None = None) -> None:
        if count is not None and count < 1:
            raise InvalidRequest(f"threads {count}: ask for at least 1")
        self.count = count or _core_count()
        self._helpers: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive fork

    def over_ranges(
        self, task: Callable[[int, int], object], length: int, chunks_per_thread: int = 1
    ) -> None:
        """Run task(start, stop) over range(length) on all threads and wait for all of it.

        A task must write only rows start..stop of its outputs; several chunks a thread even out
        rows of unequal cost. The error of the first range that has one is raised after all ended.
        """
        ranges = split(length, self.count * chunks_per_thread)
        if len(ranges) == 1:  # a request is a batch of one: no helper need wake
            task(*ranges[0])
            return
        tasks = [self.run_async(task, start, stop) for start, stop in ranges]
        try:
            # Helpers begin with the first range, so this thread begins with the last.
            errors = [one.error() for one in reversed(tasks)]
        finally:
            for one in tasks:
                one.cancel()
        for error in reversed(errors):
            if error is not None:
                raise error

    def run_async(self, work: Callable[..., R], *arguments: object) -> Task[R]:
        """Let a helper do the work while this thread goes on; ask the task for its result.

        With one thread, and inside a task, it has been done when this returns.
        """
        task = Task(functools.partial(work, *arguments))
        if self.count == 1 or _in_task():
            task.run()
            return task
        # Where helpers are released just now or cannot start, whoever asks for the result works.
        with suppress(RuntimeError):
            self._executor().submit(task.run)
        return task

    def in_order(self, work: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
        """Yield work(item) for each item, in order, at most 2 count - 1 results at a time.

        The thread that asks for the next result works too while it is not there. What nobody has
        begun when the generator is closed is never begun.
        """
        waiting: deque[Task[R]] = deque()
        try:
            for item in items:
                waiting.append(self.run_async(work, item))
                if len(waiting) == 2 * self.count - 1:
                    yield _first_result(waiting)
            while waiting:
                yield _first_result(waiting)
        finally:
            for task in waiting:
                task.cancel()

    @contextmanager
    def active(self) -> Generator[ThreadBudget, None, None]:
        """Make this the budget of the current thread, until the block ends."""
        outer = current()
        self.adopt()
        try:
            yield self
        finally:
            outer.adopt()

    def adopt(self) -> None:
        """Make this the budget of the current thread for good; for the start of a thread."""
        _local.budget = self

    def release(self) -> None:
        """Let idle helpers end; they start again when they are needed."""
        helpers = self._helpers.pop(os.getpid(), None)
        if helpers is not None:
            helpers.shutdown(wait=False)

    def _executor(self) -> ThreadPoolExecutor:
        process = os.getpid()
        found = self._helpers.get(process)
        if found is None:  # of two made at once one is dropped before it has started a thread
            made = ThreadPoolExecutor(self.count - 1, thread_name_prefix="reelrecs-helper")
            found = self._helpers.setdefault(process, made)
        return found


def current() -> ThreadBudget:
    """The budget of this thread: that of the engine it works for, else that of the process."""
    budget: ThreadBudget = getattr(_local, "budget", _PROCESS)
    return budget


def budget_of(count: int | None) -> ThreadBudget:
    """A new budget of so many threads; None: the current one."""
    return current() if count is None else ThreadBudget(count)


def threads() -> int:
    """How many threads work started here is spread on: one inside a task."""
    return 1 if _in_task() else current().count


def over_ranges(
    task: Callable[[int, int], object], length: int, chunks_per_thread: int = 1
) -> None:
    """`ThreadBudget.over_ranges` of this thread's budget."""
    current().over_ranges(task, length, chunks_per_thread)


def run_async(work: Callable[..., R], *arguments: object) -> Task[R]:
    """`ThreadBudget.run_async` of this thread's budget."""
    return current().run_async(work, *arguments)


def split(length: int, parts: int) -> list[tuple[int, int]]:
    """Cut range(length) into at most `parts` contiguous ranges of nearly equal size, none empty."""
    parts = max(1, min(parts, length))
    edges = [length * part // parts for part in range(parts + 1)]
    return [(start, stop) for start, stop in itertools.pairwise(edges) if stop > start]


def _first_result(waiting: deque[Task[R]]) -> R:
    """Take the first task's result, working at the first that nobody has begun meanwhile."""
    if not waiting[0].done():
        any(task.run() for task in waiting)
    return waiting.popleft().result()


def _in_task() -> bool:
    return getattr(_local, "in_task", False)


def _core_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_PROCESS = ThreadBudget()
