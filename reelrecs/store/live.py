"""A data set as it is now: its store, and what its log holds beyond."""

from __future__ import annotations

from reelrecs.errors import DataError
from reelrecs.fork_lock import ForkLock
from reelrecs.ratings_log.log_file import RatingsLog
from reelrecs.store.overlay import with_events
from reelrecs.store.store import Store


class LiveStore:
    """The newest state of a data set, for any number of threads; each state is a Store of its own.

    `place` is that of the last event of the log which the store holds already. Without a log the
    store stays what it is.
    """

    def __init__(self, store: Store, log: RatingsLog | None = None, place: int = 0) -> None:
        self.log = log
        self._state = (store, place)
        self._file = None if log is None else log.file()
        self._lock = ForkLock()

    @property
    def place(self) -> int:
        """The place in the log up to which `now` was last asked."""
        return self._state[1]

    def now(self) -> Store:
        """The store with everything that was acknowledged until now; the same while nothing comes.

        What another process appended is there too. Raises DataError for a log that cannot be read,
        or where no rating is left.
        """
        if self.log is None:
            return self._state[0]
        file = self.log.file()
        if file != self._file:
            if self._file is not None:
                raise DataError(
                    f"the log of ratings {self.log.path} was removed or replaced while in use: "
                    "open the data again"
                )
            self._file = file
        if file is None or self.log.last() <= self._state[1]:
            return self._state[0]
        with self._lock:
            store, place = self._state
            events = self.log.after(place, store.user_ids.is_text, store.movie_ids.is_text)
            if len(events):
                self._state = (with_events(store, events), int(events.places[-1]))
            return self._state[0]
