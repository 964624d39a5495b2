"""People whom neither store nor model holds, measured beside the same people stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.evaluation.registry import EngineSystem
from reelrecs.evaluation.system import Factory, Scores, System
from reelrecs.histories import History, query_of_person
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict

UNKNOWN = ", unknown"
"""Stands after a pipeline's name where its people are strangers to it."""


class Strangers(System):
    """A pipeline fitted without some users, who then ask it with nothing but their histories.

    `store` holds what they rated; the pipeline is built on what all others did.
    """

    def __init__(
        self,
        build: Callable[[Store], EngineSystem],
        store: Store,
        users: NDArray[np.int32],
    ) -> None:
        self._store = store
        self._system = build(restrict(store, ~np.isin(store.by_user.owners(), users)))
        self.name = self._system.name + UNKNOWN

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """What `EngineSystem.scores` gives, by the path of people the store does not hold."""
        return self._system.scores_of([self._query(int(user)) for user in users])

    def close(self) -> None:
        """Stop the pipeline's scorer."""
        self._system.close()

    def _query(self, user: int) -> Query:
        rated = self._store.by_user
        span = rated.row(user)
        history = History(
            self._store.movie_ids.at(rated.movies[span]),
            rated.ratings[span].tolist(),
            rated.times[span].tolist(),
            in_stars=True,
        )
        return query_of_person(self._system.engine.store, history, config.DEFAULT_LIMIT)


def with_strangers(
    builders: dict[str, Callable[[Store], EngineSystem]], users: NDArray[np.int32]
) -> dict[str, Factory]:
    """Each pipeline as it is, and as these users meet it when it has never heard of them."""

    def stranger_to(build: Callable[[Store], EngineSystem]) -> Factory:
        return lambda store: Strangers(build, store, users)

    both: dict[str, Factory] = {}
    for name, build in builders.items():
        both[name] = build
        both[name + UNKNOWN] = stranger_to(build)
    return both
