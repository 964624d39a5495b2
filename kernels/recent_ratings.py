"""What everybody has rated lately, and what people rate at some point of a history."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Entries, Floats, Offsets, Rows
from reelrecs.kernels.jit import kernel


@kernel
def count_windows(
    movies: Rows,
    users: Rows,
    similarity: Floats,
    own_row: int,
    windows: Rows,
    counts: Floats,
    alike: Floats,
    alike_window: int,
) -> None:
    """Add up what the last ratings before a moment, oldest first, are of.

    windows [w] ascending: how many ratings back each reaches. counts [w, movies]: ratings in a
    window; alike [movies]: similarity of the raters in the last `alike_window` ratings. The ratings
    of the user `own_row` are passed over.
    """
    back = 0
    window = 0
    for place in range(len(movies)):
        at = len(movies) - 1 - place
        user, movie = users[at], np.uint32(movies[at])
        if user == own_row:
            continue
        if back >= windows[window]:
            window += 1
            if window == len(windows):
                break
        counts[window, movie] += np.float32(1.0)
        if back < alike_window:
            alike[movie] += similarity[np.uint32(user)]
        back += 1
    for wider in range(1, len(windows)):
        for row in range(counts.shape[1]):
            counts[wider, row] += counts[wider - 1, row]


@kernel
def gather_last(
    order: Entries,
    movies: Rows,
    owners: Rows,
    end: int,
    last_movies: Rows,
    last_users: Rows,
) -> None:
    """Fill movies and users of the ratings before place `end` of `order`, oldest first."""
    start = end - len(last_movies)
    for at in range(len(last_movies)):
        entry = order[start + at]
        last_movies[at] = movies[entry]
        last_users[at] = owners[entry]


@kernel
def count_before(
    indptr: Offsets, positions: Offsets, candidates: Rows, end: int, counts: Rows
) -> None:
    """Fill counts [candidates]: how many of a movie's positions, ascending, are below `end`."""
    for row in range(len(candidates)):
        movie = candidates[row]
        low, high = indptr[movie], indptr[movie + 1]
        while low < high:
            middle = (low + high) >> 1
            if positions[middle] < end:
                low = middle + 1
            else:
                high = middle
        counts[row] = low - indptr[movie]


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
