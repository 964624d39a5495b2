"""Popularity: of all time, in a recent window, in the best window, at a length of history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.runner import measure
from reelrecs.evaluation.splits import Split
from reelrecs.evaluation.system import Scores, System
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

WIDER = 4
"""Movies that a window rates alike are ordered by a window so many times as wide."""

SETTLED_AT = 10
"""The window with the best NDCG at this length on the validation cut is the one that is shown."""

SECONDS_A_DAY = 86_400

LENGTHS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500)
"""Where buckets of lengths of history begin: exact where a movie more changes what is rated. On
ml-1m's cold ladder (seeds 7, 8), exact lengths up to 11 or 25 gain nothing: .134, .129 against
.127, .144 at 5 and 10 by seed 7, .114, .104 against .114, .109 by seed 8."""

LENGTH_PRIOR = 200.0
"""Ratings that the popularity at all lengths weighs beside those of a bucket, so that a bucket
nobody reaches is not empty. On ml-1m's cold ladder (seed 7) 1 to 1000 give the same figures, 5000
gives slightly lower ones."""


class Popularity(System):
    """The most rated first, for everybody alike."""

    name = "popularity"

    def __init__(self, store: Store) -> None:
        self._count = store.movie_rating_counts.astype(np.float64)

    def scores(self, questions: Questions) -> Scores:
        """The same row for every question."""
        return np.tile(self._count, (len(questions), 1))


class _InTime:
    """All ratings of a store in the order of time, to be counted between two places."""

    def __init__(self, store: Store) -> None:
        order = store.rating_order
        self.movies = store.by_user.movies[order]
        self.times = store.by_user.times[order]
        self.movie_count = store.movie_count

    def ends(self, as_of: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
        """[questions] how many ratings stand before each moment, itself included; all if untold."""
        if as_of is None:
            return np.full(count, len(self.times))
        return np.searchsorted(self.times, as_of, side="right")

    def counts(self, start: int, end: int) -> Scores:
        """[movies] how often each was rated among these."""
        within = self.movies[max(0, start) : end]
        return np.bincount(within, minlength=self.movie_count).astype(np.float64)


class WindowPopularity(System):
    """The most rated among the last `size` ratings of everybody before the request.

    A system that is not told the moment of asking takes the end of the data.
    """

    def __init__(self, store: Store, size: int, in_time: _InTime | None = None) -> None:
        self.name = f"recent-{size}"
        self._size = size
        self._in_time = in_time or _InTime(store)

    def scores(self, questions: Questions) -> Scores:
        """Counts in the window, equal ones in the order of a wider window."""
        ends = self._in_time.ends(questions.as_of, len(questions))
        distinct, which = np.unique(ends, return_inverse=True)
        return np.array([self._at(int(end)) for end in distinct])[which]

    def _at(self, end: int) -> Scores:
        wide = WIDER * self._size
        within = self._in_time.counts(end - self._size, end)
        return within + self._in_time.counts(end - wide, end) / (wide + 1)


class DaysPopularity(System):
    """The most rated in the last so many days before the request, or before the data's end."""

    def __init__(self, store: Store, days: int) -> None:
        self.name = f"recent-{days}d"
        self._seconds = days * SECONDS_A_DAY
        self._in_time = _InTime(store)

    def scores(self, questions: Questions) -> Scores:
        """Counts in those days, equal ones in the order of all that was rated before."""
        times = self._in_time.times
        ends = self._in_time.ends(questions.as_of, len(questions))
        now = times[-1] if questions.as_of is None else questions.as_of
        starts = np.broadcast_to(np.searchsorted(times, now - self._seconds), ends.shape)
        spans, which = np.unique(np.column_stack([starts, ends]), axis=0, return_inverse=True)
        rows = [
            self._in_time.counts(start, end) + self._in_time.counts(0, end) / (end + 1)
            for start, end in spans.tolist()
        ]
        return np.array(rows)[which.ravel()]


class BestWindow(System):
    """The window popularity that is best on the validation cut; `detail` says which it is."""

    name = "recent"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._choose(config.RECENT_WINDOWS[len(config.RECENT_WINDOWS) // 2])

    def settle(self, validation: Callable[[], Sequence[Split]]) -> None:
        """Try every window; where the data is too small for a validation cut, keep the third."""
        try:
            splits = validation()
        except DataError as error:
            log.info(f"{self.name}: no validation cut ({error}), so it is {self.detail}")
            return
        in_time = _InTime(splits[0].train)
        best = -1.0
        for size in config.RECENT_WINDOWS:
            system = WindowPopularity(splits[0].train, size, in_time)
            reached = float(np.mean([_ndcg(system, split) for split in splits]))
            log.info(f"{system.name}: NDCG@{SETTLED_AT} {reached:.4f} on the validation cut")
            if reached > best:
                best = reached
                self._choose(size)

    def scores(self, questions: Questions) -> Scores:
        """Those of the chosen window."""
        return self._chosen.scores(questions)

    def _choose(self, size: int) -> None:
        self._chosen = WindowPopularity(self._store, size)
        self.detail = f"last {size:,} ratings"


class PopularAtLength(System):
    """What people rated as their (k+1)-th movie, for those who have rated k; no name of its own.

    Lengths share buckets, and each bucket leans on the popularity at all lengths.
    """

    name = "at-length"

    def __init__(self, store: Store, prior: float = LENGTH_PRIOR) -> None:
        rated = store.by_user
        self._shares = np.zeros((len(LENGTHS), store.movie_count))
        np.add.at(self._shares, (_bucket(rated.places()), rated.movies), 1.0)
        self._shares += prior * (store.movie_rating_counts / store.rating_count)
        self._shares /= self._shares.sum(axis=1, keepdims=True)

    def scores(self, questions: Questions) -> Scores:
        """Each question's shares at its length of history."""
        return self._shares[_bucket(questions.lengths())]


def _bucket(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(LENGTHS, lengths, side="right") - 1


def _ndcg(system: System, split: Split) -> float:
    """Mean NDCG at SETTLED_AT, over users."""
    measured = measure(system, split, SETTLED_AT)
    return float(measured.accuracy[f"NDCG@{SETTLED_AT}"].mean())
