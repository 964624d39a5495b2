"""What everybody has rated lately: windows of so many ratings before the moment of asking.

Windows are measured in ratings and not in days, so that a data set that gets a rating a second and
one that gets ten a day are treated alike. Beside them stands what people rate at this point of a
history, which is what is known of somebody new.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import csr
from reelrecs.kernels import recent_ratings as kernels
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.sequence_world import Lengths, Recent
from reelrecs.pipeline.candidates import Rows
from reelrecs.store.store import Store

WINDOWS: Rows = np.array(config.RECENT_WINDOWS, np.int32)

TAIL = config.RECENT_WINDOWS[-1] + 4_096
"""Last ratings looked at: those of the widest window, and room for one's own, which are not counted
as any."""

LENGTH_ENDS: Rows = np.array(config.HISTORY_LENGTHS, np.int32)


class RecentRatings:
    """The ratings of one store in order of time, as the kernels read them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @cached_property
    def last(self) -> Recent:
        """The last ratings of all: enough for whoever asks at the data's end."""
        return self._recent(max(self.store.rating_count - TAIL, 0))

    @cached_property
    def whole(self) -> Recent:
        """All ratings, for whoever asks at another moment; eight bytes a rating."""
        return self._recent(0)

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each movie its ratings' places in order of time: compressed rows."""
        return as_readonly_contiguous(*csr.compress(self.whole.movies, self.store.movie_count))

    def _recent(self, start: int) -> Recent:
        entries = self.store.rating_order[start:]
        users = np.searchsorted(self.store.by_user.indptr, entries, "right") - 1
        movies, owners, windows = as_readonly_contiguous(
            self.store.by_user.movies[entries], users.astype(np.int32), WINDOWS
        )
        return Recent(start, movies, owners, windows, config.ALIKE_WINDOW)

    @cached_property
    def lengths(self) -> Lengths:
        """What people rate at each length of a history."""
        counts = np.zeros((len(LENGTH_ENDS), self.store.movie_count), np.int32)
        by_user = self.store.by_user
        kernels.count_by_length(by_user.indptr, by_user.movies, LENGTH_ENDS, counts)
        return Lengths(*as_readonly_contiguous(counts, LENGTH_ENDS), config.HISTORY_LENGTH_PRIOR)
