"""An engine over data that changes: each request sees one state of it from beginning to end."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from reelrecs.datasets.titles import TitleIndex
from reelrecs.fork_lock import ForkLock
from reelrecs.scorer.lifetime import Closing, Once
from reelrecs.store.live import LiveStore
from reelrecs.store.store import Store

T = TypeVar("T", bound=Closing)
P = ParamSpec("P")
R = TypeVar("R")


class _Momentary(Protocol):
    """Whatever can hold to one state of the data."""

    def one_moment(self) -> AbstractContextManager[Any]:
        """A block in which the data stays what it is at its beginning."""
        ...


E = TypeVar("E", bound=_Momentary)


def of_one_moment(method: Callable[Concatenate[E, P], R]) -> Callable[Concatenate[E, P], R]:
    """Make a method a request: it sees all that has arrived, and one state of the data."""

    @functools.wraps(method)
    def request(engine: E, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with engine.one_moment():
            return method(engine, *args, **kwargs)

    return request


class Moment(Generic[T]):
    """One state of the data and what serves it; closed once it is old and nobody uses it."""

    def __init__(self, store: Store, serve: Callable[[Store], T], titles: Once[TitleIndex]) -> None:
        self.store = store
        self.serving: Once[T] = Once(lambda: serve(store))
        self.titles = titles
        self._users = 0
        self._old = False
        self._lock = ForkLock()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keep open what serves until the block ends."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                last = self._old and self._users == 0
            if last:
                self.close()

    def retire(self) -> None:
        """Let it be closed by whoever uses it last."""
        with self._lock:
            self._old = True
            unused = self._users == 0
        if unused:
            self.close()

    def close(self) -> None:
        """Give back what serves, if it was ever asked for."""
        serving = self.serving.made()
        if serving is not None:
            serving.close()


class Moments(Generic[T]):
    """The newest moment, and for each thread the one that its request began in."""

    def __init__(self, live: LiveStore, serve: Callable[[Store], T]) -> None:
        self.live = live
        self._serve = serve
        self._lock = ForkLock()
        self._begun = threading.local()
        self._newest = self._of(live.now())
        self._replaced: list[Moment[T]] = []

    def now(self) -> Moment[T]:
        """The moment of the request that this thread is at; outside of any, the last one seen."""
        return getattr(self._begun, "moment", None) or self._newest

    @contextlib.contextmanager
    def one(self) -> Iterator[Moment[T]]:
        """Look for what has arrived, and hold to that state until the block ends.

        A block within a block holds to the state of the outer one.
        """
        begun: Moment[T] | None = getattr(self._begun, "moment", None)
        if begun is not None:
            yield begun
            return
        moment = self._latest()
        with moment.used():
            self._begun.moment = moment
            try:
                yield moment
            finally:
                self._begun.moment = None

    def frozen(self) -> Moments[T]:
        """The same without what arrives from here on, for work that many threads share."""
        other: Moments[T] = Moments.__new__(Moments)
        other._serve, other._lock, other._begun = self._serve, self._lock, threading.local()
        other._newest, other._replaced = self.now(), []
        other.live = LiveStore(other._newest.store)
        return other

    def serve_by(self, serve: Callable[[Store], T]) -> None:
        """Serve by this from now on; what served until then stays open until the end."""
        with self._lock:
            self._serve, old = serve, self._newest
            self._newest = self._of(old.store, old)
            self._replaced.append(old)

    def close(self) -> None:
        """Give back what serves the newest moment, and the log; others go with their users."""
        for moment in (*self._replaced, self._newest):
            moment.close()
        if self.live.log is not None:
            self.live.log.close()

    def _latest(self) -> Moment[T]:
        if self.live.now() is not self._newest.store:
            with self._lock:
                store, old = self.live.now(), self._newest
                if store is not old.store:
                    self._newest = self._of(store, old)
                    old.retire()
        return self._newest

    def _of(self, store: Store, old: Moment[T] | None = None) -> Moment[T]:
        if old is not None and old.store.movie_titles is store.movie_titles:
            return Moment(store, self._serve, old.titles)
        return Moment(store, self._serve, Once(lambda: TitleIndex(store.all_titles)))
