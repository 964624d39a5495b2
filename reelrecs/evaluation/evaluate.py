"""Several systems side by side on the cuts of a data set: the Python door to the harness."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from reelrecs.evaluation.fold_in import with_strangers
from reelrecs.evaluation.protocols import cuts, default_protocol
from reelrecs.evaluation.registry import PIPELINES, systems_by_name
from reelrecs.evaluation.runner import Result, run, setting_of
from reelrecs.evaluation.splits import Split
from reelrecs.evaluation.system import Factory
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

Systems: TypeAlias = Sequence[str] | Mapping[str, Factory] | None


def evaluate(
    store: Store,
    systems: Systems = None,
    protocol: str | None = None,
    k: int = 10,
    negatives: int | None = None,
    seed: int = 0,
    request_time: str | None = None,
) -> list[Result]:
    """Fit each system on the protocol's training store and measure its lists of length k.

    `systems` are names of `SYSTEMS` (None: all that can run here), or your own, by name: any
    function from a training store to a `System`. `protocol` is one of `PROTOCOLS`, None what
    `default_protocol` says; where it has several cuts, there is one result for each system and cut,
    by cut. `request_time` is as for `cuts`, `negatives` and `seed` as for `run`. "fold-in" measures
    each system (None: the pipelines) twice: with its users stored, and with the same users unknown
    to store and model. Of data without times a log line says what the figures rest on.
    Raises InvalidRequest, and DataError for data too small to be cut.
    """
    factories = factories_of(systems, protocol)
    protocol = default_protocol(store) if protocol is None else protocol
    warn_of_order(store)
    log.info(f"cutting {store.name}")
    splits = cuts(protocol, store, seed, request_time)
    for split in splits:
        setting_of(split, k, negatives, seed)
    if protocol == "fold-in":
        factories = with_strangers(factories, splits[0].users)
    validation = partial(cuts, protocol, splits[0].train, seed, request_time)
    by_system = [
        _results(name, factory, splits, validation, k, negatives, seed)
        for name, factory in factories.items()
    ]
    return [results[at] for at in range(len(splits)) for results in by_system]


def _results(
    name: str,
    factory: Factory,
    splits: Sequence[Split],
    validation: partial[list[Split]],
    k: int,
    negatives: int | None,
    seed: int,
) -> list[Result]:
    """One system, fitted once, on each cut."""
    log.info(f"{name}: fitting")
    start = time.perf_counter()
    with contextlib.closing(factory(splits[0].train)) as system:
        system.settle(validation)
        fit_seconds = time.perf_counter() - start
        results = [run(split, system, k, negatives, seed, fit_seconds) for split in splits]
    return [replace(result, system=name) for result in results]


def warn_of_order(store: Store) -> None:
    """Say in the log what figures rest on where the data has no times."""
    if not store.has_times:
        log.warning(
            f"{store.name} has no times: the order of its rows is taken for the order in time, and "
            "figures rest on that"
        )


def factories_of(systems: Systems, protocol: str | None) -> Mapping[str, Factory]:
    """What takes part in a protocol, by name; see `evaluate`."""
    if isinstance(systems, Mapping):
        return systems
    if systems is None and protocol == "fold-in":
        systems = list(PIPELINES)
    return systems_by_name(systems)
