"""What every store holds to, checked before a kernel sees it: a kernel checks no index.

Digests say that a file is as it was written, not who wrote it. These checks take the arrays as
anybody's: whatever passes, no kernel reads outside an array or searches what is not in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.kernels import pool
from reelrecs.store.columns import COLUMNS, IDS, TITLES

if TYPE_CHECKING:
    from reelrecs.store.store import Store

BLOCK = 1 << 17
"""Entries looked at in one go: what is worked out on the way stays in a core's cache."""


class Broken(ValueError):
    """An array does not hold what a store's does; the message says which and how."""


def check(store: Store) -> None:
    """Raise Broken unless the store's arrays and metadata are what `columns` says.

    Not checked is whether both orders hold the same ratings, and whether statistics follow from
    them: that costs as much as building.
    """
    named = store.arrays
    _check_shapes(named)
    by_user, by_movie, likes = store.by_user, store.by_movie, store.likes
    _require(store.user_ids.ascend(), "user_ids do not ascend")
    _require(store.movie_ids.ascend(), "movie_ids do not ascend")
    _check_ends(by_user.indptr, len(by_user.movies), "user_indptr")
    _check_ends(by_movie.indptr, len(by_movie.users), "movie_indptr")
    _check_ends(likes.user_indptr, len(likes.movies), "user_likes_indptr")
    _check_ends(likes.movie_indptr, len(likes.users), "movie_likes_indptr")
    lengths = np.diff(by_user.indptr).astype(np.uint32)
    _require(lengths.min() > 0, "user_indptr has a user without ratings")
    _check_statistics(store)
    last_times = by_user.times[by_user.indptr[1:] - 1]
    _check_ranks(store.user_activity_ranks, last_times)
    _require(last_times.max() == store.latest_timestamp, "user_times do not end when it says")

    def user_rows(start: int, stop: int, entries: slice) -> None:
        _require(_below(by_user.movies[entries], store.movie_count), "user_movies are no movies")
        _check_ratings(by_user.ratings[entries], store, "user_ratings")
        _require(_ascends(by_user.times[entries], by_user.indptr[start:stop], ties=True),
                 "user_times do not ascend within a user")  # fmt: skip

    def movie_rows(start: int, stop: int, entries: slice) -> None:
        raters = by_movie.users[entries]
        _require(_below(raters, store.user_count), "movie_users are no users")
        _require(_ascends(store.user_activity_ranks.take(raters), by_movie.indptr[start:stop]),
                 "movie_users are not in order of last activity")  # fmt: skip
        positions = by_movie.positions[entries]
        _require(
            (positions.view(np.uint32) < lengths.take(raters)).all(),
            "movie_positions are beyond what their users rated",
        )
        _check_ratings(by_movie.ratings[entries], store, "movie_ratings")

    _require(
        len(store.rating_order) == 0 or int(store.rating_order.max()) < len(by_user.movies),
        "rating_order is of ratings that are none",
    )

    def user_likes(_start: int, _stop: int, entries: slice) -> None:
        _require(_below(likes.movies[entries], store.movie_count), "user_likes are no movies")

    def movie_likes(start: int, stop: int, entries: slice) -> None:
        _require(_below(likes.users[entries], store.user_count), "movie_likes are no users")
        _require(_ascends(likes.users[entries], likes.movie_indptr[start:stop]),
                 "movie_likes do not ascend within a movie")  # fmt: skip

    _over_rows(user_rows, by_user.indptr)
    _over_rows(movie_rows, by_movie.indptr)
    _over_rows(user_likes, likes.user_indptr)
    _over_rows(movie_likes, likes.movie_indptr)


