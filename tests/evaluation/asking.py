"""Questions made by hand."""

from collections.abc import Sequence

import numpy as np

from reelrecs.evaluation.questions import Questions
from reelrecs.store.store import Store


def everybody(store: Store) -> Questions:
    """Each user of a store, with all they rated, at a time nobody tells."""
    rated = store.by_user
    users = np.arange(store.user_count, dtype=np.int32)
    return Questions(users, rated.indptr, rated.movies, rated.ratings, rated.times, None)


def stranger(movies: Sequence[int] = (), as_of: int | None = None) -> Questions:
    """Somebody unknown who liked these movie rows, one a second from second 0 on."""
    return Questions(
        np.array([-1], np.int32),
        np.array([0, len(movies)]),
        np.array(movies, np.int32),
        np.full(len(movies), 4.0, np.float32),
        np.arange(len(movies), dtype=np.int64),
        None if as_of is None else np.array([as_of]),
    )
