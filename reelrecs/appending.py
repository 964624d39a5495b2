"""What programs tell an engine: new ratings, and what is to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.ratings_log.events import Step
from reelrecs.ratings_log.group_commit import GroupCommit
from reelrecs.store.incoming import Rating, checked, held
from reelrecs.store.store import Store


class Appending:
    """The part of an engine that writes to the data set's log."""

    _appending: GroupCommit | None

    @property
    def store(self) -> Store:
        """The data as the last request saw it."""
        raise NotImplementedError

    def one_moment(self) -> AbstractContextManager[Any]:
        """A block in which the data stays what it is at its beginning."""
        raise NotImplementedError

    def _check_open(self) -> None:
        raise NotImplementedError

    @property
    def has_log(self) -> bool:
        """Whether ratings can be kept: a data set on disk has a log, a table none."""
        return self._appending is not None

    def append(
        self,
        user_id: Id,
        movie_id: Id,
        rating: float,
        *,
        time: int | None = None,
        key: str | None = None,
    ) -> bool:
        """Keep a rating for good, in the next list already; False if the key was known.

        See `append_many`.
        """
        return bool(self.append_many([Rating(user_id, movie_id, rating, time, key)]))

    def append_many(self, ratings: Sequence[Rating]) -> int:
        """Keep ratings in the data set's log; how many were new, the others known by their keys.

        Returns when the disk has them all; many threads share one fsync. Users and movies may be
        new. Raises InvalidRequest, and then none of them is kept, DataError and StorageError.
        """
        self._check_open()
        log = self._required_log()
        arrivals = checked(self.store, ratings)
        return log.append(arrivals) if arrivals else 0

    def append_step(self, step: Step, ratings: Sequence[Rating]) -> int:
        """Keep ratings of a source and how far it has been read; see `RatingsLog.append_step`.

        `append_many` otherwise.
        """
        self._check_open()
        return self._required_log().log.append_step(step, checked(self.store, ratings))

    def position(self, source: str) -> str | None:
        """How far a source of ratings has been read into the log; None if never."""
        self._check_open()
        return self._required_log().log.position(source)

    def forget(self, user_id: Id, movie_id: Id | None = None) -> None:
        """Forget what a user rated, one movie or all, in the next list already.

        The model has learned from it until the next training, the store's file holds it until the
        next compaction. Raises NotFound, DataError and StorageError.
        """
        self._check_open()
        log = self._required_log()
        with self.one_moment():
            user, movie = held(self.store, user_id, movie_id)
        log.log.forget(user, movie)

    def _required_log(self) -> GroupCommit:
        if self._appending is None:
            raise InvalidRequest(
                "this engine has no log of ratings: open a folder, zip or store, on a machine "
                "whose data folder is known or named by REELRECS_LOG_DIR"
            )
        return self._appending
