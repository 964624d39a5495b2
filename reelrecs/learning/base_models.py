"""The models whose scores the ranker puts together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reelrecs import config
from reelrecs.kernels import pool
from reelrecs.kernels.item_item import Sequences, SparseRows
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.learning.item_item import (
    choose_matrix_movies,
    fit_co_occurrence,
    fit_ease,
    fit_next_item_ridge,
)
from reelrecs.learning.markov_chain import fit_chain
from reelrecs.learning.sparse_rows import cut_dense
from reelrecs.learning.training_groups import Teachers
from reelrecs.pipeline.candidates import Floats
from reelrecs.store.store import Store


def fit_base_models(store: Store, teachers: Teachers) -> dict[str, NDArray[Any]]:
    """The chain and the matrices, on all sequences but those that teach the ranker.

    They are cut and rounded as the model file has them. BLAS gets one thread each, for its sums
    depend on how many it has; the models are trained side by side instead.
    """
    by_user, by_movie, movie_count = store.by_user, store.by_movie, store.movie_count
    ends = np.diff(by_user.indptr)
    firsts = np.zeros_like(ends)
    firsts[teachers.first] = np.minimum(config.FIRST_MOVIES, ends[teachers.first])
    ends[teachers.last] -= config.TARGETS_PER_USER
    owners, places = by_user.owners(), by_user.places()
    movies = by_user.movies[(firsts[owners] <= places) & (places < ends[owners])]
    indptr = np.concatenate([[0], np.cumsum(ends - firsts)])
    matrix_movies, matrix_row = choose_matrix_movies(store.movie_rating_counts)
    matrix_rows = matrix_row[movies]
    sequences = Sequences(
        *as_readonly_contiguous(
            by_user.indptr,
            by_user.movies,
            firsts,
            ends,
            by_movie.indptr,
            by_movie.users,
            by_movie.positions,
        )
    )

    def cut(fit: Callable[..., Floats], most: int) -> SparseRows:
        dense = fit(indptr, matrix_rows, len(matrix_movies))
        return cut_dense(dense, matrix_movies, most, movie_count)

    most = matrix_entries(store)
    with threadpool_limits(1):
        fits = {
            "next_item": pool.run_async(cut, fit_next_item_ridge, most),
            "ease": pool.run_async(cut, fit_ease, most),
            "co_occurrence": pool.run_async(fit_co_occurrence, sequences, most),
        }
        chain = fit_chain(indptr, movies, movie_count, config.TRAIN_SEED)
        matrices = {name: fit.result() for name, fit in fits.items()}
    return {
        "context_embeddings": chain.context_embeddings.astype(np.float16),
        "item_embeddings": chain.item_embeddings.astype(np.float16),
        "projection": chain.projection,
        "bias": chain.bias,
        **{
            f"{name}.{part}": values
            for name, matrix in matrices.items()
            for part, values in matrix._asdict().items()
        },
    }


def matrix_entries(store: Store) -> int:
    """How many entries each matrix may keep: what the movies, or else the ratings, can support."""
    rated = int((store.movie_rating_counts > 0).sum())
    return min(
        config.MATRIX_ENTRIES_PER_MOVIE * min(rated, config.MATRIX_MOVIES),
        config.MATRIX_ENTRIES_PER_RATING * store.rating_count,
    )
