"""What any recommender is measured beside: scores of every movie for a block of users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from reelrecs.errors import InvalidRequest
from reelrecs.store import Store

Scores = NDArray[np.float64]


class System(Protocol):
    """Anything that can be evaluated."""

    name: str

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """[users, movies] over the training store's rows; -inf = not ranked at all."""
        ...


def interactions(store: Store) -> scipy.sparse.csr_matrix:
    """[users, movies] of ones: whether a user rated a movie."""
    ones = np.ones(store.rating_count, np.float64)
    shape = (store.user_count, store.movie_count_total)
    matrix = scipy.sparse.csr_matrix(
        (ones, store.by_user.movies, store.by_user.indptr), shape=shape, copy=True
    )
    matrix.sort_indices()
    return matrix


class Popularity:
    """The most rated first, for everybody alike."""

    name = "popularity"

    def __init__(self, store: Store) -> None:
        self._count = store.movie_count.astype(np.float64)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """The same row for every user."""
        return np.tile(self._count, (len(users), 1))


class Ease:
    """EASE, a linear autoencoder in closed form (Steck 2019)."""

    name = "ease"

    def __init__(self, store: Store, regularization: float) -> None:
        self._x = interactions(store)
        gram = (self._x.T @ self._x).toarray()
        gram[np.diag_indices_from(gram)] += regularization
        precision = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
        self._weights = precision / -np.diag(precision)
        np.fill_diagonal(self._weights, 0.0)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Histories times item weights."""
        return np.asarray(self._x[users] @ self._weights)


class ItemKnn:
    """Cosine between movies, the k nearest of each (Deshpande & Karypis 2004)."""

    name = "item-knn"

    def __init__(self, store: Store, k: int) -> None:
        self._x = interactions(store)
        unit = _unit_rows(self._x.T.tocsr())
        cosine = (unit @ unit.T).toarray()
        np.fill_diagonal(cosine, 0.0)
        self._similar = _keep_largest(cosine, k)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Sum of the similarities to the movies of the history."""
        return np.asarray((self._x[users] @ self._similar.T).toarray())


class UserKnn:
    """Cosine between users, the k nearest vote for what they rated (Resnick et al. 1994)."""

    name = "user-knn"

    def __init__(self, store: Store, k: int) -> None:
        self._x, self._k = interactions(store), k
        self._unit = _unit_rows(self._x)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Sum of the similarities of the neighbours who rated a movie."""
        cosine = (self._unit[users] @ self._unit.T).toarray()
        cosine[np.arange(len(users)), users] = 0.0
        return np.asarray(_keep_largest(cosine, self._k) @ self._x.toarray())


class Implicit:
    """A model of the optional package implicit."""

    def __init__(self, store: Store, name: str, factors: int) -> None:
        try:
            import implicit.als
            import implicit.nearest_neighbours
        except ImportError as error:
            raise InvalidRequest(
                f"{name} needs the package implicit: pip install 'reelrecs[baselines]'"
            ) from error
        self.name = name
        self._x = interactions(store).astype(np.float32)
        self._model = (
            implicit.als.AlternatingLeastSquares(factors=factors, random_state=0, num_threads=1)
            if name == "als"
            else implicit.nearest_neighbours.BM25Recommender(K=BM25_NEIGHBOURS, num_threads=1)
        )
        self._model.fit(self._x, show_progress=False)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """The model's own scores for every movie; what it does not list is not ranked."""
        movies = self._x.shape[1]
        scores = np.full((len(users), movies), -np.inf)
        ids, values = self._model.recommend(
            users, self._x[users], N=movies, filter_already_liked_items=False
        )
        rows = np.repeat(np.arange(len(users)), ids.shape[1])
        known = ids.ravel() >= 0
        scores[rows[known], ids.ravel()[known]] = values.ravel()[known]
        return scores


EASE_REGULARIZATION = 500.0
"""Best of 100, 250, 500, 1000 on ml-1m's validation cut."""

ITEM_NEIGHBOURS = 100
"""Best of 20, 50, 100, 200 on ml-1m's validation cut."""

USER_NEIGHBOURS = 100
"""Best of 50, 100, 200, 400 on ml-1m's validation cut."""

ALS_FACTORS = 64
"""The size at which implicit's own defaults stop to gain on ml-1m's validation cut."""

BM25_NEIGHBOURS = 100
"""As for item-kNN."""

BASELINES: dict[str, Callable[[Store], System]] = {
    "popularity": Popularity,
    "item-knn": lambda store: ItemKnn(store, ITEM_NEIGHBOURS),
    "user-knn": lambda store: UserKnn(store, USER_NEIGHBOURS),
    "ease": lambda store: Ease(store, EASE_REGULARIZATION),
    "als": lambda store: Implicit(store, "als", ALS_FACTORS),
    "bm25": lambda store: Implicit(store, "bm25", ALS_FACTORS),
}


def _unit_rows(matrix: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return scipy.sparse.csr_matrix(scipy.sparse.diags(1 / np.maximum(norms, 1e-12)) @ matrix)


def _keep_largest(dense: Scores, k: int) -> scipy.sparse.csr_matrix:
    """Each row's k largest values, ties to the smaller column."""
    k = min(k, dense.shape[1])
    columns = np.argsort(-dense, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(dense, columns, axis=1)
    indptr = np.arange(len(dense) + 1) * k
    return scipy.sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=dense.shape)
