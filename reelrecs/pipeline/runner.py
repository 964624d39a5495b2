"""The one loop: sources, filters, features, scorer, re-ranker, with every step timed and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Mask
from reelrecs.pipeline.protocols import Featurizer, Filter, ManyScorer, Reranker, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import Trace


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages put together; holds no state of its own, so threads may share it.

    `relax` names the filters that may be given up, first to last, when too few candidates pass;
    a filter that is not named there always holds.
    """

    sources: Sequence[Source]
    filters: Sequence[Filter]
    featurizers: Sequence[Featurizer]
    scorer: Scorer
    reranker: Reranker
    relax: tuple[str, ...] = ()

    def run(self, query: Query) -> tuple[Candidates, Trace]:
        """At most query.limit candidates, best first, with scores and terms, and what happened."""
        trace = Trace()
        candidates = self.candidates(query, trace)
        if len(candidates) == 0:
            return candidates, trace
        candidates = self.featurized(query, candidates, trace)
        with trace.stage("score"):
            scored = self.scorer.score(query, candidates)
        _same_order("the scorer", candidates, scored)
        with trace.stage("rerank"):
            ranked = scored.take(self.reranker.rerank(query, scored))
        return ranked, trace

    def run_many(self, queries: Sequence[Query]) -> list[Candidates]:
        """What `run` gives for each query, scored in one call where the scorer can."""
        return [
            batch.take(self.reranker.rerank(query, batch)) if len(batch) else batch
            for query, batch in zip(queries, self.score_many(queries), strict=True)
        ]

    def score_many(self, queries: Sequence[Query]) -> list[Candidates]:
        """Each query's filtered candidates with scores, before any re-ranking.

        Each query's cache is cleared once its candidates are described: what stages keep there is
        as large as the catalogue.
        """
        trace = Trace()
        batches = []
        for query in queries:
            found = self.candidates(query, trace)
            batches.append(self.featurized(query, found, trace) if len(found) else found)
            query.cache.clear()
        filled = [at for at, batch in enumerate(batches) if len(batch)]
        scored = self._scored([queries[at] for at in filled], [batches[at] for at in filled])
        for at, batch in zip(filled, scored, strict=True):
            _same_order("the scorer", batches[at], batch)
            batches[at] = batch
        return batches

    def candidates(self, query: Query, trace: Trace) -> Candidates:
        """What the sources find and the filters let pass."""
        batches = []
        for source in self.sources:
            with trace.stage(source.name):
                batch = source.find(query)
            trace.found[source.name] = len(batch)
            batches.append(batch)
        with trace.stage("merge"):
            merged = merge(batches)
        with trace.stage("filter"):
            return self._filtered(query, merged, trace)

    def featurized(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        """The candidates with the columns of all featurizers side by side."""
        with trace.stage("features"):
            parts = [featurizer.features(query, candidates) for featurizer in self.featurizers]
            matrix = parts[0] if len(parts) == 1 else FeatureMatrix.side_by_side(parts)
        if len(matrix.values) != len(candidates):
            raise RuntimeError(f"features have {len(matrix.values)} rows, not {len(candidates)}")
        return Candidates(
            candidates.movies, candidates.channels, candidates.retrieval_scores, features=matrix
        )

    def _scored(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> Sequence[Candidates]:
        if isinstance(self.scorer, ManyScorer):
            return self.scorer.score_many(queries, batches)
        pairs = zip(queries, batches, strict=True)
        return [self.scorer.score(query, batch) for query, batch in pairs]

    def _filtered(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        masks: dict[str, Mask] = {}
        for stage in self.filters:
            mask = stage.keep(query, candidates)
            if mask.shape != candidates.movies.shape:
                raise RuntimeError(
                    f"filter {stage.name} answered {mask.shape} for {len(candidates)}"
                )
            masks[stage.name] = mask
        relaxed: list[str] = []
        keep = _all(masks, len(candidates))
        for name in self.relax:
            if int(keep.sum()) >= query.limit:
                break
            if name in masks and not masks[name].all():
                masks.pop(name)
                relaxed.append(name)
                keep = _all(masks, len(candidates))
        trace.relaxed = tuple(relaxed)
        trace.removed = {name: candidates.movies[~mask] for name, mask in masks.items()}
        return candidates if keep.all() else candidates.take(keep)


def merge(batches: Sequence[Candidates]) -> Candidates:
    """The union of several sources' candidates by ascending movie row, with every channel kept.

    A movie that a channel did not find has retrieval_scores 0 there.
    """
    found = [batch for batch in batches if batch.channels]
    channels = tuple(channel for batch in found for channel in batch.channels)
    if not found:
        return Candidates(np.zeros(0, np.int32))
    if len(found) == 1:
        alone = found[0]
        ascending = bool((alone.movies[1:] > alone.movies[:-1]).all())
        return alone if ascending else alone.take(np.argsort(alone.movies))
    movies = np.unique(np.concatenate([batch.movies for batch in found]))
    retrieval_scores = np.zeros((len(movies), len(channels)), np.float32)
    column = 0
    for batch in found:
        rows = np.searchsorted(movies, batch.movies)
        retrieval_scores[rows, column : column + len(batch.channels)] = batch.retrieval_scores
        column += len(batch.channels)
    return Candidates(movies, channels, retrieval_scores)


def _all(masks: dict[str, Mask], length: int) -> Mask:
    keep = np.ones(length, np.bool_)
    for mask in masks.values():
        keep &= mask
    return keep


def _same_order(who: str, before: Candidates, after: Candidates) -> None:
    if len(before) != len(after) or not np.array_equal(before.movies, after.movies):
        raise RuntimeError(f"{who} changed which candidates there are or their order")
    if after.scores is None or after.terms is None or len(after.scores) != len(after):
        raise RuntimeError(f"{who} left candidates without scores")
