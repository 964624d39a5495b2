"""What a system is asked: who, with which history, at which moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from reelrecs.store.columns import owners_of, row_of


@dataclass(frozen=True, slots=True)
class Questions:
    """A batch of questions, each with all that may be known when it is asked; q of them.

    A history need not be what the training store holds of the user: after a cut in time it grows
    while the store stays, and a person unknown to the store (row -1) has nothing else.
    """

    users: NDArray[np.int32]  # [q] rows of the training store, -1 = unknown to it
    indptr: NDArray[np.int64]  # [q + 1] ends of the histories
    movies: NDArray[np.int32]  # movie rows, oldest first
    ratings: NDArray[np.float32]  # stars
    times: NDArray[np.int64]  # seconds since 1970
    as_of: NDArray[np.int64] | None  # [q] when it is asked; None = the system is not told

    def __len__(self) -> int:
        return len(self.users)

    def history(self, place: int) -> slice:
        """Where the history of a question stands."""
        return row_of(self.indptr, place)

    def lengths(self) -> NDArray[np.int64]:
        """[q] how many movies each history holds."""
        return np.diff(self.indptr)

    def unknown(self) -> Questions:
        """The same, asked by people of whom the store has never heard."""
        return replace(self, users=np.full(len(self), -1, np.int32))

    def matrix(self, movie_count: int) -> scipy.sparse.csr_matrix:
        """[q, movies] of ones: the histories."""
        ones = np.ones(len(self.movies))
        shape = (len(self), movie_count)
        matrix = scipy.sparse.csr_matrix((ones, self.movies, self.indptr), shape=shape, copy=True)
        matrix.sort_indices()
        return matrix

    def watched(self, movie_count: int) -> NDArray[np.bool_]:
        """[q, movies] whether a movie stands in the history."""
        watched = np.zeros((len(self), movie_count), np.bool_)
        watched[owners_of(self.indptr), self.movies] = True
        return watched
