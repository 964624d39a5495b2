"""Several systems side by side on one cut of a data set: the Python door to the harness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from reelrecs.errors import InvalidRequest
from reelrecs.evaluate.fold_in import with_strangers
from reelrecs.evaluate.run import Report, Result, run
from reelrecs.evaluate.splits import split_by
from reelrecs.evaluate.system import Factory
from reelrecs.evaluate.systems import pipelines_by_name, systems_by_name
from reelrecs.store import Store


def evaluate(
    store: Store,
    systems: Sequence[str] | Mapping[str, Factory] | None = None,
    protocol: str = "last-out",
    k: int = 10,
    negatives: int | None = None,
    seed: int = 0,
    report: Report = lambda _: None,
) -> list[Result]:
    """Fit each system on the protocol's training store and measure its lists of length k.

    `systems` are names of `SYSTEMS` (None: all that can run here), or your own, by name: any
    function from a training store to a `System`. `protocol` is one of `PROTOCOLS`; `negatives` and
    `seed` as for `run`. "fold-in" takes pipelines by name and measures each twice: with its users
    stored, and with the same users unknown to store and model. Raises InvalidRequest, and DataError
    for data too small to be cut.
    """
    factories: Mapping[str, Factory] = {}
    pipelines = pipelines_by_name(_names(systems)) if protocol == "fold-in" else {}
    if not pipelines:
        factories = systems if isinstance(systems, Mapping) else systems_by_name(systems)
    report(f"cutting {store.name}")
    split = split_by(protocol, store, seed)
    if pipelines:
        factories = with_strangers(pipelines, split.users)
    results = []
    for name, factory in factories.items():
        report(f"{name}: fitting")
        fit = partial(factory, split.train)
        results.append(replace(run(split, fit, k, negatives, seed, report), system=name))
    return results


def _names(systems: Sequence[str] | Mapping[str, Factory] | None) -> Sequence[str] | None:
    if isinstance(systems, Mapping):
        raise InvalidRequest("fold-in asks the engine's own pipelines: name them")
    return systems
