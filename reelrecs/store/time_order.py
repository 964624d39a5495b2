"""The order of all ratings in time, with a rule for equal times that neither file nor id decides.

A file may list a user's ratings by movie id, as ml-latest-small does; there a stable sort by time
would be a sort by id.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.store.columns import RatingsByUser

HASH_BITS = 20
"""Bits of the hash that break a tie; of two ratings in a million with one time these are equal."""

BLOCK = 1 << 20
"""Ratings whose hashes are worked out at a time."""


def pair_hash(users: NDArray[np.int64], movies: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A number for each (user row, movie row) that looks random: splitmix64's last step."""
    mixed = (users.astype(np.uint64) << np.uint64(32)) + movies.astype(np.uint64)
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def hash_shift(first: int, last: int) -> int:
    """How many of a hash's low bits are left out where times go from `first` to `last`."""
    return 64 - HASH_BITS if last - first < 1 << 63 - HASH_BITS else 0


def order_of_time(by_user: RatingsByUser) -> NDArray[np.uint32]:
    """[ratings] entries of `by_user`, oldest first; equal times by `pair_hash`."""
    times, count = by_user.times, len(by_user.times)
    if count == 0:
        return np.zeros(0, np.uint32)
    first, last = int(times.min()), int(times.max())
    keys = np.empty(count, np.uint64)
    for start in range(0, count, BLOCK):
        entries = np.arange(start, min(start + BLOCK, count))
        users = np.searchsorted(by_user.indptr, entries, "right") - 1
        keys[entries] = pair_hash(users, by_user.movies[entries])
    shift = hash_shift(first, last)
    if shift:
        keys >>= np.uint64(shift)
        keys |= (times - first).view(np.uint64) << np.uint64(HASH_BITS)
        return np.argsort(keys, kind="stable").astype(np.uint32)
    return np.lexsort((keys, times)).astype(np.uint32)
