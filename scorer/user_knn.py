"""User-based collaborative filtering over the store: whose taste is near, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import ModelError
from reelrecs.kernels import knn
from reelrecs.kernels.knn import Latest, Neighbours, SparseRows
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.store.store import Store

MOST_NEIGHBOURS = 10_000
"""A damaged file must not ask for more memory than there is."""


class QueryUser(NamedTuple):
    """Somebody to score for: a history, and the user row that is themselves or -1."""

    row: int
    movies: Rows  # [h] distinct
    ratings: Floats  # [h]


class UserBatch(NamedTuple):
    """Several users as CSR."""

    rows: Rows  # [users] own user rows, -1 for those the store does not hold
    histories: SparseRows  # movies and stars

    @classmethod
    def of(cls, users: Sequence[QueryUser]) -> UserBatch:
        """Line the users up; one alone is not copied."""
        indptr = np.zeros(len(users) + 1, np.int64)
        np.cumsum([len(user.movies) for user in users], out=indptr[1:])
        if len(users) == 1:
            movies, ratings = users[0].movies, users[0].ratings
        else:
            movies = np.concatenate([np.zeros(0, np.int32), *(one.movies for one in users)])
            ratings = np.concatenate([np.zeros(0, np.float32), *(one.ratings for one in users)])
        rows = np.array([user.row for user in users], np.int32)
        return cls(rows, SparseRows(indptr, movies, ratings))


def is_stored(store: Store, user: QueryUser) -> bool:
    """Whether the user's history is the one that the store holds of their row."""
    if user.row < 0:
        return False
    stored = stored_user(store, user.row)
    same: bool = np.array_equal(stored.movies, user.movies)
    return same and np.array_equal(stored.ratings, user.ratings)


def stored_user(store: Store, row: int) -> QueryUser:
    """Take a user of the store with all their ratings, as views."""
    own = store.by_user.row(row)
    return QueryUser(row, store.by_user.movies[own], store.by_user.ratings[own])


@dataclass(frozen=True, slots=True)
class KnnSettings:
    """What can be chosen about the neighbours; it is saved with the model."""

    k: int = config.NEIGHBOURS
    shrinkage: float = config.CF_SHRINKAGE

    def __post_init__(self) -> None:
        if not (
            isinstance(self.k, int)
            and 1 <= self.k <= MOST_NEIGHBOURS
            and 0.0 <= self.shrinkage < np.inf
        ):
            raise ModelError(
                f"{self.k} neighbours, shrinkage {self.shrinkage} cannot be: choose 1 to "
                f"{MOST_NEIGHBOURS} and at least 0; if a model says so, run train again"
            )


class UserKnn:
    """Neighbours and predictions over one store; stateless between calls, safe for threads."""

    def __init__(self, store: Store, settings: KnnSettings) -> None:
        self.settings = settings
        self._store = store
        self._by_user = SparseRows(
            store.by_user.indptr, store.by_user.movies, store.by_user.ratings
        )
        self._by_movie = SparseRows(
            store.by_movie.indptr, store.by_movie.users, store.by_movie.ratings
        )
        rated = store.movie_rating_counts > 0
        self._prior = np.where(rated, store.movie_mean_ratings, store.mean_rating).astype(
            np.float64
        )

    def neighbours(self, users: UserBatch) -> Neighbours:
        """Find the k nearest users of each user; see kernels.knn.nearest."""
        return knn.nearest(
            users.histories,
            users.rows,
            self._by_movie,
            self._store.user_norm,
            self.settings.k,
            Latest(self._store.user_activity_ranks, config.NEIGHBOUR_RATERS),
        )

    def scores(self, users: UserBatch, indptr: NDArray[np.int64], movies: Rows) -> Floats:
        """Predict stars for everybody's candidates, on [0, 1] between the data's extremes.

        `indptr` [users + 1] says whose candidates are whose. Where the data knows one star value
        only, all scores are 0. The cut at 0 and 1 takes away rounding and nothing else, for a mean
        of stars lies between them.
        """
        stars = knn.predict(
            self.neighbours(users),
            self._by_user,
            self._prior,
            self.settings.shrinkage,
            indptr,
            movies,
        )
        lowest, highest = self._store.min_rating, self._store.max_rating
        stars -= lowest
        stars /= (highest - lowest) or 1.0
        return np.clip(stars, 0.0, 1.0, out=stars).astype(np.float32)
