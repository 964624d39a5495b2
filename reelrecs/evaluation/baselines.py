"""What any recommender is measured beside: scores of every movie for a block of users."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from reelrecs.evaluation.implicit_baselines import ImplicitAls, ImplicitBm25
from reelrecs.evaluation.sparse import interactions, keep_largest, unit_rows
from reelrecs.evaluation.system import Scores, System
from reelrecs.store.store import Store

EASE_REGULARIZATION = 250.0
"""Best NDCG@10 of 50, 100, 250, 500, 1000, 2000 on ml-1m's validation cut (.0563; 500 gives .0559,
50 gives .0526)."""

EASE_MOVIES = 20_000
"""Most movies EASE works with, the most rated: its matrices then take at most 3.2 GB each; a movie
beyond them is not ranked."""

ITEM_NEIGHBOURS = 15
"""Best NDCG@10 of 5, 10, 15, 20, 50, 100, 200 on ml-1m's validation cut (.0466; the others give
.0436 to .0452, all within one interval)."""

USER_NEIGHBOURS = 100
"""Best NDCG@10 of 20, 50, 100, 200, 400, 800 on ml-1m's validation cut (.0451; 50 gives .0446, 800
gives .0362)."""

SIMILARITY_ROWS = 2048
"""Movies whose similarities are dense at once: 0.5 GB for 30,000 movies."""


class Popularity(System):
    """The most rated first, for everybody alike."""

    name = "popularity"

    def __init__(self, store: Store) -> None:
        self._count = store.movie_rating_counts.astype(np.float64)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """The same row for every user."""
        return np.tile(self._count, (len(users), 1))


class Ease(System):
    """EASE, a linear autoencoder in closed form (Steck 2019).

    With P the inverse of X'X + regularization, its scores are X - XP / diag(P). XP is also what
    the inverse of XX' + regularization gives, times X, so the smaller of the two is inverted.
    """

    name = "ease"

    def __init__(
        self, store: Store, regularization: float = EASE_REGULARIZATION, movies: int = EASE_MOVIES
    ) -> None:
        self._movies = store.movie_count
        most_rated = np.argsort(-store.movie_rating_counts, kind="stable")[:movies]
        self._kept = np.sort(most_rated[store.movie_rating_counts[most_rated] > 0])
        self._x = x = interactions(store)[:, self._kept]
        self._by_users = x.shape[0] < x.shape[1]
        gram = (x @ x.T if self._by_users else x.T @ x).toarray()
        gram[np.diag_indices_from(gram)] += regularization
        inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
        if self._by_users:
            self._product = np.asarray((x.T @ inverse.T).T)  # XP, [users, movies]
            explained = np.asarray(x.multiply(self._product).sum(axis=0)).ravel()
            self._diagonal = (1 - explained) / regularization
        else:
            self._product = inverse  # P, [movies, movies]
            self._diagonal = np.diag(inverse).copy()

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Histories times item weights; movies nobody rated are not ranked."""
        x = self._x[users]
        product = self._product[users] if self._by_users else x @ self._product
        scores = np.full((len(users), self._movies), -np.inf)
        scores[:, self._kept] = x.toarray() - product / self._diagonal
        return scores


class ItemKnn(System):
    """Cosine between movies, the k nearest of each (Deshpande & Karypis 2004)."""

    name = "item-knn"

    def __init__(self, store: Store, k: int = ITEM_NEIGHBOURS) -> None:
        self._x = interactions(store)
        unit = unit_rows(self._x.T.tocsr())
        blocks = []
        for start in range(0, unit.shape[0], SIMILARITY_ROWS):
            cosine = (unit[start : start + SIMILARITY_ROWS] @ unit.T).toarray()
            own = np.arange(len(cosine))
            cosine[own, start + own] = 0.0
            blocks.append(keep_largest(cosine, k))
        self._towards = scipy.sparse.vstack(blocks).T.tocsr()

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Sum of the similarities to the movies of the history."""
        return np.asarray((self._x[users] @ self._towards).toarray())


class UserKnn(System):
    """Cosine between users, the k nearest vote for what they rated (Resnick et al. 1994)."""

    name = "user-knn"

    def __init__(self, store: Store, k: int = USER_NEIGHBOURS) -> None:
        self._x, self._k = interactions(store), k
        self._unit = unit_rows(self._x)

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Sum of the similarities of the neighbours who rated a movie."""
        cosine = (self._unit[users] @ self._unit.T).toarray()
        cosine[np.arange(len(users)), users] = 0.0
        return np.asarray((keep_largest(cosine, self._k) @ self._x).toarray())


BASELINES: dict[str, Callable[[Store], System]] = {
    "popularity": Popularity,
    "item-knn": ItemKnn,
    "user-knn": UserKnn,
    "ease": Ease,
    "als": ImplicitAls,
    "bm25": ImplicitBm25,
}
"""Name to what fits it on a training store."""
