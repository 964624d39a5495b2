"""What variety costs: the same scored candidates, re-ranked at several strengths."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation import metrics
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all, paired_difference
from reelrecs.evaluation.registry import EngineSystem
from reelrecs.evaluation.runner import blocks, setting_of, targets_of
from reelrecs.evaluation.splits import Split
from reelrecs.pipeline.lifting import rerank_all
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """One strength: its figures, and how far its NDCG is from that of the first strength."""

    strength: float
    intervals: dict[str, Interval]
    catalogue: dict[str, float]
    ndcg_difference: Interval  # paired by user

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "strength": self.strength,
            "metrics": {name: one.to_dict() for name, one in self.intervals.items()},
            "catalogue": self.catalogue,
            "ndcg_difference": self.ndcg_difference.to_dict(),
        }


def diversity_tradeoff(
    split: Split,
    build: Callable[[Store], EngineSystem],
    strengths: Sequence[float],
    k: int,
    seed: int = 0,
) -> list[TradeoffPoint]:
    """Accuracy and variety of a pipeline's lists of length k at each strength of re-ranking.

    Candidates are found and scored once. Raises InvalidRequest for a strength outside 0 to 1.
    """
    setting_of(split, k, None, seed)
    if not strengths:
        raise InvalidRequest("no strength of diversity given: name some, as in 0,0.1,0.2")
    rerankers = [DiversityReranker(split.train, strength) for strength in strengths]
    lists = np.full((len(strengths), len(split), k), -1, np.int32)
    ranks: list[list[NDArray[np.int64]]] = [[] for _ in strengths]
    quality: list[list[dict[str, NDArray[np.float64]]]] = [[] for _ in strengths]
    system = build(split.train)
    try:
        for block in blocks(split):
            log.info(f"{system.name}: question {block.start:,} of {len(split):,}")
            questions = split.ask(block)
            queries = system.queries(questions)
            for start, part, scored in system.scored(queries):
                short = Queries.of([replace(query, limit=k) for query in part])
                for at, reranker in enumerate(rerankers):
                    shown = rerank_all(reranker, short, scored)
                    for place, (first, last) in enumerate(pairwise(shown.indptr.tolist())):
                        movies = scored.rows.movies[shown.order[first:last]]
                        lists[at, block.start + start + place, : len(movies)] = movies
            for at in range(len(rerankers)):
                ranks[at].append(
                    metrics.ranks_in_lists(lists[at, block], *targets_of(split, block))
                )
                quality[at].append(metrics.list_quality(split.train, questions, lists[at, block]))
    finally:
        system.close()
    named = [
        metrics.by_user(
            metrics.accuracy(split.indptr, np.concatenate(ranks[at]), k)
            | metrics.joined(quality[at]),
            split.owners,
        )
        for at in range(len(strengths))
    ]
    ndcg = f"NDCG@{k}"
    return [
        TradeoffPoint(
            strength,
            bootstrap_all(per_user, seed),
            metrics.catalogue_use(split.train, lists[at]),
            paired_difference(per_user[ndcg], named[0][ndcg], seed),
        )
        for at, (strength, per_user) in enumerate(zip(strengths, named, strict=True))
    ]
