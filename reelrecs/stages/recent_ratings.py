"""What everybody has rated lately: windows of so many ratings before the moment of asking.

Windows are measured in ratings and not in days, so that a data set that gets a rating a second and
one that gets ten a day are treated alike. Beside them stands what people rate at this point of a
history, which is what is known of somebody new.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import csr
from reelrecs.kernels import recent_ratings as kernels
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store

WINDOWS: Rows = np.array(config.RECENT_WINDOWS, np.int32)

TAIL = config.RECENT_WINDOWS[-1] + 4_096
"""Last ratings looked at: those of the widest window, and room for one's own, which are not counted
as any."""

LENGTH_ENDS: Rows = np.array(config.HISTORY_LENGTHS, np.int32)


@dataclass(frozen=True, slots=True)
class RecentScores:
    """Scores of all movies at one moment, for one history; blind to the user's later ratings."""

    end: int  # how many ratings of everybody are known by then
    gap: int  # how many of them are later than the last of the history
    windows: Floats  # [WINDOWS, movies] ratings in each
    alike: Floats  # [movies] similarity of those who rated it lately
    at_length: Floats  # [movies] smoothed count of people who rated it at this point of a history


class Later(NamedTuple):
    """Ratings of a user that a query's history does not hold."""

    movies: Rows
    times: NDArray[np.int64]
    places: NDArray[np.int64]  # in the order of time among all the user's ratings


class RecentRatings:
    """RecentScores over one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._last: tuple[int, Rows, Rows] = (-1, WINDOWS[:0], WINDOWS[:0])
        self._lock = threading.Lock()

    def scores(self, query: Query, similarity: Floats) -> RecentScores:
        """The scores for a query; `similarity` [users] is that of their histories to its own."""
        return query.cached("recent", lambda: self._scores(query, similarity))

    def _scores(self, query: Query, similarity: Floats) -> RecentScores:
        store = self.store
        end = self.known_at(query.as_of)
        last = min(end, self.known_at(int(query.times[-1]))) if len(query.times) else end
        movies, users = self._tail(end)
        windows = np.zeros((len(WINDOWS), store.movie_count), np.float32)
        alike = np.zeros(store.movie_count, np.float32)
        kernels.count_windows(
            movies,
            users,
            similarity,
            query.user_row,
            WINDOWS,
            windows,
            alike,
            config.ALIKE_WINDOW,
        )
        later = self.later(query)
        gap = end - last - int((later.times <= query.as_of).sum())
        return RecentScores(end, max(gap, 0), windows, alike, self._at_length(query, later))

    def known_at(self, moment: int) -> int:
        """How many ratings of everybody were given until then."""
        store = self.store
        if moment >= store.latest_timestamp:
            return store.rating_count
        low, high = 0, store.rating_count
        times, order = store.by_user.times, store.rating_order
        while low < high:
            middle = (low + high) // 2
            if times[order[middle]] <= moment:
                low = middle + 1
            else:
                high = middle
        return low

    def totals(self, query: Query, movies: Rows, end: int) -> Rows:
        """[movies]: ratings of each until then, those beyond the user's history left out."""
        if end == self.store.rating_count:
            counts = self.store.movie_rating_counts[movies].astype(np.int32)
        else:
            counts = np.empty(len(movies), np.int32)
            kernels.count_before(*self._positions, movies, end, counts)
        later = self.later(query)
        known = np.zeros(self.store.movie_count, np.bool_)
        known[later.movies[later.times <= query.as_of]] = True
        counts -= known[movies]
        return counts

    def _at_length(self, query: Query, later: Later) -> Floats:
        store = self.store
        at = _length_code(len(query.movies))
        counts = self._counts_by_length[at].astype(np.float32)
        counts[later.movies[_length_code(later.places) == at]] -= 1.0
        known = store.movie_rating_counts.astype(np.float32)
        known[later.movies] -= 1.0
        known *= np.float32(config.HISTORY_LENGTH_PRIOR / (store.rating_count - len(later.movies)))
        scores: Floats = counts + known
        return scores

    def later(self, query: Query) -> Later:
        """What the store holds of the user beyond the history."""
        return query.cached("later", lambda: self._find_later(query))

    def _find_later(self, query: Query) -> Later:
        own = self.store.by_user.row(query.user_row) if query.user_row >= 0 else slice(0, 0)
        movies = self.store.by_user.movies[own]
        seen = np.zeros(self.store.movie_count, np.bool_)
        seen[query.movies] = True
        places = np.flatnonzero(~seen[movies])
        return Later(movies[places], self.store.by_user.times[own][places], places)

    def _tail(self, end: int) -> tuple[Rows, Rows]:
        """Movies and users of the last ratings before `end`, oldest first; the last are kept."""
        with self._lock:
            if self._last[0] == end:
                return self._last[1:]
        movies = np.empty(min(end, TAIL), np.int32)
        users = np.empty_like(movies)
        kernels.gather_last(
            self.store.rating_order, self.store.by_user.movies, self._owners, end, movies, users
        )
        found = as_readonly_contiguous(movies, users)
        with self._lock:
            self._last = (end, *found)
        return found

    @cached_property
    def _owners(self) -> Rows:
        (owners,) = as_readonly_contiguous(self.store.by_user.owners().astype(np.int32))
        return owners

    @cached_property
    def _positions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each movie the positions of its ratings in order of time: compressed rows."""
        movies = self.store.by_user.movies[self.store.rating_order]
        return as_readonly_contiguous(*csr.compress(movies, self.store.movie_count))

    @cached_property
    def _counts_by_length(self) -> Rows:
        counts = np.zeros((len(LENGTH_ENDS), self.store.movie_count), np.int32)
        by_user = self.store.by_user
        kernels.count_by_length(by_user.indptr, by_user.movies, LENGTH_ENDS, counts)
        return counts


def _length_code(lengths: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Which of the lengths that are told apart these are."""
    return np.searchsorted(LENGTH_ENDS[:-1], lengths, "right")
