"""Item-to-item models in closed form: dense matrices whose rows, summed over a history, score.

All three are limited to the most rated movies (`choose_matrix_movies`), for a dense matrix over
90,000 movies would take 30 GB; other movies get 0 and are found by other scores.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import item_item as kernels
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.store.columns import owners_of


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


def fit_co_occurrence(indptr: NDArray[np.int64], matrix_rows: Rows, count: int) -> Floats:
    """[count, count]: decayed ordered co-occurrence, half as much backwards, over popularity."""
    pairs = np.zeros((count, count), np.float32)
    powers = (
        config.CO_OCCURRENCE_DECAY ** (np.arange(config.CO_OCCURRENCE_REACH + 1) - 1.0)
    ).astype(np.float32)
    kernels.ordered_pairs(indptr, matrix_rows, powers, pairs)
    popularity = np.bincount(matrix_rows[matrix_rows >= 0], minlength=count)
    pairs += 0.5 * pairs.T
    pairs /= (popularity + 5.0)[:, None].astype(np.float32)
    return pairs
