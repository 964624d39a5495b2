"""Equal times are put in order by a hash, so that neither file order nor ids can decide a figure.

A file may list a user's ratings by movie id, as ml-latest-small does; a stable sort by time then
holds out the largest id of a sitting, and a model that learns "next is a larger id" looks good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.store.build import index_ratings, summary
from reelrecs.store.store import Store
from reelrecs.store.time_order import pair_hash

TIES = "by a hash of user and movie row"
"""The rule, as it stands beside every figure."""


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
