"""Which of a user's liked movies argue for a recommended one: co-likes as a cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.jit import kernel


def co_like_cosine(
    indptr: NDArray[np.int64],
    users: NDArray[np.int32],
    ratings: NDArray[np.float32],
    user_count: int,
    liked_from: float,
    recommended: NDArray[np.int32],
    liked: NDArray[np.int32],
) -> NDArray[np.float32]:
    """[recommended, liked]: share of common likers, likers(a and b) / sqrt(likers(a) likers(b)).

    0 where either has no liker. The arrays are the ratings by movie.
    """
    cosine = np.zeros((len(recommended), len(liked)), np.float32)
    likes_it = np.zeros(user_count, np.bool_)
    _co_like_cosine(indptr, users, ratings, liked_from, recommended, liked, likes_it, cosine)
    return cosine


@kernel
def _co_like_cosine(  # type: ignore[no-untyped-def]
    indptr, users, ratings, liked_from, recommended, liked, likes_it, cosine
):
    for row in range(len(recommended)):
        movie = recommended[row]
        likers = 0
        for at in range(indptr[movie], indptr[movie + 1]):
            if ratings[at] >= liked_from:
                likes_it[users[at]] = True
                likers += 1
        for column in range(len(liked)):
            other = liked[column]
            common = 0
            other_likers = 0
            for at in range(indptr[other], indptr[other + 1]):
                if ratings[at] >= liked_from:
                    other_likers += 1
                    common += likes_it[users[at]]
            if common > 0:
                cosine[row, column] = common / np.sqrt(float(likers) * float(other_likers))
        for at in range(indptr[movie], indptr[movie + 1]):
            likes_it[users[at]] = False
