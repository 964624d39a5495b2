"""One thread pool for all kernels; each task owns its rows of the output."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_beside = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="reelrecs-beside")
_local = threading.local()
_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """How many threads `over_ranges` spreads its work on; the machine's cores unless set."""
    return _threads


def set_threads(count: int) -> None:
    """Use this many threads from now on; results never depend on it."""
    global _threads, _pool
    if count < 1:
        raise ValueError(f"threads must be at least 1, not {count}")
    with _lock:
        if count != _threads and _pool is not None:
            _pool.shutdown(wait=True)
            _pool = None
        _threads = count


def split(length: int, parts: int) -> list[tuple[int, int]]:
    """Cut range(length) into at most `parts` contiguous ranges of nearly equal size, none empty."""
    parts = max(1, min(parts, length))
    edges = [length * part // parts for part in range(parts + 1)]
    return [(start, stop) for start, stop in itertools.pairwise(edges) if stop > start]


def over_ranges(
    task: Callable[[int, int], object], length: int, chunks_per_thread: int = 1
) -> None:
    """Run task(start, stop) over range(length) on the pool and wait for all of it.

    A task must write only rows start..stop of its outputs; several chunks a thread even out rows
    of unequal cost. The first error of any task is raised after all have ended.
    """
    ranges = split(length, _threads * chunks_per_thread)
    if _threads == 1 or len(ranges) <= 1:
        for start, stop in ranges:
            task(start, stop)
        return
    futures = [_executor().submit(task, start, stop) for start, stop in ranges]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise errors[0]


def beside(task: Callable[..., object], *arguments: object) -> Future[object]:
    """Start one kernel on a thread of its own and go on; ask the future before using its output.

    The threads are not those of `over_ranges`, so a task of theirs may start one too. With one
    thread, and on a thread that is `one_of_many`, the kernel has run when this returns.
    """
    if _threads == 1 or getattr(_local, "one_of_many", False):
        done: Future[object] = Future()
        done.set_result(task(*arguments))
        return done
    return _beside.submit(task, *arguments)


def one_of_many() -> None:
    """Let the current thread do all its work itself: enough others keep the cores busy."""
    _local.one_of_many = True


def _executor() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(_threads, thread_name_prefix="reelrecs-kernel")
        return _pool
