"""What everybody has rated lately, and what people rate at some point of a history."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Offsets, Rows
from reelrecs.kernels.jit import inlined, inner, kernel


class Likeness(NamedTuple):
    """How like each user is to one: `total / damping`, worked out for those who are asked for."""

    total: NDArray[np.float32]  # [users]
    damping: NDArray[np.float32]  # [users]


@inner
def count_windows(movies: Rows, users: Rows, own_row: int, windows: Rows, counts: Floats) -> None:
    """Fill counts [w, movies] with what the last ratings before a moment, oldest first, are of.

    windows [w] ascending: how many ratings back each reaches. The ratings of the user `own_row` are
    passed over.
    """
    counts[:] = 0.0
    back = 0
    window = 0
    for place in range(len(movies)):
        at = len(movies) - 1 - place
        if users[at] == own_row:
            continue
        if back >= windows[window]:
            window += 1
            if window == len(windows):
                break
        counts[window, np.uint32(movies[at])] += np.float32(1.0)
        back += 1
    for wider in range(1, len(windows)):
        for row in range(counts.shape[1]):
            counts[wider, row] += counts[wider - 1, row]


@inner
def add_likeness(
    movies: Rows, users: Rows, likeness: Likeness, own_row: int, window: int, alike: Floats
) -> None:
    """Fill alike [movies] with the likeness of those who gave the last `window` ratings.

    The ratings of the user `own_row` are passed over.
    """
    alike[:] = 0.0
    back = 0
    for place in range(len(movies)):
        at = len(movies) - 1 - place
        user = np.uint32(users[at])
        if users[at] == own_row:
            continue
        if back >= window:
            break
        alike[np.uint32(movies[at])] += likeness.total[user] / likeness.damping[user]
        back += 1


@inlined
def count_before(places: Offsets, start: int, stop: int, end: int) -> int:
    """How many of places start .. stop - 1, which ascend, are below `end`."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if places[middle] < end:
            low = middle + 1
        else:
            high = middle
    return low - start


@kernel
def count_by_length(indptr: Offsets, movies: Rows, ends: Rows, counts: Rows) -> None:
    """Add to counts [lengths, movies] the ratings that were given at some length of a history.

    ends [lengths] ascending: the first length that is beyond each; the last holds all others.
    """
    for user in range(len(indptr) - 1):
        length = 0
        for at in range(indptr[user], indptr[user + 1]):
            while length < len(ends) - 1 and at - indptr[user] >= ends[length]:
                length += 1
            counts[length, np.uint32(movies[at])] += 1
