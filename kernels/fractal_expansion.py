"""Fractal expansion of a ratings matrix: every block is the whole matrix, thinned at random.

The expanded matrix is the Kronecker product of a small matrix of probabilities [U, V] with the
source, each entry of each block kept with its block's probability (F. Belletti et al., "Scalable
Realistic Recommendation Datasets through Fractal Expansions", 2019). What is kept is a hash of
seed, block and entry, so any row can be made alone and any number of threads makes the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import pool
from reelrecs.kernels.arrays import Floats, Offsets, Rows, Times, Words
from reelrecs.kernels.jit import inlined, kernel

TASKS_PER_THREAD = 16
"""Ranges of users a thread takes in turn: users rate very differently much."""


def row_lengths(
    indptr: NDArray[np.int64], probability: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """How many entries each row of the expansion has; [U * users], every source row non-empty.

    Row i * users + u is source user u in block row i. Each has at least one entry.
    """
    users = len(indptr) - 1
    lengths = np.empty(len(probability) * users, np.int64)
    limits, first = _limits(probability)

    def count(start: int, stop: int) -> None:
        _count(indptr, limits, first, np.uint64(seed), start, lengths[start:stop])

    pool.over_ranges(count, len(lengths), TASKS_PER_THREAD)
    return lengths


def fill_rows(
    source: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]],
    movie_count: int,
    probability: NDArray[np.float64],
    seed: int,
    indptr: NDArray[np.int64],
    out: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]],
) -> None:
    """Write movies, stars and times of all rows into `out`, where `indptr` says.

    `source` is indptr, movies, stars, times, oldest first; so are the rows. Movie j * movie_count
    + m is source movie m in block column j.
    """
    limits, first = _limits(probability)

    def fill(start: int, stop: int) -> None:
        own = slice(indptr[start], indptr[stop])
        _fill(*source, movie_count, limits, first, np.uint64(seed), start, stop,
              out[0][own], out[1][own], out[2][own])  # fmt: skip

    pool.over_ranges(fill, len(indptr) - 1, TASKS_PER_THREAD)


def _limits(probability: NDArray[np.float64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes below which an entry stays, and per block row the block that is never left empty."""
    limits = np.minimum(probability * 2.0**53, 2.0**53).astype(np.uint64)
    return limits, probability.argmax(axis=1).astype(np.int64)


@inlined
def _kept(
    seed: np.uint64,
    row_block: int,
    column_block: int,
    entry: int,
    limit: np.uint64,
) -> bool | np.bool_:
    """Whether an entry stays in a block: splitmix64 of the four numbers against the limit."""
    mixed = seed + np.uint64(entry) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(row_block) * np.uint64(0xD1B54A32D192ED03)
    mixed += np.uint64(column_block) * np.uint64(0x8CB92BA72F3D8DD7)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) < limit


@kernel
def _count(
    indptr: Offsets,
    limits: Words,
    first: Offsets,
    seed: np.uint64,
    start: int,
    lengths: Offsets,
) -> None:
    users = len(indptr) - 1
    for at in range(len(lengths)):
        block, user = divmod(start + at, users)
        count: Any = 0
        for entry in range(indptr[user], indptr[user + 1]):
            for column in range(limits.shape[1]):
                forced = entry == indptr[user] and column == first[block]
                count += forced or _kept(seed, block, column, entry, limits[block, column])
        lengths[at] = count


@kernel
def _fill(
    indptr: Offsets,
    movies: Rows,
    stars: Floats,
    times: Times,
    movie_count: int,
    limits: Words,
    first: Offsets,
    seed: np.uint64,
    start: int,
    stop: int,
    out_movies: Rows,
    out_stars: Floats,
    out_times: Times,
) -> None:
    users = len(indptr) - 1
    place = 0
    for row in range(start, stop):
        block, user = divmod(row, users)
        for entry in range(indptr[user], indptr[user + 1]):
            for column in range(limits.shape[1]):
                forced = entry == indptr[user] and column == first[block]
                if forced or _kept(seed, block, column, entry, limits[block, column]):
                    out_movies[place] = column * movie_count + movies[entry]
                    out_stars[place] = stars[entry]
                    out_times[place] = times[entry]
                    place += 1
