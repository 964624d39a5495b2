"""Item-to-item matrices from sequences, and scores as sums of their rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows
from reelrecs.kernels.jit import inner, kernel


class SparseRows(NamedTuple):
    """A matrix [movies, movies] as compressed rows of small integers.

    Row r holds the entries indptr[r] .. indptr[r + 1] - 1; entry e stands in columns[e] and is
    scales[r] * codes[e]. What is not stored is 0.
    """

    indptr: NDArray[np.int64]  # [movies + 1]
    columns: NDArray[np.uint16] | NDArray[np.int32]  # [entries], ascending in each row
    codes: NDArray[np.int8]  # [entries]
    scales: NDArray[np.float32]  # [movies]


class Sequences(NamedTuple):
    """Who watched what in which order, by user and by movie, without a copy of the store's arrays.

    Of user u only the movies at places firsts[u] .. ends[u] - 1 count.
    """

    indptr: NDArray[np.int64]  # [users + 1]
    movies: NDArray[np.int32]  # [ratings], each user's oldest first
    firsts: NDArray[np.int64]  # [users]
    ends: NDArray[np.int64]  # [users]
    movie_indptr: NDArray[np.int64]  # [movies + 1]
    users: NDArray[np.int32]  # [ratings] by movie
    positions: NDArray[np.int32]  # [ratings] by movie: place in that user's order


@kernel
def decayed_gram(
    indptr: Offsets, movies: Rows, decay: float, least: float, gram: Doubles | Floats
) -> None:
    """Add to gram the sum over positions t of x_t x_t', x_t the decayed history at t.

    In closed form over pairs: movies p <= q share decay^(q-p) (1 - decay^2(n-q)) / (1 - decay^2);
    pairs below `least` are left out. -1 in `movies` is a movie outside the matrix.
    """
    square = decay * decay
    for user in range(len(indptr) - 1):
        end = indptr[user + 1]
        for later in range(indptr[user], end):
            column = movies[later]
            if column < 0:
                continue
            value = (1.0 - square ** (end - later)) / (1.0 - square)
            gram[column, column] += value
            for earlier in range(later - 1, indptr[user] - 1, -1):
                value *= decay
                if value < least:
                    break
                row = movies[earlier]
                if row >= 0:
                    gram[row, column] += value
                    gram[column, row] += value


@kernel
def ordered_pairs(indptr: Offsets, movies: Rows, powers: Floats, pairs: Doubles | Floats) -> None:
    """pairs[a, b] += powers[gap] for each time b follows a at gap 1 .. len(powers) - 1."""
    for user in range(len(indptr) - 1):
        end = indptr[user + 1]
        for earlier in range(indptr[user], end):
            row = movies[earlier]
            if row < 0:
                continue
            for later in range(earlier + 1, min(earlier + len(powers), end)):
                column = movies[later]
                if column >= 0:
                    pairs[row, column] += powers[later - earlier]


@kernel
def co_occurrence_rows(
    sequences: Sequences,
    first: int,
    last: int,
    powers: NDArray[np.floating[Any]],
    backwards: float,
    totals: Doubles,
    columns: Rows,
    values: Doubles,
    ends: Offsets,
) -> int:
    """Rows first .. last - 1 of decayed co-occurrence, end to end; returns how many entries.

    Entry [a, b] is the sum of powers[gap] over the times b follows a at gap 1 .. len(powers) - 1,
    and of backwards * powers[gap] over the times it stands as far before a. Row r ends at
    ends[r - first]; its columns ascend. `totals` [movies] float64 is room to add up in, 0 before
    and after; `columns` and `values` need room for 2 (len(powers) - 1) entries an occurrence of
    each row's movie, or one for every movie if that is less.
    """
    indptr, movies = sequences.indptr, sequences.movies
    size = 0
    for row in range(first, last):
        start = size
        for place in range(sequences.movie_indptr[row], sequences.movie_indptr[row + 1]):
            user = sequences.users[place]
            begin = indptr[user] + sequences.firsts[user]
            end = indptr[user] + sequences.ends[user]
            here = indptr[user] + sequences.positions[place]
            if here < begin or here >= end:
                continue
            lowest = max(here - len(powers) + 1, begin)
            for there in range(lowest, min(here + len(powers), end)):
                if there == here:
                    continue
                movie = movies[there]
                if totals[movie] == 0.0:
                    columns[size] = movie
                    size += 1
                if there > here:
                    totals[movie] += powers[there - here]
                else:
                    totals[movie] += backwards * powers[here - there]
        columns[start:size].sort()
        for entry in range(start, size):
            values[entry] = totals[columns[entry]]
            totals[columns[entry]] = 0.0
        ends[row - first] = size
    return size


@inner
def row_sum(matrix: SparseRows, history: Rows, decay: float, most: int, out: Floats) -> None:
    """Add to out [movies] the matrix rows of the last `most` movies, a step back times `decay`."""
    weight = np.float32(1.0)
    for back in range(min(most, len(history))):
        row = history[len(history) - 1 - back]
        factor = weight * matrix.scales[row]
        for entry in range(matrix.indptr[row], matrix.indptr[row + 1]):
            out[matrix.columns[entry]] += factor * np.float32(matrix.codes[entry])
        weight *= np.float32(decay)


@kernel
def entries_at(matrix: SparseRows, rows: Rows, columns: Rows, out: Floats) -> None:
    """Fill out [rows, columns] float32 with those entries of SparseRows, by binary search."""
    for at in range(len(rows)):
        start, stop = matrix.indptr[rows[at]], matrix.indptr[rows[at] + 1]
        for column in range(len(columns)):
            low, high = start, stop
            while low < high:
                middle = (low + high) >> 1
                if matrix.columns[middle] < columns[column]:
                    low = middle + 1
                else:
                    high = middle
            out[at, column] = 0.0
            if low < stop and matrix.columns[low] == columns[column]:
                out[at, column] = matrix.scales[rows[at]] * np.float32(matrix.codes[low])
