"""A store of some of another's ratings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.store.build import index_ratings, summary
from reelrecs.store.store import Store


def restrict(store: Store, keep: NDArray[np.bool_]) -> Store:
    """A store in memory of some of the ratings, marked in the order of `store.by_user`.

    All movies stay, so movie rows mean the same in both; users without a rating left are gone.
    """
    kept, users = np.unique(store.by_user.owners()[keep], return_inverse=True)
    named = dict(store.arrays)
    for name in [name for name in named if name.startswith("user_")]:
        values = named[name]
        if isinstance(values, pa.Array):
            named[name] = values.take(pa.array(kept))
    named["user_ids"] = store.user_ids.of_rows(kept).values
    named |= index_ratings(
        users.astype(np.int32),
        store.by_user.movies[keep],
        store.by_user.ratings[keep],
        store.by_user.times[keep],
        store.movie_count,
    )
    return Store(named, store.metadata | summary(named, store.genres))
