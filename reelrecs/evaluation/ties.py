"""Equal times are put in order by a hash, so that neither file order nor ids can decide a figure.

A file may list a user's ratings by movie id, as ml-latest-small does; a stable sort by time then
holds out the largest id of a sitting, and a model that learns "next is a larger id" looks good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.store.build import index_ratings, summary
from reelrecs.store.store import Store

TIES = "by a hash of user and movie row"
"""The rule, as it stands beside every figure."""


def pair_hash(users: NDArray[np.int64], movies: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A number for each (user row, movie row) that looks random: splitmix64's last step."""
    mixed = (users.astype(np.uint64) << np.uint64(32)) + movies.astype(np.uint64)
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def hashes(store: Store) -> NDArray[np.uint64]:
    """[ratings] the hash of each rating, in the order of `store.by_user`."""
    return pair_hash(store.by_user.owners(), store.by_user.movies)


def in_hashed_order(store: Store) -> Store:
    """The same store with each user's ratings of one second in the order of their hashes.

    All rows stay. A store without such ratings, or with all of them in order, is given back.
    """
    rated, owners = store.by_user, store.by_user.owners()
    order = np.lexsort((hashes(store), rated.times, owners))
    if np.array_equal(order, np.arange(len(order))):
        return store
    named = store.arrays | index_ratings(
        owners[order].astype(np.int32),
        rated.movies[order],
        rated.ratings[order],
        rated.times[order],
        store.movie_count,
    )
    return Store(named, store.metadata | summary(named, store.genres))


def global_order(store: Store) -> NDArray[np.int64]:
    """[ratings] places in `store.by_user`, the earliest of all ratings first, ties by hash."""
    return np.lexsort((hashes(store), store.by_user.times))
