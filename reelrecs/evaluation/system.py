"""What can be evaluated: a name, and a score for every movie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs.store.store import Store

Scores: TypeAlias = NDArray[np.float64]


class System(Protocol):
    """Anything that ranks movies for the users of the store it was fitted on.

    Inherit from it and `close` need not be written.
    """

    name: str

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """[users, movies] over the training store's rows; -inf = not ranked at all.

        The harness writes into the array and hides what was watched, so that needs no care.
        """
        ...

    def close(self) -> None:
        """Give back what the system holds; called once, after the last `scores`."""
        return


Factory: TypeAlias = Callable[[Store], System]
"""Fits a system on a training store: all that it may ever see of a data set."""
