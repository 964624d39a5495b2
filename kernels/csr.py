"""Ratings as compressed rows by user and by movie, built by counting sorts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Offsets, Rows, Times
from reelrecs.kernels.jit import inner, kernel

LOOKUP_LIMIT = 1 << 26
"""Largest id for which ids become rows by a table instead of a sort (a 256 MB table)."""


def rows_of_ids(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The distinct ids, ascending, and for each id its row among them."""
    if len(ids) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest > max(LOOKUP_LIMIT, 4 * len(ids)):
        distinct, rows = np.unique(ids, return_inverse=True)
        return distinct, rows.astype(np.int32)
    row_of_id = np.zeros(highest + 1, np.int32)
    _mark(ids, row_of_id)
    distinct = np.flatnonzero(row_of_id)
    row_of_id[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, row_of_id[ids]


def compress(
    rows: NDArray[np.int32], row_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """CSR offsets [row_count + 1], and the positions of `rows` sorted by row, ties in order."""
    indptr = np.zeros(row_count + 1, np.int64)
    order = np.empty(len(rows), np.int64)
    _counting_sort(rows, indptr, order)
    return indptr, order


def order_by_time(
    indptr: NDArray[np.int64], times: NDArray[np.int64], order: NDArray[np.int64]
) -> None:
    """Sort each row's entries of `order` by times[order], oldest first; ties keep their order."""
    _sort_rows_by_time(indptr, times, order)


def offsets(rows: NDArray[np.int32], row_count: int) -> NDArray[np.int64]:
    """CSR offsets [row_count + 1] of entries in any order."""
    indptr = np.zeros(row_count + 1, np.int64)
    _count(rows, indptr[1:])
    return np.cumsum(indptr)


def transpose(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    ratings: NDArray[np.float32],
    visit: NDArray[np.int64],
    movie_indptr: NDArray[np.int64],
    out: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]],
) -> None:
    """Write users, ratings and positions by movie, users in the order of `visit`; one pass."""
    _transpose(indptr, movies, ratings, visit, movie_indptr[:-1].copy(), *out)


def likes(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    ratings: NDArray[np.float32],
    movie_count: int,
    liked_from: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """The likes alone as CSR: ends and movies by user, ends and users, ascending, by movie."""
    by_user = np.zeros(len(indptr), np.int64)
    by_movie = np.zeros(movie_count + 1, np.int64)
    _count_likes(indptr, movies, ratings, liked_from, by_user[1:], by_movie[1:])
    by_user, by_movie = np.cumsum(by_user), np.cumsum(by_movie)
    liked, likers = np.empty(by_user[-1], np.int32), np.empty(by_user[-1], np.int32)
    _fill_likes(indptr, movies, ratings, liked_from, by_movie[:-1].copy(), liked, likers)
    return by_user, liked, by_movie, likers


@kernel
def _mark(
    ids: NDArray[np.int64],
    row_of_id: Rows,
) -> None:
    for id_ in ids:
        row_of_id[id_] = 1


@kernel
def _count(
    rows: Rows,
    counts: Offsets,
) -> None:
    for row in rows:
        counts[row] += 1


@kernel
def _counting_sort(
    rows: Rows,
    indptr: Offsets,
    order: Offsets,
) -> None:
    for row in rows:
        indptr[row + 1] += 1
    for row in range(len(indptr) - 1):
        indptr[row + 1] += indptr[row]
    free = indptr[:-1].copy()
    for position in range(len(rows)):
        row = rows[position]
        order[free[row]] = position
        free[row] += 1


@kernel
def _sort_rows_by_time(
    indptr: Offsets,
    times: Times,
    order: Offsets,
) -> None:
    for row in range(len(indptr) - 1):
        start, stop = indptr[row], indptr[row + 1]
        ascending = True
        for at in range(start + 1, stop):
            if times[order[at]] < times[order[at - 1]]:
                ascending = False
                break
        if not ascending:
            _merge_sort(order[start:stop], times)


@inner
def _merge_sort(order: Offsets, times: Times) -> None:
    """Sort by times[order], ties as they stand: ever longer sorted runs are merged, two by two.

    Numba's own sort takes ten times as long to compile.
    """
    merged = np.empty(len(order), np.int64)
    width = 1
    while width < len(order):
        for start in range(0, len(order), 2 * width):
            middle, stop = min(start + width, len(order)), min(start + 2 * width, len(order))
            low, high = start, middle
            for at in range(start, stop):
                if high >= stop or (low < middle and times[order[low]] <= times[order[high]]):
                    merged[at] = order[low]
                    low += 1
                else:
                    merged[at] = order[high]
                    high += 1
        for at in range(len(order)):
            order[at] = merged[at]
        width *= 2


@kernel
def movie_statistics(
    indptr: Offsets,
    ratings: Floats,
    liked_from: float,
    count: Rows,
    mean: Floats,
    liked: Rows,
) -> None:
    """Per row: how many ratings, their mean (0 where none) and how many are likes."""
    for row in range(len(indptr) - 1):
        total = 0.0
        likes = 0
        for at in range(indptr[row], indptr[row + 1]):
            total += ratings[at]
            likes += ratings[at] >= liked_from
        n = indptr[row + 1] - indptr[row]
        count[row] = n
        mean[row] = total / n if n > 0 else 0.0
        liked[row] = likes


@kernel
def _transpose(
    indptr: Offsets,
    movies: Rows,
    ratings: Floats,
    visit: Offsets,
    free: Offsets,
    out_users: Rows,
    out_ratings: Floats,
    out_positions: Rows,
) -> None:
    for user in visit:
        for at in range(indptr[user], indptr[user + 1]):
            place = free[movies[at]]
            free[movies[at]] = place + 1
            out_users[place] = user
            out_ratings[place] = ratings[at]
            out_positions[place] = at - indptr[user]


@kernel
def _count_likes(
    indptr: Offsets,
    movies: Rows,
    ratings: Floats,
    liked_from: float,
    by_user: Offsets,
    by_movie: Offsets,
) -> None:
    for user in range(len(indptr) - 1):
        for at in range(indptr[user], indptr[user + 1]):
            if ratings[at] >= liked_from:
                by_user[user] += 1
                by_movie[movies[at]] += 1


@kernel
def _fill_likes(
    indptr: Offsets,
    movies: Rows,
    ratings: Floats,
    liked_from: float,
    free: Offsets,
    out_movies: Rows,
    out_users: Rows,
) -> None:
    place = 0
    for user in range(len(indptr) - 1):
        for at in range(indptr[user], indptr[user + 1]):
            if ratings[at] >= liked_from:
                movie = movies[at]
                out_movies[place] = movie
                place += 1
                out_users[free[movie]] = user
                free[movie] += 1
