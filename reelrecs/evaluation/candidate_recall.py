"""The ceiling of everything behind it: how many of the movies people went on to watch are found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.evaluation import metrics
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all
from reelrecs.evaluation.registry import EngineSystem
from reelrecs.evaluation.runner import blocks
from reelrecs.evaluation.splits import Split
from reelrecs.pipeline.candidate_batch import CandidateBatch, merge
from reelrecs.pipeline.candidates import Mask, Rows
from reelrecs.pipeline.lifting import keep_all
from reelrecs.pipeline.protocols import BatchFilter, Filter
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.profiles import filters_by_name
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

Filters: TypeAlias = tuple[Filter | BatchFilter, ...]

UNION = "all together"
"""Stands for the union of the sources."""

SERVED = "as served"
"""Stands for the pipeline's own filters, relaxed where it relaxes them."""


@dataclass(frozen=True, slots=True)
class SourceRecall:
    """What one source (or all together) finds, and what each choice of filters leaves of it."""

    source: str
    candidates: dict[str, float]  # filters to the mean number of candidates a user
    recall: dict[str, Interval]  # filters to the share of held-out movies, mean over users

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "source": self.source,
            "candidates": self.candidates,
            "recall": {name: one.to_dict() for name, one in self.recall.items()},
        }


def filter_choices(store: Store) -> dict[str, Filters]:
    """The built-in filters: the one nobody does without, each other beside it, and all at once."""
    rated, *others = filters_by_name(store, config.RELAX_ORDER)
    choices: dict[str, Filters] = {rated.name: (rated,)}
    choices |= {f"+ {other.name}": (rated, other) for other in others}
    return choices | {"+ all": (rated, *others)}


def candidate_recall(
    split: Split,
    build: Callable[[Store], EngineSystem],
    seed: int = 0,
) -> list[SourceRecall]:
    """Candidate recall of each source of a pipeline and of their union, filter by filter.

    A question with several held-out movies counts by the share of them that is found. Filters are
    applied to what the sources hand on; SERVED is what the pipeline then really scores.
    """
    choices = filter_choices(split.train)
    system = build(split.train)
    try:
        sources = [source.name for source in system.engine.pipeline.sources]
        columns = [*choices, SERVED]
        shape = (len(split), len(sources) + 1, len(columns))
        found, counts = np.empty(shape), np.empty(shape)
        for block in blocks(split):
            log.info(f"{system.name}: question {block.start:,} of {len(split):,}")
            for place, query in enumerate(system.queries(split.ask(block)), block.start):
                targets = split.targets_of(place)
                found[place], counts[place] = _of_query(system, query, targets, choices)
    finally:
        system.close()
    rows = []
    for at, source in enumerate([*sources, UNION]):
        means = counts[:, at].mean(axis=0)
        per_question = {name: found[:, at, column] for column, name in enumerate(columns)}
        per_user = metrics.by_user(per_question, split.owners)
        by_filter = dict(zip(columns, means.tolist(), strict=True))
        rows.append(SourceRecall(source, by_filter, bootstrap_all(per_user, seed)))
    return rows


def _of_query(
    system: EngineSystem, query: Query, targets: Rows, choices: dict[str, Filters]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and number of candidates, both [sources + 1, choices + 1]."""
    pipeline, alone = system.engine.pipeline, Queries.of([query])
    trace = BatchTrace()
    evidence = pipeline.gathered(alone, trace)
    batches = [pipeline.found_by(source, alone, evidence, trace) for source in pipeline.sources]
    union = merge(batches, pipeline.movie_count)
    movies = union.rows.movies
    members = [np.isin(movies, batch.rows.movies) for batch in batches]
    members.append(np.ones(len(movies), np.bool_))
    kept = [_kept(alone, union, filters) for filters in choices.values()]
    served = pipeline.candidates(alone, evidence, BatchTrace()).rows.movies
    kept.append(np.isin(movies, served))
    wanted = np.isin(movies, targets)
    stays = np.array(members)[:, None, :] & np.array(kept)[None, :, :]
    return (stays & wanted).sum(axis=2) / len(targets), stays.sum(axis=2).astype(np.float64)


def _kept(queries: Queries, candidates: CandidateBatch, filters: Filters) -> Mask:
    keep = np.ones(len(candidates.rows), np.bool_)
    for one in filters:
        keep &= keep_all(one, queries, candidates)
    return keep
