"""What events of a log change in a store: which ratings go, which come, whose rows that moves.

As when a file is read, of several ratings of a movie by a user the latest counts, of equal times
the one that arrived later. What is forgotten is all that was known until then, whatever its time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.feedback import stars_of
from reelrecs.datasets.ids import Ids, take_ids
from reelrecs.kernels.splice import find_entries
from reelrecs.ratings_log.events import Events, Kind
from reelrecs.store.store import Store


class Changes(NamedTuple):
    """The difference between a store and the same with some events; new rows throughout."""

    user_ids: Ids
    movie_ids: Ids
    user_rows: NDArray[np.int32]  # [old users] new row, -1 = has no rating left
    movie_rows: NDArray[np.int32]  # [old movies] new row
    removed: NDArray[np.int64]  # old entries of `by_user` that go, ascending
    users: NDArray[np.int32]  # [arrived] those that come, in order of arrival
    movies: NDArray[np.int32]
    stars: NDArray[np.float32]
    times: NDArray[np.int64]
    strangers: NDArray[np.int32]  # old users who were forgotten, whether or not they rated again

    @property
    def nothing(self) -> bool:
        """Whether the store stays as it is."""
        return len(self.removed) == len(self.users) == 0 and len(self.movie_rows) == len(
            self.movie_ids
        )


def changes_of(store: Store, events: Events) -> Changes:
    """What these events change; a movie that was ever rated stays known."""
    named = np.isin(events.kinds, (Kind.RATING, Kind.ERASED))
    movie_ids = store.movie_ids.joined(take_ids(events.movies, np.flatnonzero(named)))
    given = np.flatnonzero(events.kinds == Kind.RATING)
    everybody = store.user_ids.joined(take_ids(events.users, given))

    users, movies = everybody.rows_of(events.users), movie_ids.rows_of(events.movies)
    pairs = users.astype(np.int64) * len(movie_ids) + movies
    old_movies = store.movie_ids.rows_of(movie_ids.column())
    pairs[(users < 0) | (movies < 0)] = -1
    forgotten, given = _forgotten(events.kinds, users, pairs, given, len(everybody))

    old_users = store.user_ids.rows_of(everybody.column())
    gone = [_entries_of_pairs(store, old_users[users], old_movies[movies], forgotten.ratings)]
    for row in old_users[forgotten.users]:
        if row >= 0:
            own = store.by_user.row(int(row))
            gone.append(np.arange(own.start, own.stop))
    removed = np.unique(np.concatenate(gone))

    latest = given[np.lexsort((given, events.times[given], pairs[given]))]
    latest = latest[np.append(pairs[latest][1:] != pairs[latest][:-1], True)[: len(latest)]]
    latest = np.sort(latest)
    before = _entries_of_pairs(store, old_users[users], old_movies[movies], latest, missing=True)
    known = (before >= 0) & ~np.isin(before, removed)
    stale = np.zeros(len(latest), np.bool_)
    stale[known] = store.by_user.times[before[known]] > events.times[latest[known]]
    removed = np.union1d(removed, before[known & ~stale])
    latest = latest[~stale]

    counts = np.zeros(len(everybody), np.int64)
    rows_here = everybody.rows_of(store.user_ids.column())
    counts[rows_here] = np.diff(store.by_user.indptr)
    owners = np.searchsorted(store.by_user.indptr, removed, "right") - 1
    counts -= np.bincount(rows_here[owners], minlength=len(counts))
    counts += np.bincount(users[latest], minlength=len(counts))
    new_rows = np.where(counts > 0, np.cumsum(counts > 0) - 1, -1).astype(np.int32)
    return Changes(
        everybody if (counts > 0).all() else everybody.of_rows(np.flatnonzero(counts > 0)),
        movie_ids,
        new_rows[rows_here],
        movie_ids.rows_of(store.movie_ids.column()),
        removed,
        new_rows[users[latest]],
        movies[latest],
        stars_of(events.values[latest], store.feedback, store.file_scale),
        events.times[latest],
        old_users[forgotten.users],
    )


class _Forgotten(NamedTuple):
    users: NDArray[np.int64]  # rows of users of whom all was forgotten at some time
    ratings: NDArray[np.int64]  # events that forget one rating


def _forgotten(
    kinds: NDArray[np.int8],
    users: NDArray[np.int32],
    pairs: NDArray[np.int64],
    given: NDArray[np.int64],
    user_count: int,
) -> tuple[_Forgotten, NDArray[np.int64]]:
    """What is forgotten, and which of the events in `given` are not, later ones not being meant."""
    whole = np.flatnonzero((kinds == Kind.FORGET_USER) & (users >= 0))
    single = np.flatnonzero((kinds == Kind.FORGET_RATING) & (pairs >= 0))
    last = np.full(user_count, -1, np.int64)
    last[users[whole]] = whole  # ascending: the last one stands
    kept = given > last[users[given]]
    if len(single):
        until = dict(zip(pairs[single].tolist(), single.tolist(), strict=True))
        kept &= given > np.array([until.get(pair, -1) for pair in pairs[given].tolist()])
    return _Forgotten(np.unique(users[whole]).astype(np.int64), single), given[kept]


def _entries_of_pairs(
    store: Store,
    users: NDArray[np.int32],
    movies: NDArray[np.int32],
    events: NDArray[np.int64],
    missing: bool = False,
) -> NDArray[np.int64]:
    """The store's entry of each event's user and movie, -1 where there is none if `missing`."""
    entries = np.empty(len(events), np.int64)
    by_user = store.by_user
    find_entries(by_user.indptr, by_user.movies, users[events], movies[events], entries)
    return entries if missing else entries[entries >= 0]
