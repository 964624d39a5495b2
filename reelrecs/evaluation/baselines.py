"""What any recommender is measured beside: scores of every movie for a block of questions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.evaluation.implicit_baselines import ImplicitAls, ImplicitBm25, ImplicitBpr
from reelrecs.evaluation.popularity import (
    BestWindow,
    DaysPopularity,
    PopularAtLength,
    Popularity,
    WindowPopularity,
)
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.sparse import interactions, keep_largest, largest_of_rows, unit_rows
from reelrecs.evaluation.system import Scores, System
from reelrecs.store.store import Store

EASE_REGULARIZATION = 250.0
"""Best NDCG@10 of 50, 100, 250, 500, 1000, 2000 on ml-1m's validation cut (.0563; 500 gives .0559,
50 gives .0526)."""

EASE_MOVIES = 5_000
"""Most movies EASE works with, the most rated: its matrix then takes 0.2 GB and its inverse some
seconds; a movie beyond them is not ranked. All of ml-1m is within it."""

ITEM_NEIGHBOURS = 15
"""Best NDCG@10 of 5, 10, 15, 20, 50, 100, 200 on ml-1m's validation cut (.0466; the others give
.0436 to .0452, all within one interval)."""

USER_NEIGHBOURS = 100
"""Best NDCG@10 of 20, 50, 100, 200, 400, 800 on ml-1m's validation cut (.0451; 50 gives .0446, 800
gives .0362)."""

SIMILARITY_CELLS = 8_000_000
"""Most similarities between movies that are held at once: 0.1 GB where all are above zero."""


class Ease(System):
    """EASE, a linear autoencoder in closed form (Steck 2019), of the most rated movies.

    With P the inverse of X'X + regularization, a history x scores x - xP / diag(P). P is also
    (1 - X'KX) / regularization with K the inverse of XX' + regularization, so the smaller of the
    two is inverted.
    """

    name = "ease"

    def __init__(
        self, store: Store, regularization: float = EASE_REGULARIZATION, movies: int = EASE_MOVIES
    ) -> None:
        self._movies, self._regularization = store.movie_count, regularization
        most_rated = np.argsort(-store.movie_rating_counts, kind="stable")[:movies]
        self._kept = np.sort(most_rated[store.movie_rating_counts[most_rated] > 0])
        x = interactions(store)[:, self._kept]
        x = x[np.diff(x.indptr) > 0]
        self._x = x if x.shape[0] < x.shape[1] else None
        gram = (x.T @ x if self._x is None else x @ x.T).toarray()
        gram[np.diag_indices_from(gram)] += regularization
        self._inverse = _inverse(gram)
        if self._x is None:
            self._diagonal = np.diag(self._inverse).copy()
        else:
            product = np.asarray((x.T @ self._inverse.T).T)  # KX, [users, movies]
            explained = np.asarray(x.multiply(product).sum(axis=0)).ravel()
            self._diagonal = (1 - explained) / regularization

    def scores(self, questions: Questions) -> Scores:
        """Histories times item weights; movies beyond the cut, or nobody rated, are not ranked."""
        x = questions.matrix(self._movies)[:, self._kept]
        scores = np.full((len(questions), self._movies), -np.inf)
        scores[:, self._kept] = x.toarray() - self._product(x) / self._diagonal
        return scores

    def _product(self, x: scipy.sparse.csr_matrix) -> Scores:
        """The histories times P, [questions, movies]."""
        if self._x is None:
            return np.asarray(x @ self._inverse)
        explained = ((x @ self._x.T) @ self._inverse) @ self._x
        return np.asarray((x.toarray() - explained) / self._regularization)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of a symmetric positive definite matrix, in its place: half of LU's work."""
    lower, _ = scipy.linalg.lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
    inverse, _ = scipy.linalg.lapack.dpotri(lower, lower=1, overwrite_c=1)
    for column in range(len(inverse)):
        inverse[column, column:] = inverse[column:, column]
    return np.asarray(inverse)


class ItemKnn(System):
    """Cosine between movies, the k nearest of each (Deshpande & Karypis 2004).

    Similarities are sparse and made block by block, so memory does not grow with the square of the
    catalogue.
    """

    name = "item-knn"

    def __init__(self, store: Store, k: int = ITEM_NEIGHBOURS) -> None:
        self._movies = store.movie_count
        unit = unit_rows(interactions(store).T.tocsr())
        transposed = unit.T.tocsr()
        rows = max(1, SIMILARITY_CELLS // self._movies)
        blocks = []
        for start in range(0, self._movies, rows):
            cosine = (unit[start : start + rows] @ transposed).tocsr()
            blocks.append(largest_of_rows(cosine, k, own=start))
        self._towards = scipy.sparse.vstack(blocks).T.tocsr()

    def scores(self, questions: Questions) -> Scores:
        """Sum of the similarities to the movies of the history."""
        return np.asarray((questions.matrix(self._movies) @ self._towards).toarray())


class UserKnn(System):
    """Cosine between users, the k nearest vote for what they rated (Resnick et al. 1994)."""

    name = "user-knn"

    def __init__(self, store: Store, k: int = USER_NEIGHBOURS) -> None:
        self._x, self._k = interactions(store), k
        self._unit = unit_rows(self._x).T.tocsr()

    def scores(self, questions: Questions) -> Scores:
        """Sum of the similarities of the neighbours who rated a movie, never one's own."""
        histories = unit_rows(questions.matrix(self._x.shape[1]))
        cosine = (histories @ self._unit).toarray()
        stored = np.flatnonzero(questions.users >= 0)
        cosine[stored, questions.users[stored]] = 0.0
        return np.asarray((keep_largest(cosine, self._k) @ self._x).toarray())


BASELINES: dict[str, Callable[[Store], System]] = {
    "popularity": Popularity,
    "recent": BestWindow,
    "at-length": PopularAtLength,
    "item-knn": ItemKnn,
    "user-knn": UserKnn,
    "ease": Ease,
    "als": ImplicitAls,
    "bpr": ImplicitBpr,
    "bm25": ImplicitBm25,
}
"""Name to what fits it on a training store."""

SINGLE_WINDOWS: dict[str, Callable[[Store], System]] = {
    **{f"recent-{size}": partial(WindowPopularity, size=size) for size in config.RECENT_WINDOWS},
    **{f"recent-{days}d": partial(DaysPopularity, days=days) for days in (1, 7, 30)},
}
"""Each window alone, for those who name it."""
