"""Item-to-item models in closed form: matrices whose rows, summed over a history, score.

Next-item ridge and EASE are solved between the most rated movies (`choose_matrix_movies`), for a
dense matrix over 90,000 movies would take 30 GB. Co-occurrence is counted row by row, so it knows
the whole catalogue.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import item_item as kernels
from reelrecs.kernels.item_item import SparseRows
from reelrecs.learning.sparse_rows import sparse_rows, strongest
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.store.columns import owners_of

_BLOCK_ENTRIES = 4_000_000
"""Room for entries counted in one go: 64 MB of columns, counts and owners."""


def choose_matrix_movies(rating_counts: NDArray[np.int32]) -> tuple[Rows, Rows]:
    """The movies of the matrices, by row, and for each movie its matrix_row among them or -1."""
    rated = int((rating_counts > 0).sum())
    most = np.argsort(-rating_counts, kind="stable")[: min(config.MATRIX_MOVIES, rated)]
    matrix_movies: Rows = np.sort(most).astype(np.int32)
    matrix_row = np.full(len(rating_counts), -1, np.int32)
    matrix_row[matrix_movies] = np.arange(len(matrix_movies), dtype=np.int32)
    return matrix_movies, matrix_row


def fit_next_item_ridge(indptr: NDArray[np.int64], matrix_rows: Rows, count: int) -> Floats:
    """[count, count]: ridge regression of the next movie on the decayed history.

    A sequential linear model in the line of SLIST (Choi et al. 2021), at every position at once:
    (X'X + ridge)^-1 X'Y, the ridge heavier for popular movies.
    """
    decay = config.NEXT_ITEM_DECAY
    gram = np.zeros((count, count), np.float32)
    kernels.decayed_gram(indptr, matrix_rows, decay, 1e-3, gram)
    following = np.zeros((count, count), np.float32)
    powers = (decay ** (np.arange(config.NEXT_ITEM_REACH + 1) - 1.0)).astype(np.float32)
    kernels.ordered_pairs(indptr, matrix_rows, powers, following)
    popularity = np.bincount(matrix_rows[matrix_rows >= 0], minlength=count) + 1.0
    ridge = (
        config.NEXT_ITEM_RIDGE * (popularity / popularity.mean()) ** config.NEXT_ITEM_RIDGE_POWER
    )
    gram[np.diag_indices(count)] += ridge.astype(np.float32)
    factor = scipy.linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
    solved = scipy.linalg.cho_solve(factor, following, overwrite_b=True, check_finite=False)
    return np.ascontiguousarray(solved, np.float32)


def fit_ease(indptr: NDArray[np.int64], matrix_rows: Rows, count: int) -> Floats:
    """[count, count]: the weights of EASE (Steck 2019), a linear autoencoder in closed form."""
    users = owners_of(indptr)[matrix_rows >= 0]
    watched = scipy.sparse.csr_matrix(
        (np.ones(len(users), np.float32), (users, matrix_rows[matrix_rows >= 0])),
        shape=(len(indptr) - 1, count),
    )
    gram = (watched.T @ watched).toarray()
    gram[np.diag_indices(count)] += np.float32(config.EASE_RIDGE)
    factor = scipy.linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
    inverse = scipy.linalg.cho_solve(
        factor, np.eye(count, dtype=np.float32), overwrite_b=True, check_finite=False
    )
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.ascontiguousarray(weights, np.float32)


def fit_co_occurrence(sequences: kernels.Sequences, most: int) -> SparseRows:
    """[movies, movies]: decayed ordered co-occurrence, a share of it backwards, over popularity.

    The `most` strongest entries of all. Rows are counted a block at a time and the pool of entries
    is cut whenever it has doubled, so memory grows with `most` and not with the catalogue's square.
    """
    movie_count = len(sequences.movie_indptr) - 1
    powers = config.CO_OCCURRENCE_DECAY ** (np.arange(config.CO_OCCURRENCE_REACH + 1) - 1.0)
    popularity = _counted(sequences)
    room = np.minimum(2 * config.CO_OCCURRENCE_REACH * popularity, movie_count)
    block_of = np.cumsum(room) // _BLOCK_ENTRIES
    totals = np.zeros(movie_count)
    pool = [(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))]
    pooled = 0
    for rows in np.split(np.arange(movie_count), np.flatnonzero(np.diff(block_of)) + 1):
        columns = np.empty(int(room[rows].sum()), np.int32)
        values = np.empty(len(columns), np.float64)
        ends = np.empty(len(rows), np.int64)
        size = kernels.co_occurrence_rows(
            sequences,
            int(rows[0]),
            int(rows[-1]) + 1,
            powers,
            config.CO_OCCURRENCE_BACKWARDS,
            totals,
            columns,
            values,
            ends,
        )
        owners = np.repeat(rows, np.diff(ends, prepend=0)).astype(np.int32)
        shares = values[:size] / (popularity[owners] + config.CO_OCCURRENCE_SHRINKAGE)
        pool.append((owners, columns[:size].copy(), shares.astype(np.float32)))
        pooled += size
        if pooled > 2 * most:
            pool = [_cut(pool, most)]
            pooled = len(pool[0][0])
    return sparse_rows(*_cut(pool, most), movie_count)


def _counted(sequences: kernels.Sequences) -> NDArray[np.int64]:
    """[movies] how many users have each movie among those that count."""
    movie_count = len(sequences.movie_indptr) - 1
    places, users = sequences.positions, sequences.users
    counts = (sequences.firsts[users] <= places) & (places < sequences.ends[users])
    owners = np.repeat(np.arange(movie_count), np.diff(sequences.movie_indptr))
    return np.bincount(owners[counts], minlength=movie_count)


def _cut(pool: list[tuple[Rows, Rows, Floats]], most: int) -> tuple[Rows, Rows, Floats]:
    """The strongest entries of the pool, in its order."""
    rows, columns, values = (np.concatenate(parts) for parts in zip(*pool, strict=True))
    kept = strongest(values, most)
    return rows[kept], columns[kept], values[kept]
