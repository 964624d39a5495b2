"""Which of a user's liked movies argue for a recommended one: co-likes as a cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.jit import kernel


def co_like_cosine(
    indptr: NDArray[np.int64],
    users: NDArray[np.int32],
    user_count: int,
    recommended: NDArray[np.int32],
    liked: NDArray[np.int32],
) -> NDArray[np.float32]:
    """[recommended, liked]: share of common likers, likers(a and b) / sqrt(likers(a) likers(b)).

    0 where either has no liker. The arrays are the likes by movie.
    """
    cosine = np.zeros((len(recommended), len(liked)), np.float32)
    likes_it = np.zeros(user_count, np.bool_)
    _co_like_cosine(indptr, users, recommended, liked, likes_it, cosine)
    return cosine


@kernel
def _co_like_cosine(indptr, users, recommended, liked, likes_it, cosine):  # type: ignore[no-untyped-def]
    for row in range(len(recommended)):
        start, stop = indptr[recommended[row]], indptr[recommended[row] + 1]
        for at in range(start, stop):
            likes_it[users[at]] = True
        for column in range(len(liked)):
            first, end = indptr[liked[column]], indptr[liked[column] + 1]
            common = 0
            for at in range(first, end):
                common += likes_it[users[at]]
            if common > 0:
                cosine[row, column] = common / np.sqrt(float(stop - start) * float(end - first))
        for at in range(start, stop):
            likes_it[users[at]] = False
