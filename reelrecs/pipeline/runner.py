"""The one loop over batches of queries: evidence, sources, filters, features, scorer, re-ranker.

What a stage answers is checked here, once, before any kernel sees it; a StageError names the stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from reelrecs import config
from reelrecs.errors import StageError
from reelrecs.pipeline import lifting
from reelrecs.pipeline.candidate_batch import CandidateBatch, merge
from reelrecs.pipeline.candidates import (
    BOOL,
    FLOAT,
    Candidates,
    FeatureMatrix,
    Floats,
    Mask,
    require,
)
from reelrecs.pipeline.completion import completed
from reelrecs.pipeline.protocols import (
    BatchFeaturizer,
    BatchFilter,
    BatchReranker,
    BatchScorer,
    BatchSource,
    Featurizer,
    Filter,
    Gatherer,
    Reranker,
    Scorer,
    Source,
)
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace, Trace

ALLOWED = "allowed"
"""Stands for the mask of a query among the filters of a trace."""


class Lists(NamedTuple):
    """What a run answers: candidates of each query, and what happened."""

    candidates: CandidateBatch
    trace: BatchTrace

    def of(self, query: int) -> tuple[Candidates, Trace]:
        """One query's."""
        return self.candidates[query], self.trace.of(query)


def _as_they_are(scores: Floats) -> Floats:
    return scores


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages put together; holds no state of its own, so threads may share it.

    `movie_count` is the size of the catalogue, whose rows sources may name. `relax` names the
    filters that may be given up, first to last, where the catalogue holds too few movies that pass;
    a filter that is not named there always holds. `last_resort` is asked where fewer candidates
    than wanted are left, and gives no more than are missing. `gatherer` works out what the
    profile's stages read in common. For masks over the catalogue there is `Query.allowed`: sources
    look at nothing else, so that lists are full. `relevance` makes of scores [n] what people are
    shown, on [0, 1] and in the same order.
    """

    movie_count: int
    sources: Sequence[Source | BatchSource]
    filters: Sequence[Filter | BatchFilter]
    featurizers: Sequence[Featurizer | BatchFeaturizer]
    scorer: Scorer | BatchScorer
    reranker: Reranker | BatchReranker
    relax: tuple[str, ...] = ()
    last_resort: Source | BatchSource | None = None
    gatherer: Gatherer | None = None
    relevance: Callable[[Floats], Floats] = _as_they_are

    def run(self, queries: Queries) -> Lists:
        """At most `limit` candidates of each query, best first, with scores and terms."""
        scored, trace = self.scored(queries)
        if len(scored.rows) == 0:
            return Lists(scored, trace)
        with trace.clock.stage("rerank"):
            ranked = lifting.rerank_all(self.reranker, queries, scored).lists(scored)
        return Lists(ranked, trace)

    def run_one(self, query: Query) -> tuple[Candidates, Trace]:
        """`run` of one query."""
        return self.run(Queries.of([query])).of(0)

    def scored(self, queries: Queries) -> Lists:
        """Each query's filtered candidates with scores, before any re-ranking."""
        trace = BatchTrace()
        evidence = self.gathered(queries, trace)
        candidates = self.candidates(queries, evidence, trace)
        if len(candidates.rows) == 0:
            return Lists(candidates, trace)
        candidates = self.featurized(queries, candidates, evidence, trace)
        with trace.clock.stage("score"):
            return Lists(self.score(queries, candidates), trace)

    def score(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """The candidates, which have features, with scores and terms, checked."""
        with _Blaming("scorer", type(self.scorer).__name__):
            return lifting.score_all(self.scorer, queries, candidates)

    def gathered(self, queries: Queries, trace: BatchTrace) -> Any:
        """What the profile's stages read in common."""
        if self.gatherer is None:
            return None
        with trace.clock.stage("evidence"):
            return self.gatherer.gather(queries)

    def candidates(self, queries: Queries, evidence: Any, trace: BatchTrace) -> CandidateBatch:
        """What the sources find and the filters let pass."""
        merged = self.found(queries, evidence, trace)
        with trace.clock.stage("filter"):
            trace.filtered = merged
            trace.masks = self.masks(queries, merged)
            kept = merged.keep(_all(trace.masks, len(merged.rows)))
        constrained = np.where(queries.mask_of >= 0, config.CONSTRAINED_CANDIDATES, 0)
        wanted = np.maximum(queries.limits, constrained)
        if (kept.counts >= wanted).all():
            return kept
        with trace.clock.stage("completion"):
            return completed(self, queries, merged, kept, wanted, trace)

    def found(self, queries: Queries, evidence: Any, trace: BatchTrace) -> CandidateBatch:
        """What the sources find together."""
        union = None if self.gatherer is None else self.gatherer.union(self.sources, evidence)
        if union is not None:
            candidates, trace.found = union
            return candidates
        batches = [self.found_by(source, queries, evidence, trace) for source in self.sources]
        if not batches:
            return CandidateBatch.of([Candidates.empty(())] * len(queries))
        with trace.clock.stage("merge"):
            return merge(batches, self.movie_count)

    def found_by(
        self, source: Source | BatchSource, queries: Queries, evidence: Any, trace: BatchTrace
    ) -> CandidateBatch:
        """What a source finds, checked."""
        with trace.clock.stage(source.name), _Blaming("source", source.name):
            batch = lifting.find_all(source, queries, evidence)
            _check_found(batch, len(queries), self.movie_count)
        trace.found[source.name] = batch.counts
        return batch

    def masks(self, queries: Queries, candidates: CandidateBatch) -> dict[str, Mask]:
        """What each filter lets pass of the candidates, checked."""
        masks: dict[str, Mask] = {}
        if len(queries.masks):
            masks[ALLOWED] = _allowed(queries, candidates, self.movie_count)
        for stage in self.filters:
            with _Blaming("filter", stage.name):
                mask = lifting.keep_all(stage, queries, candidates)
                require("what it keeps", mask, BOOL, candidates.rows.movies.shape)
            masks[stage.name] = mask
        return masks

    def featurized(
        self, queries: Queries, candidates: CandidateBatch, evidence: Any, trace: BatchTrace
    ) -> CandidateBatch:
        """The candidates, some at least, with the columns of all featurizers side by side."""
        with trace.clock.stage("features"):
            parts = []
            for featurizer in self.featurizers:
                with _Blaming("featurizer", type(featurizer).__name__):
                    part = lifting.features_of_all(featurizer, queries, candidates, evidence)
                    shape = (len(candidates.rows), len(part.columns))
                    require("features", part.values, FLOAT, shape)
                parts.append(part)
            matrix = parts[0] if len(parts) == 1 else FeatureMatrix.side_by_side(parts)
        return candidates.described(matrix)


def _all(masks: dict[str, Mask], length: int) -> Mask:
    """What all masks let pass."""
    keep = np.ones(length, np.bool_)
    for mask in masks.values():
        keep &= mask
    return keep


def _allowed(queries: Queries, candidates: CandidateBatch, movie_count: int) -> Mask:
    """What the masks of the queries let pass; raises StageError for masks of another length."""
    if queries.masks.shape[1] != movie_count:
        raise StageError(
            f"allowed: a mask over {queries.masks.shape[1]} movies, not over all {movie_count}"
        )
    mask_of = np.repeat(queries.mask_of, candidates.counts)
    keep: Mask = queries.masks[mask_of, candidates.rows.movies] | (mask_of < 0)
    return keep


class _Blaming:
    """Put the stage's name before what is wrong with its answer."""

    __slots__ = ("_kind", "_name")

    def __init__(self, kind: str, name: str) -> None:
        self._kind, self._name = kind, name

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: object, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, StageError):
            raise StageError(f"{self._kind} {self._name}: {error}") from error


def _check_found(batch: CandidateBatch, query_count: int, movie_count: int) -> None:
    """Raise StageError unless a source found distinct movies of the catalogue by named channels."""
    if not isinstance(batch, CandidateBatch) or len(batch) != query_count:
        raise StageError(f"it answered no CandidateBatch of {query_count} queries")
    rows = batch.rows
    if len(rows) == 0:
        return
    if not rows.channels:
        raise StageError("candidates without a channel: name how they were found, as 'source.way'")
    lowest, highest = int(rows.movies.min()), int(rows.movies.max())
    if lowest < 0 or highest >= movie_count:
        outside = lowest if lowest < 0 else highest
        raise StageError(
            f"movie row {outside} is outside 0 to {movie_count - 1}: translate ids with "
            "Store.movie_row"
        )
    keys = batch.keys(movie_count)
    if not (keys[1:] > keys[:-1]).all():
        keys = np.sort(keys)
    again = keys[1:][keys[1:] == keys[:-1]]
    if len(again):
        raise StageError(f"movie row {again[0] % movie_count} is found twice: name each movie once")
    if not np.isfinite(rows.retrieval_scores).all():
        raise StageError("a retrieval score is not finite: give 0 where a channel found nothing")
