"""The models whose scores the ranker puts together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reelrecs import config
from reelrecs.kernels import pool
from reelrecs.learning.item_item import (
    choose_matrix_movies,
    fit_co_occurrence,
    fit_ease,
    fit_next_item_ridge,
)
from reelrecs.learning.markov_chain import fit_chain
from reelrecs.store.store import Store


def fit_base_models(
    store: Store, held_out: NDArray[np.int64]
) -> dict[str, NDArray[np.float32] | NDArray[np.int32]]:
    """The chain and the matrices, on all sequences but the last movies of those held out.

    BLAS gets one thread each, for its sums depend on how many it has; the models are trained side
    by side instead.
    """
    by_user = store.by_user
    lengths = np.diff(by_user.indptr)
    lengths[held_out] -= config.TARGETS_PER_USER
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    movies = by_user.movies[by_user.places() < lengths[by_user.owners()]]
    matrix_movies, matrix_row = choose_matrix_movies(store.movie_rating_counts)
    matrix_rows = matrix_row[movies]
    with threadpool_limits(1):
        fits = {
            name: pool.run_async(fit, indptr, matrix_rows, len(matrix_movies))
            for name, fit in (
                ("next_item", fit_next_item_ridge),
                ("ease", fit_ease),
                ("co_occurrence", fit_co_occurrence),
            )
        }
        chain = fit_chain(indptr, movies, store.movie_count, config.TRAIN_SEED)
        named = {name: fit.result() for name, fit in fits.items()}
    return {
        "context_embeddings": chain.context_embeddings,
        "item_embeddings": chain.item_embeddings,
        "projection": chain.projection,
        "bias": chain.bias,
        "matrix_movies": matrix_movies,
        **named,
    }
