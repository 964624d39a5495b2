"""The nearest users by scikit-learn's brute force: the oracle of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.knn import Neighbours, SparseRows

SLACK = 16
"""Neighbours asked for beyond k and the user's own row, so that ties at the edge can be told."""

ROUNDING = 1e-9
"""Similarities nearer than this may be equal: scikit-learn normalises rows before it multiplies."""


class SklearnNearest:
    """`NearestNeighbors(metric="cosine", algorithm="brute")` fitted once, with our order of ties.

    scikit-learn cuts ties at the edge as they come, so a few more are asked for and their cosines
    taken again; the result equals `kernels.knn.nearest` wherever dot products are exact, as on any
    half-star scale.
    """

    def __init__(self, by_user: SparseRows, movie_count: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._shape = (len(by_user.indptr) - 1, movie_count)
        self._users = _matrix(by_user, self._shape)
        self._model = NearestNeighbors(metric="cosine", algorithm="brute").fit(self._users)
        self._norms = np.sqrt((self._users**2).sum(axis=1))

    def nearest(self, queries: SparseRows, own_rows: NDArray[np.int32], k: int) -> Neighbours:
        """Find what `kernels.knn.nearest` finds for the same queries."""
        user_count, movie_count = self._shape
        stars = _matrix(queries, (len(own_rows), movie_count))
        found = Neighbours(
            np.full((len(own_rows), k), -1, np.int32), np.zeros((len(own_rows), k), np.float64)
        )
        pending = np.arange(len(own_rows))
        asked = min(k + 1 + SLACK, user_count)
        while len(pending):
            distances, rows = self._model.kneighbors(stars[pending], n_neighbors=asked)
            edges = 1.0 - distances[:, -1]
            unsettled = []
            for query, edge, users in zip(pending.tolist(), edges, rows, strict=True):
                worst = self._order(stars[[query]], users[users != own_rows[query]], found, query)
                if asked < user_count and edge > 0.0 and worst <= edge + ROUNDING:
                    unsettled.append(query)
            pending = np.array(unsettled, np.int64)
            asked = min(2 * asked, user_count)
        return found

    def _order(self, query: Any, users: NDArray[Any], found: Neighbours, at: int) -> float:
        """Write the best of these users to row `at`; the similarity that one more had to beat."""
        dots = self._users[users] @ query.toarray()[0]
        users, dots = users[dots > 0.0], dots[dots > 0.0]
        norm = np.sqrt((query.data**2).sum())
        similarities = dots / (norm * self._norms[users])
        k = found.users.shape[1]
        order = np.lexsort((users, -similarities))[:k]
        found.users[at] = -1
        found.users[at, : len(order)] = users[order]
        found.similarities[at, : len(order)] = similarities[order]
        return float(found.similarities[at, -1])


def _matrix(rows: SparseRows, shape: tuple[int, int]) -> Any:
    """Copy the rows, for scipy sorts them in place."""
    from scipy.sparse import csr_array

    parts = (rows.values.astype(np.float64), rows.indices, rows.indptr)
    return csr_array(parts, shape, copy=True)
