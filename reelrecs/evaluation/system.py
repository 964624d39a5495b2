"""What can be evaluated: a name, and a score for every movie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.splits import Split
from reelrecs.store.store import Store

Scores: TypeAlias = NDArray[np.float64]


class System(Protocol):
    """Anything that ranks movies for people, fitted on a training store.

    Inherit from it and neither `settle` nor `close` need be written.
    """

    name: str

    detail: str = ""
    """What was settled, as it stands behind the name in a table."""

    def settle(self, validation: Callable[[], Sequence[Split]]) -> None:
        """Choose what is chosen on a validation cut; called once, before the first `scores`.

        `validation` cuts the training store once more by the same protocol, so that nothing of what
        is asked later can be seen.
        """
        return

    def scores(self, questions: Questions) -> Scores:
        """[questions, movies] over the training store's rows; -inf = not ranked at all.

        The harness writes into the array and hides what was watched, so that needs no care.
        """
        ...

    def close(self) -> None:
        """Give back what the system holds; called once, after the last `scores`."""
        return


Factory: TypeAlias = Callable[[Store], System]
"""Fits a system on a training store: all that it may ever see of a data set."""
