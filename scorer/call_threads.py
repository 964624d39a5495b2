"""Threads for calls, started by a thread of their own.

gRPC hears of every call on one thread. `ThreadPoolExecutor` starts threads where work is handed
over, and starting one waits for it to run; with workers busy that is milliseconds a call, during
which nobody, health included, is heard.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from reelrecs import config

_Work = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class CallThreads:
    """At most so many threads; each ends when it has had nothing to do for a while."""

    def __init__(self, most: int, name: str, initializer: Callable[[], None]) -> None:
        self._most, self._name, self._initializer = most, name, initializer
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()  # False: no more threads
        self._lock = threading.Lock()
        self._idle, self._count = 0, 0
        self._closed = False
        threading.Thread(target=self._start_threads, name=f"{name}-starter", daemon=True).start()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a thread do the work; the future gives nothing but whether it has ended."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("no thread is started any more")
            if self._idle > 0:
                self._idle -= 1
            elif self._count < self._most:
                self._count += 1
                self._wanted.put(True)
        self._waiting.put((future, work, arguments))
        return future

    def shutdown(self, wait: bool = True) -> None:
        """Let idle threads end; what was handed over is done first."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wanted.put(False)
            for _ in range(self._count):
                self._waiting.put(None)

    def _start_threads(self) -> None:
        number = 0
        while self._wanted.get():
            number += 1
            threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def _run(self) -> None:
        self._initializer()
        while True:
            try:
                item = self._waiting.get(timeout=config.THREAD_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle == 0 or self._closed:  # it was counted on just now
                        continue
                    self._idle -= 1
                    self._count -= 1
                    return
            if item is None:
                return
            future, work, arguments = item
            try:
                work(*arguments)
            finally:
                future.set_result(None)
                del item, future, work, arguments  # an idle thread holds on to no call
                with self._lock:
                    self._idle += 1
