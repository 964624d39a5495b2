"""A store with ratings that arrived later, equal to the bit to one built from all of them.

What did not change is copied row by row; only the rows of users who rated are put together anew. So
the time is that of copying the arrays, whatever arrived.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.datasets.tables import RELEASE_UNKNOWN
from reelrecs.errors import DataError
from reelrecs.kernels import csr, splice
from reelrecs.kernels.splice import Likers, Places, Raters
from reelrecs.ratings_log.events import Events
from reelrecs.store.arrivals import Changes, changes_of
from reelrecs.store.build import figures, last_activity_ranks, norms, rating_columns
from reelrecs.store.columns import TITLES, Likes, RatingsByMovie, RatingsByUser
from reelrecs.store.store import Store
from reelrecs.store.time_order import hash_shift, order_of_time, pair_hash

FEW = 16
"""Where one rating in so many is new or gone, sorting all of them by time is the quicker way."""


def with_events(store: Store, events: Events) -> Store:
    """The store with these events; the very same one where they change nothing.

    Raises DataError where no rating is left.
    """
    changes = changes_of(store, events)
    if changes.nothing:
        return store
    if len(changes.user_ids) == 0:
        raise DataError(f"all ratings of {store.name} are forgotten: rate something first")
    named = dict(store.arrays)
    named |= _catalogue(store, changes)
    named |= _ratings(store, changes)
    metadata = {name: text for name, text in store.metadata.items() if name != "digest"}
    return store.changed(named, metadata | figures(named))


class _Fresh(NamedTuple):
    """New rows of the users who rated or were forgotten, [fresh users] each."""

    users: NDArray[np.int64]  # new user rows, ascending
    by_user: RatingsByUser  # row f is that of users[f]
    owners: NDArray[np.int32]  # [fresh entries] new user row
    new_places: NDArray[np.int64]  # [entries before sorting] place after it
    kept: NDArray[np.int64]  # old entries, which stand first before sorting


def _ratings(store: Store, changes: Changes) -> dict[str, Any]:
    """All columns that follow from ratings."""
    fresh = _fresh(store, changes)
    old_rows = np.full(len(changes.user_ids), -1, np.int32)
    stay = changes.user_rows >= 0
    old_rows[changes.user_rows[stay]] = np.flatnonzero(stay)
    sources = old_rows.copy()
    sources[fresh.users] = -1 - np.arange(len(fresh.users), dtype=np.int32)

    by_user = _spliced(store, changes, fresh, sources)
    ranks = last_activity_ranks(by_user)
    keys = np.where(stay, ranks[changes.user_rows], np.int32(-1))
    touched = old_rows[fresh.users]
    keys[touched[touched >= 0]] = -1
    old_movies = np.full(len(changes.movie_ids), -1, np.int32)
    old_movies[changes.movie_rows] = np.arange(len(changes.movie_rows), dtype=np.int32)
    places = Places(changes.user_rows, keys.astype(np.int32), old_movies)
    by_movie = _by_movie(store, by_user, fresh, places, ranks)
    likes = _likes(store, changes, fresh, sources, places)
    order = _order(store, changes, fresh, by_user)
    norm = np.empty(len(sources))
    norm[sources >= 0] = store.user_norm[sources[sources >= 0]]
    norm[fresh.users] = norms(fresh.by_user)
    return rating_columns(by_user, by_movie, likes, ranks, order, norm)


def _fresh(store: Store, changes: Changes) -> _Fresh:
    """The changed users' ratings: what they keep and what came, oldest first, ties by arrival."""
    indptr = store.by_user.indptr
    losers = np.searchsorted(indptr, changes.removed, "right") - 1
    users = np.unique(np.concatenate([changes.user_rows[losers], changes.users]))
    users = users[users >= 0].astype(np.int64)
    row_of = np.full(len(changes.user_ids), -1, np.int64)
    row_of[users] = np.arange(len(users))

    before = np.flatnonzero((changes.user_rows >= 0) & (row_of[changes.user_rows] >= 0))
    lengths = np.diff(indptr)[before]
    starts = np.repeat(indptr[before] - np.cumsum(lengths) + lengths, lengths)
    kept = starts + np.arange(lengths.sum())
    owners = np.repeat(changes.user_rows[before], lengths)
    stays = ~np.isin(kept, changes.removed)
    kept, owners = kept[stays], np.concatenate([owners[stays], changes.users])

    rated = store.by_user
    times = np.concatenate([rated.times[kept], changes.times])
    ends, order = csr.compress(row_of[owners].astype(np.int32), len(users))
    csr.order_by_time(ends, times, order)
    movies = np.concatenate([changes.movie_rows[rated.movies[kept]], changes.movies])
    stars = np.concatenate([rated.ratings[kept], changes.stars])
    by_user = RatingsByUser(ends, movies[order], stars[order], times[order])
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return _Fresh(users, by_user, owners[order], places, kept)


