"""Genres as bits of one 64-bit word per movie: counting them, and what a history says of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Offsets, Rows, Words
from reelrecs.kernels.jit import inlined, kernel


def preferences(
    masks: NDArray[np.uint64],
    movies: NDArray[np.int32],
    ratings: NDArray[np.float32],
    genre_count: int,
    mean_if_empty: float,
    shrinkage: float,
) -> tuple[float, NDArray[np.float32], NDArray[np.int64]]:
    """Mean stars of a history, shrunken mean stars [genres], ratings behind each [genres].

    A genre's mean is (sum + shrinkage * own mean) / (ratings + shrinkage): an unrated genre has
    the own mean, a well rated one its own.
    """
    preference = np.empty(genre_count, np.float32)
    rated = np.empty(genre_count, np.int64)
    mean = _preferences(masks, movies, ratings, mean_if_empty, shrinkage, preference, rated)
    return mean, preference, rated


def genre_matrix(masks: NDArray[np.uint64], genre_count: int) -> NDArray[np.float64]:
    """[movies, genres] of 0 and 1; one column of 0 where there are no genres at all."""
    codes = np.arange(max(genre_count, 1), dtype=np.uint64)
    return ((masks[:, None] >> codes) & np.uint64(1)).astype(np.float64)


@inlined
def bit_count(
    word: np.uint64,
) -> np.int64:
    """How many genres a word holds: set bits added in pairs, fours, eights, without a branch."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _preferences(
    masks: Words,
    movies: Rows,
    ratings: Floats,
    mean_if_empty: float,
    shrinkage: float,
    preference: Floats,
    rated: Offsets,
) -> float:
    sums = np.zeros(len(preference))
    rated[:] = 0
    total = 0.0
    for at in range(len(movies)):
        mask = masks[movies[at]]
        total += ratings[at]
        for genre in range(len(preference)):
            if mask >> np.uint64(genre) & np.uint64(1):
                sums[genre] += ratings[at]
                rated[genre] += 1
    mean = total / len(movies) if len(movies) > 0 else mean_if_empty
    for genre in range(len(preference)):
        weight = rated[genre] + shrinkage
        preference[genre] = (sums[genre] + shrinkage * mean) / weight if weight > 0 else mean
    return mean
