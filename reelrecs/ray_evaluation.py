"""Systems evaluated by the workers of a Ray cluster: the same figures as one machine finds."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from reelrecs.datasets import locate
from reelrecs.errors import DataError, ReelRecsError
from reelrecs.evaluation.evaluate import evaluate, factories_of, warn_of_order
from reelrecs.evaluation.runner import Result
from reelrecs.kernels import pool
from reelrecs.ray_cluster import LOCAL, RayCluster
from reelrecs.store.cache import open_store

log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """What every system is asked; see `evaluate`."""

    protocol: str | None = None
    k: int = 10
    negatives: int | None = None
    seed: int = 0
    request_time: str | None = None


def evaluate_by_ray(
    data_dir: Path | None,
    systems: Sequence[str] | None = None,
    asked: Asked | None = None,
    *,
    address: str = LOCAL,
) -> list[Result]:
    """As `evaluate` of the data set there, each system fitted and measured by one worker.

    The data must be at the same path on every machine. Figures are those of one machine, but for
    the seconds. A worker that is killed is started again and begins its system anew. Raises as
    `evaluate` does, InvalidRequest where Ray is not installed, ScorerError where it cannot be
    reached or a worker fails, and DataError where a worker finds other data.
    """
    asked = asked or Asked()
    names = list(factories_of(systems, asked.protocol))
    dataset = locate(data_dir)
    store = open_store(dataset)
    cluster = RayCluster(address, pool.threads())
    warn_of_order(store)
    given = {"data_dir": str(dataset.path.resolve()), "digest": store.digest, "asked": asked}
    by_system: list[list[Result]] = []
    with cluster.joined():
        for answer in cluster.answers([{"system": name} for name in names], _Worker, given):
            results = pickle.loads(answer["results"])
            if isinstance(results, ReelRecsError):
                raise results
            by_system.append(results)
            log.info(f"{names[len(by_system) - 1]}: {len(by_system)} of {len(names)} systems done")
    cuts = dict.fromkeys(result.setting.part for result in by_system[0])
    every = [result for results in by_system for result in results]
    return [result for cut in cuts for result in every if result.setting.part == cut]


class _Worker:
    """A process of the cluster; it opens the store when it is first asked."""

    def __init__(self, data_dir: str, digest: str, asked: Asked) -> None:
        self._data_dir, self._digest, self._asked = data_dir, digest, asked

    def __call__(self, batch: pa.Table) -> pa.Table:
        """What each system that the batch names finds, or the error that kept it from it."""
        rows = [pickle.dumps(self._answer(name)) for name in batch["system"].to_pylist()]
        return pa.table({"results": pa.array(rows, pa.large_binary())})

    def _answer(self, system: str) -> Any:
        try:
            with pool.budget_of(1).active():
                store = open_store(locate(Path(self._data_dir)))
                if store.digest != self._digest:
                    return DataError(
                        f"{self._data_dir} is not the same data on every machine of the cluster"
                    )
                return evaluate(store, [system], **self._asked._asdict())
        except ReelRecsError as error:
            return error