def _spliced(
    store: Store, changes: Changes, fresh: _Fresh, sources: NDArray[np.int32]
) -> RatingsByUser:
    """Ratings by user, the fresh rows among the old ones."""
    old, new = store.by_user, fresh.by_user
    indptr = _ends(sources, old.indptr, new.indptr)
    movies = old.movies if _in_place(changes.movie_rows) else changes.movie_rows[old.movies]
    parts = ((movies, new.movies), (old.ratings, new.ratings), (old.times, new.times))
    return RatingsByUser(
        indptr,
        *(_rows(old.indptr, theirs, sources, new.indptr, ours, indptr) for theirs, ours in parts),
    )


def _ends(
    sources: NDArray[np.int32], old: NDArray[np.int64], fresh: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Ends of rows that are each an old one or a fresh one."""
    lengths = np.where(
        sources >= 0,
        np.diff(old)[np.maximum(sources, 0)],
        np.append(np.diff(fresh), 0)[np.maximum(-1 - sources, 0).clip(max=len(fresh) - 1)],
    )
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _rows(
    old_indptr: NDArray[np.int64],
    old: NDArray[Any],
    sources: NDArray[np.int32],
    fresh_indptr: NDArray[np.int64],
    fresh: NDArray[Any],
    indptr: NDArray[np.int64],
) -> NDArray[Any]:
    out = np.empty(indptr[-1], old.dtype)
    splice.splice_rows(old_indptr, old, sources, fresh_indptr, fresh, indptr, out)
    return out


def _by_movie(
    store: Store,
    by_user: RatingsByUser,
    fresh: _Fresh,
    places: Places,
    ranks: NDArray[np.int32],
) -> RatingsByMovie:
    movie_count = len(places.movies)
    mine = fresh.by_user
    theirs = _raters(csr.offsets(mine.movies, movie_count))
    by_rank = np.argsort(ranks[fresh.users])
    csr.transpose(mine.indptr, mine.movies, mine.ratings, by_rank, theirs.indptr, theirs[1:])
    theirs = theirs._replace(users=fresh.users[theirs.users].astype(np.int32))
    out = _raters(csr.offsets(by_user.movies, movie_count))
    splice.merge_raters(Raters(*store.by_movie), places, theirs, ranks[theirs.users], out)
    return RatingsByMovie(*out)


def _raters(indptr: NDArray[np.int64]) -> Raters:
    """Room for the raters of all movies."""
    count = indptr[-1]
    return Raters(
        indptr, np.empty(count, np.int32), np.empty(count, np.float32), np.empty(count, np.int32)
    )


def _likes(
    store: Store,
    changes: Changes,
    fresh: _Fresh,
    sources: NDArray[np.int32],
    places: Places,
) -> Likes:
    old, mine = store.likes, fresh.by_user
    movie_count = len(places.movies)
    user_ends, liked, movie_ends, likers = csr.likes(
        mine.indptr, mine.movies, mine.ratings, movie_count, config.LIKED_FROM
    )
    indptr = _ends(sources, old.user_indptr, user_ends)
    movies = old.movies if _in_place(changes.movie_rows) else changes.movie_rows[old.movies]
    by_user = _rows(old.user_indptr, movies, sources, user_ends, liked, indptr)
    theirs = Likers(movie_ends, fresh.users[likers].astype(np.int32))
    out = Likers(csr.offsets(by_user, movie_count), np.empty(len(by_user), np.int32))
    by_row = places._replace(keys=np.where(places.keys < 0, np.int32(-1), places.rows))
    splice.merge_likers(Likers(old.movie_indptr, old.users), by_row, theirs, out)
    return Likes(indptr, by_user, out.indptr, out.users)


def _order(
    store: Store, changes: Changes, fresh: _Fresh, by_user: RatingsByUser
) -> NDArray[np.uint32]:
    """All ratings in order of time: the old order with what came, or a new one where ties move."""
    old, count = store.by_user, len(by_user.times)
    spans = [hash_shift(int(times.min()), int(times.max())) for times in (old.times, by_user.times)]
    moved = not (_in_place(changes.user_rows) and _in_place(changes.movie_rows))
    if moved or spans[0] != spans[1] or len(changes.users) * FEW > count:
        return order_of_time(by_user)
    entries = _new_entries(store, changes, fresh, by_user)
    kept = np.empty(len(old.times), np.uint32)
    kept = kept[: splice.map_entries(store.rating_order, entries[: len(old.times)], kept)]
    came = entries[len(old.times) :]
    hashes = pair_hash(changes.users.astype(np.int64), changes.movies) >> np.uint64(spans[1])
    by_key = np.lexsort((came, hashes, changes.times))
    came, hashes = came[by_key], hashes[by_key]
    places = np.empty(len(came), np.int64)
    splice.find_places(
        kept, by_user.indptr, by_user.movies, by_user.times, spans[1], came, hashes, places
    )
    return np.insert(kept, places, came.astype(np.uint32))


def _new_entries(
    store: Store, changes: Changes, fresh: _Fresh, by_user: RatingsByUser
) -> NDArray[np.int64]:
    """[old entries, then those that came] the new place of each, -1 = gone; no row has moved."""
    old = store.by_user.indptr
    entries = np.arange(old[-1] + len(changes.users))
    shifts = by_user.indptr[: len(old) - 1] - old[:-1]
    entries[: old[-1]] += np.repeat(shifts, np.diff(old))
    starts = by_user.indptr[fresh.owners] - fresh.by_user.indptr[:-1].repeat(
        np.diff(fresh.by_user.indptr)
    )
    placed = (starts + np.arange(len(fresh.owners)))[fresh.new_places]
    entries[fresh.kept] = placed[: len(fresh.kept)]
    entries[old[-1] :] = placed[len(fresh.kept) :]
    entries[changes.removed] = -1
    return entries


def _in_place(rows: NDArray[np.int32]) -> bool:
    """Whether every old row is the same row now."""
    return bool((rows == np.arange(len(rows))).all())


def _catalogue(store: Store, changes: Changes) -> dict[str, Any]:
    """Ids, and what is known of users and movies besides ratings.

    Nothing is known of those who are new, or were forgotten and are back.
    """
    named: dict[str, Any] = {
        "user_ids": changes.user_ids.values,
        "movie_ids": changes.movie_ids.values,
    }
    stay = np.flatnonzero(changes.user_rows >= 0)
    of_users = np.full(len(changes.user_ids), -1, np.int64)
    of_users[changes.user_rows[stay]] = stay
    of_users[np.isin(of_users, changes.strangers)] = -1
    of_movies = np.full(len(changes.movie_ids), -1, np.int64)
    of_movies[changes.movie_rows] = np.arange(len(changes.movie_rows))
    for name, values in store.arrays.items():
        if isinstance(values, pa.Array) and name not in named:
            named[name] = _texts(values, of_users if name.startswith("user_") else of_movies)
    known = of_movies >= 0
    if not known.all():
        called = changes.movie_ids.to_arrow().cast(pa.large_string())
        named[TITLES] = pc.if_else(pa.array(known), named[TITLES], called)
    nothing = {"movie_years": 0, "movie_released": RELEASE_UNKNOWN, "movie_genres": 0}
    for name, unknown in nothing.items():
        values = store.arrays[name]
        named[name] = np.full(len(known), unknown, values.dtype)
        named[name][known] = values[of_movies[known]]
    return named


def _texts(values: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    """The texts of these rows, "" where there is none (-1)."""
    if len(rows) == len(values) and (rows == np.arange(len(rows))).all():
        return values
    taken = values.take(pa.array(np.maximum(rows, 0)))
    return pc.if_else(pa.array(rows >= 0), taken, pa.scalar("", pa.large_string()))
