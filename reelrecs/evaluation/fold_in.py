"""People whom neither store nor model holds, measured beside the same people stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.splits import Split
from reelrecs.evaluation.system import Factory, Scores, System
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict

UNKNOWN = ", unknown"
"""Stands after a system's name where its people are strangers to it."""


class Strangers(System):
    """A system fitted without some users, who then ask it with nothing but their histories.

    `store` holds what they rated; the system is built on what all others did.
    """

    def __init__(self, build: Factory, store: Store, users: NDArray[np.int32]) -> None:
        self._system = build(restrict(store, ~np.isin(store.by_user.owners(), users)))
        self.name = self._system.name + UNKNOWN

    def settle(self, validation: Callable[[], Sequence[Split]]) -> None:
        """Let the system settle."""
        self._system.settle(validation)
        self.detail = self._system.detail

    def scores(self, questions: Questions) -> Scores:
        """The system's, by the path of people the store does not hold."""
        return self._system.scores(questions.unknown())

    def close(self) -> None:
        """Close the system."""
        self._system.close()


def with_strangers(
    factories: Mapping[str, Factory], users: NDArray[np.int32]
) -> dict[str, Factory]:
    """Each system as it is, and as these users meet it when it has never heard of them."""

    def stranger_to(build: Factory) -> Factory:
        return lambda store: Strangers(build, store, users)

    both: dict[str, Factory] = {}
    for name, build in factories.items():
        both[name] = build
        both[name + UNKNOWN] = stranger_to(build)
    return both
