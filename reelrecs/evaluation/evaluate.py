"""Several systems side by side on one cut of a data set: the Python door to the harness."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.fold_in import with_strangers
from reelrecs.evaluation.registry import pipelines_by_name, systems_by_name
from reelrecs.evaluation.runner import Result, run
from reelrecs.evaluation.splits import Split, split_by
from reelrecs.evaluation.system import Factory
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

Systems: TypeAlias = Sequence[str] | Mapping[str, Factory] | None

Choice: TypeAlias = Callable[[Split], Mapping[str, Factory]]


def evaluate(
    store: Store,
    systems: Systems = None,
    protocol: str = "last-out",
    k: int = 10,
    negatives: int | None = None,
    seed: int = 0,
) -> list[Result]:
    """Fit each system on the protocol's training store and measure its lists of length k.

    `systems` are names of `SYSTEMS` (None: all that can run here), or your own, by name: any
    function from a training store to a `System`. `protocol` is one of `PROTOCOLS`; `negatives` and
    `seed` as for `run`. "fold-in" takes pipelines by name and measures each twice: with its users
    stored, and with the same users unknown to store and model. Raises InvalidRequest, and DataError
    for data too small to be cut.
    """
    choose = _strangers_too(systems) if protocol == "fold-in" else _the_same(systems)
    log.info(f"cutting {store.name}")
    split = split_by(protocol, store, seed)
    results = []
    for name, factory in choose(split).items():
        log.info(f"{name}: fitting")
        fit = partial(factory, split.train)
        results.append(replace(run(split, fit, k, negatives, seed), system=name))
    return results


def _the_same(systems: Systems) -> Choice:
    """These systems, whoever is asked about."""
    factories = systems if isinstance(systems, Mapping) else systems_by_name(systems)
    return lambda split: factories


def _strangers_too(systems: Systems) -> Choice:
    """These pipelines, and the same again knowing nothing of the split's users."""
    if isinstance(systems, Mapping):
        raise InvalidRequest("fold-in asks the engine's own pipelines: name them")
    builders = pipelines_by_name(systems)
    return lambda split: with_strangers(builders, split.users)
