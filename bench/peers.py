"""The same work done by other packages, in the same run; who is not installed is left out.

A peer is asked for what it does best: its factors or similarities are made before the clock starts.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv
from scipy.sparse import csr_matrix

from reelrecs import config
from reelrecs.bench.case import Case, many_users, ratings, users
from reelrecs.bench.fixture import Fixture
from reelrecs.bench.whole import LIMIT
from reelrecs.kernels import pool
from reelrecs.store.store import Store

FACTORS, BM25_NEIGHBOURS = 64, 100
"""Of implicit's models: sizes that people use."""


def ratings_matrix(store: Store) -> csr_matrix:
    """[users, movies] float32 ratings, in memory that others may write to."""
    by_user = store.by_user
    parts = by_user.ratings.astype(np.float32), by_user.movies.copy(), by_user.indptr.copy()
    return csr_matrix(parts, (store.user_count, store.movie_count))


def _text_with_commas(fixture: Fixture) -> bytes:
    text, separator = fixture.ratings_text
    return text.tobytes().replace(separator, b",")


def _pyarrow(fixture: Fixture) -> Callable[[], object]:
    body = pa.py_buffer(_text_with_commas(fixture))
    names = csv.ReadOptions(column_names=["user", "movie", "rating", "time"])
    return lambda: csv.read_csv(pa.BufferReader(body), read_options=names)


def _polars(fixture: Fixture) -> Callable[[], object]:
    import polars

    body = _text_with_commas(fixture)
    return lambda: polars.read_csv(io.BytesIO(body), has_header=False)


def _sparse_dot_topn(fixture: Fixture) -> Callable[[], object]:
    from sklearn.preprocessing import normalize
    from sparse_dot_topn import sp_matmul_topn

    rated = normalize(ratings_matrix(fixture.store))
    movies, most = rated.T.tocsr(), min(config.NEIGHBOURS + 1, rated.shape[0])  # itself too
    threads = pool.threads()
    return lambda: sp_matmul_topn(rated, movies, top_n=most, sort=True, n_threads=threads)


def _scikit_learn(fixture: Fixture) -> Callable[[], object]:
    from sklearn.neighbors import NearestNeighbors

    rated = ratings_matrix(fixture.store)
    most = min(config.NEIGHBOURS + 1, rated.shape[0])
    search = NearestNeighbors(n_neighbors=most, metric="cosine", algorithm="brute")
    search.fit(rated)
    return lambda: search.kneighbors(rated)


def _implicit_als(fixture: Fixture) -> Callable[[], object]:
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=FACTORS, iterations=2, random_state=0)
    return _implicit(fixture, model, ratings_matrix(fixture.store))


def _implicit_bm25(fixture: Fixture) -> Callable[[], object]:
    from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

    weighted = bm25_weight(ratings_matrix(fixture.store).T).T.tocsr()
    return _implicit(fixture, ItemItemRecommender(K=BM25_NEIGHBOURS), weighted)


def _implicit(fixture: Fixture, model: Any, matrix: csr_matrix) -> Callable[[], object]:
    from threadpoolctl import threadpool_limits

    rows = np.array([fixture.store.user_row(user) for user in fixture.many_users], np.int32)
    seen = matrix[rows]
    with threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    return lambda: model.recommend(rows, seen, N=LIMIT)


PEERS = (
    Case(
        "pyarrow csv, same rows", _pyarrow, "rating", ratings, 20,
        needs_text=True, beside="parse ratings",
    ),
    Case(
        "polars csv, same rows", _polars, "rating", ratings, 20,
        needs_text=True, package="polars", beside="parse ratings",
    ),
    Case(
        "sparse_dot_topn", _sparse_dot_topn, "user", users, 5,
        package="sparse_dot_topn", beside="kNN of every user",
    ),
    Case(
        "scikit-learn cosine kNN", _scikit_learn, "user", users, 3, 1,
        package="sklearn", beside="kNN of every user",
    ),
    Case(
        "implicit ALS, lists", _implicit_als, "user", many_users, 5, 1,
        needs_model=True, package="implicit", beside="learned: recommend_many",
    ),
    Case(
        "implicit BM25, lists", _implicit_bm25, "user", many_users, 5, 1,
        needs_model=True, package="implicit", beside="learned: recommend_many",
    ),
)  # fmt: skip
