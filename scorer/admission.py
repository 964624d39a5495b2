"""Who may work when: a gate of turns, and a watch over messages that are under way."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import grpc

from reelrecs.scorer.calls import Call, Ended, Refused
from reelrecs.scorer.lifetime import Closing


class _Waiting:
    """A call in the queue; told when it is its turn, or when nobody waits for it any more."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.admitted = False


class Gate:
    """Lets so many calls work at once and so many more wait, first come, first served."""

    def __init__(self, concurrency: int, queue: int) -> None:
        self._free = concurrency
        self._most = queue
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    @contextlib.contextmanager
    def turn(self, call: Call) -> Iterator[None]:
        """Work in the block; raises Refused where too many wait, Ended where the call has ended."""
        self._enter(call)
        try:
            call.check()
            yield
        finally:
            self._leave()

    def _enter(self, call: Call) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._queue) >= self._most:
                raise Refused(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"{len(self._queue):,} calls wait already: try again later, ask more services, "
                    "or raise serve --queue",
                )
            waiting = _Waiting()
            self._queue.append(waiting)
        call.when_over(waiting.told.set)
        waiting.told.wait()
        with self._lock:
            if not waiting.admitted:
                self._queue.remove(waiting)
                raise Ended

    def _leave(self) -> None:
        with self._lock:
            if self._queue:
                following = self._queue.popleft()
                following.admitted = True
                following.told.set()
            else:
                self._free += 1


class ArrivalWatch(Closing):
    """Ends calls whose message does not come, for each holds a thread that waits for it."""

    def __init__(self) -> None:
        self._expected: dict[int, tuple[float, Any]] = {}  # by id of context: end, context
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reelrecs-arrivals", daemon=True)
        self._thread.start()

    def message(self, messages: Iterator[bytes], context: Any, seconds: float) -> bytes:
        """The one message of a call; raises Refused where none comes in time, or none at all."""
        for data in self.messages(messages, context, seconds):
            return data
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the call came without a message: send one")

    def messages(self, messages: Iterator[bytes], context: Any, seconds: float) -> Iterator[bytes]:
        """The messages of a call, each of which may take so long; raises Ended where it ends."""
        while True:
            self._expected[id(context)] = time.monotonic() + seconds, context
            try:
                data = next(messages)
            except StopIteration:
                return
            except grpc.RpcError as error:  # cancelled: by the client, by gRPC or by this watch
                raise Ended from error
            finally:
                self._expected.pop(id(context), None)
            yield data

    def close(self) -> None:
        """Watch no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            now = time.monotonic()
            for end, context in list(self._expected.values()):
                if now > end:
                    context.cancel()