def _check_shapes(named: dict[str, Any]) -> None:
    missing = [name for name in (*COLUMNS, *IDS, TITLES) if name not in named]
    _require(not missing, f"there is no {' and no '.join(missing[:3])}")
    users, movies = len(named["user_ids"]), len(named["movie_ids"])
    sizes = {
        "users": users, "user ends": users + 1, "movies": movies, "movie ends": movies + 1,
        "ratings": len(named["user_movies"]), "likes": len(named["user_likes"]),
    }  # fmt: skip
    for name in IDS:
        number = isinstance(named[name], np.ndarray)
        kind = named[name].dtype if number else named[name].type
        _require(kind == (np.int64 if number else pa.large_string()), f"{name} are {kind}")
        _require(not number or named[name].ndim == 1, f"{name} are no row of numbers")
    for name, values in named.items():
        if name in IDS:
            continue
        if name in COLUMNS:
            kind, per = COLUMNS[name]
            _require(
                isinstance(values, np.ndarray) and values.dtype == kind, f"{name} is no {kind}"
            )
            _require(values.shape == (sizes[per],), f"{name} is not as long as there are {per}")
        else:
            per = "users" if name.startswith("user_") else "movies"
            _require(isinstance(values, pa.Array), f"{name} is not known")
            _require(len(values) == sizes[per], f"{name} is not as long as there are {per}")
    _require(sizes["ratings"] > 0, "there are no ratings")


def _check_ends(indptr: NDArray[np.int64], entries: int, name: str) -> None:
    _require(indptr[0] == 0 and indptr[-1] == entries, f"{name} does not span its entries")
    _require((indptr[1:] >= indptr[:-1]).all(), f"{name} descends")


def _check_ranks(ranks: NDArray[np.int32], last_times: NDArray[np.int64]) -> None:
    """Ranks are each number once, by the time of the last rating, ties by row."""
    _require(_below(ranks, len(ranks)), "user_activity_ranks are out of range")
    by_rank = np.full(len(ranks), -1)
    by_rank[ranks] = np.arange(len(ranks))
    _require(by_rank.min() >= 0, "user_activity_ranks are not each number once")
    times = last_times[by_rank]
    ordered = (times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (np.diff(by_rank) > 0))
    _require(ordered.all(), "user_activity_ranks are not in order of last activity")


def _check_statistics(store: Store) -> None:
    named = store.arrays
    for name in ("user_norm", "movie_mean_ratings", "movie_popularity_percentiles"):
        _require(np.isfinite(named[name]).all(), f"{name} are not all finite")
    for name, indptr in (
        ("movie_rating_counts", store.by_movie.indptr),
        ("movie_like_counts", store.likes.movie_indptr),
    ):
        _require((named[name] == np.diff(indptr)).all(), f"{name} are others")
    used = int(np.bitwise_or.reduce(store.movie_genres))
    _require(used.bit_length() <= len(store.genres), "movie_genres have bits that no genre has")
    figures = (store.min_rating, store.mean_rating, store.max_rating)
    _require(np.isfinite(figures).all(), "the scale is not finite")


def _check_ratings(values: NDArray[np.float32], store: Store, name: str) -> None:
    inside = store.min_rating <= values.min() and values.max() <= store.max_rating
    _require(inside, f"{name} are out of range")


def _below(rows: NDArray[np.int32], limit: int) -> bool:
    """Whether all are rows of a table of so many; negative ones seen as unsigned are huge."""
    return int(rows.view(np.uint32).max()) < limit


def _ascends(values: NDArray[Any], starts: NDArray[np.int64], ties: bool = False) -> bool:
    """Whether values ascend within rows, of which the first begins with the first value."""
    descents = values[1:] < values[:-1] if ties else values[1:] <= values[:-1]
    firsts = starts - starts[0] - 1
    descents[firsts[(firsts >= 0) & (firsts < len(descents))]] = False
    return not descents.any()


def _over_rows(task: Callable[[int, int, slice], None], indptr: NDArray[np.int64]) -> None:
    """Run task(first row, end row, their entries) over rows of about `BLOCK` entries at a time."""
    marks = np.arange(0, indptr[-1], BLOCK)
    edges = np.unique(np.concatenate((np.searchsorted(indptr[:-1], marks), [len(indptr) - 1])))

    def run(start: int, stop: int) -> None:
        for first, end in zip(edges[start:stop], edges[start + 1 : stop + 1], strict=True):
            entries = slice(int(indptr[first]), int(indptr[end]))
            if entries.stop > entries.start:
                task(int(first), int(end), entries)

    pool.over_ranges(run, len(edges) - 1, chunks_per_thread=4)


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
