"""Cosine nearest neighbours among users, and what their ratings predict.

Users are sparse rows of stars; the cosine of two users is dot / (norm * norm) over all movies.
Dot products are added up movie by movie through the by-movie columns, in the order of the query's
own row and in float64: the same bits for any number of threads, and exact for star scales.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import pool, topk
from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows
from reelrecs.kernels.jit import as_readonly_contiguous, kernel
from reelrecs.kernels.sequence_knn import first_in_order

CHUNKS_PER_THREAD = 16
"""Pieces each thread's queries are cut into: a row costs 0.01 to 2 ms, so few would be uneven."""

ALMOST = 1.0 - 1e-12
"""Room for rounding when a dot product is compared with what the heap's worst would need; it spares
a division for all but the few users who may enter, and the heap itself compares exactly."""


class SparseRows(NamedTuple):
    """Rows of a sparse matrix in CSR; which axis the rows are is said by the name it is given."""

    indptr: NDArray[np.int64]  # [rows + 1]
    indices: NDArray[np.int32]  # [entries]
    values: NDArray[np.float32]  # [entries]


class Latest(NamedTuple):
    """Whose ratings are enough where there are too many: the users last active.

    Each movie's users must stand in the order of their ranks then.
    """

    activity_ranks: NDArray[np.int32]  # [users]
    most: int  # ratings that are looked at for one query, about


class Neighbours(NamedTuple):
    """The nearest users of each query, best first; rows are padded with -1, similarities with 0."""

    users: NDArray[np.int32]  # [queries, k]
    similarities: NDArray[np.float64]  # [queries, k], each > 0 where there is a user


def nearest(
    queries: SparseRows,
    own_rows: NDArray[np.int32],
    by_movie: SparseRows,
    norms: NDArray[np.float64],
    k: int,
    latest: Latest | None = None,
) -> Neighbours:
    """Find the k users of largest positive cosine for each query, ties to the smaller row.

    `queries` holds movies and stars, no movie twice; `own_rows[q]` is the user row that is the
    query itself and so no neighbour, or -1; `by_movie` holds user rows and stars; `norms[u]` is
    the Euclidean norm of user u's stars. Users without a movie in common are no neighbours. With
    `latest`, a query of more ratings than that says looks at the users last active, at so many that
    they have about as many. Raises ValueError for queries that point outside the data.
    """
    count = len(own_rows)
    if k < 1 or len(queries.indptr) != count + 1:
        raise ValueError(f"{len(queries.indptr) - 1} queries, {count} own rows, k = {k}")
    _require_offsets(queries.indptr, len(queries.indices))
    _require_rows(queries.indices, 0, len(by_movie.indptr) - 1)
    _require_rows(own_rows, -1, len(norms))
    users = np.full((count, k), -1, np.int32)
    similarities = np.zeros((count, k), np.float64)
    if latest is None:
        latest = Latest(np.zeros(0, np.int32), len(by_movie.indices))
    arrays = as_readonly_contiguous(*queries, own_rows, *by_movie, norms, latest.activity_ranks)
    pool.over_ranges(
        lambda start, stop: _nearest(*arrays, latest.most, start, stop, users, similarities),
        count,
        CHUNKS_PER_THREAD,
    )
    return Neighbours(users, similarities)


def predict(
    neighbours: Neighbours,
    by_user: SparseRows,
    prior: NDArray[np.float64],
    shrinkage: float,
    candidate_indptr: NDArray[np.int64],
    candidates: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Stars each query would give its candidates: [candidates] in the given order.

    The mean of the neighbours' stars weighted by similarity, shrunk towards `prior[movie]` by
    `shrinkage` similarities' worth; a movie no neighbour rated gets its prior. `by_user` holds
    movie rows and stars, `candidate_indptr` [queries + 1] says whose candidates are whose. Raises
    ValueError for candidates outside the data.
    """
    if len(candidate_indptr) != len(neighbours.users) + 1:
        raise ValueError(f"candidates of {len(candidate_indptr) - 1} queries, not as many as asked")
    _require_offsets(candidate_indptr, len(candidates))
    _require_rows(candidates, 0, len(prior))
    _require_rows(neighbours.users, -1, len(by_user.indptr) - 1)
    stars = np.empty(len(candidates), np.float64)
    arrays = as_readonly_contiguous(
        neighbours.users, neighbours.similarities, *by_user, prior, candidate_indptr, candidates
    )
    pool.over_ranges(
        lambda start, stop: _predict(*arrays, shrinkage, start, stop, stars),
        len(neighbours.users),
        CHUNKS_PER_THREAD,
    )
    return stars


def _require_offsets(indptr: NDArray[np.int64], entries: int) -> None:
    if indptr[0] != 0 or indptr[-1] != entries or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"offsets must ascend from 0 to {entries}")


def _require_rows(rows: NDArray[np.int32], lowest: int, stop: int) -> None:
    if rows.size and (rows.min() < lowest or rows.max() >= stop):
        raise ValueError(f"rows must be in {lowest}..{stop - 1}")


@kernel
def _nearest(
    query_indptr: Offsets,
    query_movies: Rows,
    query_stars: Floats,
    own_rows: Rows,
    indptr: Offsets,
    users: Rows,
    stars: Floats,
    norms: Doubles,
    activity_ranks: Rows,
    most: int,
    start: int,
    stop: int,
    found: Rows,
    similarities: Doubles,
) -> None:
    dots = np.zeros(len(norms), np.float64)
    for query in range(start, stop):
        squares = 0.0
        ratings = 0
        for at in range(query_indptr[query], query_indptr[query + 1]):
            movie = query_movies[at]
            ratings += indptr[movie + 1] - indptr[movie]
        first_rank = len(norms) - len(norms) * most // ratings if ratings > most else 0
        for at in range(query_indptr[query], query_indptr[query + 1]):
            movie = query_movies[at]
            weight = np.float64(query_stars[at])
            squares += weight * weight
            first = indptr[movie]
            if first_rank > 0:
                first = first_in_order(users, activity_ranks, first, indptr[movie + 1], first_rank)
            for entry in range(first, indptr[movie + 1]):
                dots[np.uint32(users[entry])] += weight * stars[entry]
        if own_rows[query] >= 0:
            dots[own_rows[query]] = 0.0
        norm = np.sqrt(squares)
        best, rows = similarities[query], found[query]
        size = 0
        enough = 0.0
        for user in range(len(norms)):
            if dots[user] > enough * norms[user]:
                size = topk.push(best, rows, size, dots[user] / (norm * norms[user]), user)
                if size == len(best):
                    enough = best[0] * norm * ALMOST
            dots[user] = 0.0
        topk.sort(best, rows, size)


@kernel
def _predict(
    users: Rows,
    similarities: Doubles,
    indptr: Offsets,
    movies: Rows,
    ratings: Floats,
    prior: Doubles,
    candidate_indptr: Offsets,
    candidates: Rows,
    shrinkage: float,
    start: int,
    stop: int,
    stars: Doubles,
) -> None:
    weighted = np.zeros(len(prior), np.float64)
    weights = np.zeros(len(prior), np.float64)
    for query in range(start, stop):
        for rank in range(users.shape[1]):
            user = users[query, rank]
            if user < 0:
                break
            similarity = similarities[query, rank]
            for at in range(indptr[user], indptr[user + 1]):
                weighted[movies[at]] += similarity * ratings[at]
                weights[movies[at]] += similarity
        for at in range(candidate_indptr[query], candidate_indptr[query + 1]):
            movie = candidates[at]
            weight = weights[movie] + shrinkage
            if weight > 0.0:
                stars[at] = (weighted[movie] + shrinkage * prior[movie]) / weight
            else:
                stars[at] = prior[movie]
        for rank in range(users.shape[1]):
            user = users[query, rank]
            if user < 0:
                break
            for at in range(indptr[user], indptr[user + 1]):
                weighted[movies[at]] = 0.0
                weights[movies[at]] = 0.0
