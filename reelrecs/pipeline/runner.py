"""The one loop: sources, filters, features, scorer, re-ranker, with every step timed and kept.

What a stage answers is checked here, once, before any kernel sees it; a StageError names the stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from reelrecs.errors import StageError
from reelrecs.pipeline.candidates import BOOL, FLOAT, Candidates, FeatureMatrix, Mask, require
from reelrecs.pipeline.protocols import Featurizer, Filter, ManyScorer, Reranker, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import Trace


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages put together; holds no state of its own, so threads may share it.

    `movie_count` is the size of the catalogue, whose rows sources may name. `relax` names the
    filters that may be given up, first to last, when too few candidates pass; a filter that is not
    named there always holds. `last_resort` is asked where fewer candidates than wanted are left,
    and gives no more than are missing.
    """

    movie_count: int
    sources: Sequence[Source]
    filters: Sequence[Filter]
    featurizers: Sequence[Featurizer]
    scorer: Scorer
    reranker: Reranker
    relax: tuple[str, ...] = ()
    last_resort: Source | None = None

    def run(self, query: Query) -> tuple[Candidates, Trace]:
        """At most query.limit candidates, best first, with scores and terms, and what happened."""
        trace = Trace()
        candidates = self.candidates(query, trace)
        if len(candidates) == 0:
            return candidates, trace
        candidates = self.featurized(query, candidates, trace)
        with trace.stage("score"):
            scored = self.scored([query], [candidates])[0]
        with trace.stage("rerank"):
            ranked = self.reranker.rerank(query, scored).of(scored)
        return ranked, trace

    def run_many(self, queries: Sequence[Query]) -> list[Candidates]:
        """What `run` gives for each query, scored in one call where the scorer can."""
        return [
            self.reranker.rerank(query, batch).of(batch) if len(batch) else batch
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
        scored = self.scored([queries[at] for at in filled], [batches[at] for at in filled])
        for at, batch in zip(filled, scored, strict=True):
            batches[at] = batch
        return batches

    def candidates(self, query: Query, trace: Trace) -> Candidates:
        """What the sources find and the filters let pass."""
        batches = [self._found(source, query, trace) for source in self.sources]
        with trace.stage("merge"):
            merged = merge(batches)
        with trace.stage("filter"):
            kept = self._filtered(query, merged, trace)
        if len(kept) >= query.limit or self.last_resort is None:
            return kept
        rest = self._found(self.last_resort, query, trace)
        with trace.stage("filter"):
            rest = rest.take(~np.isin(rest.movies, merged.movies))
            kept = self._filtered(query, merge([merged, rest]), trace)
            return _without_surplus(kept, len(rest.channels), query.limit)

    def _found(self, source: Source, query: Query, trace: Trace) -> Candidates:
        """What a source finds of what the query allows, checked."""
        with trace.stage(source.name), _blamed(f"source {source.name}"):
            batch = source.find(query)
            _check_found(batch, self.movie_count)
        if query.allowed is not None:
            batch = batch.take(query.allowed[batch.movies])
        trace.found[source.name] = len(batch)
        return batch

    def featurized(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        """The candidates with the columns of all featurizers side by side."""
        with trace.stage("features"):
            parts = []
            for featurizer in self.featurizers:
                with _blamed(f"featurizer {type(featurizer).__name__}"):
                    part = featurizer.features(query, candidates)
                    shape = (len(candidates), len(part.columns))
                    require("features", part.values, FLOAT, shape)
                parts.append(part)
            matrix = parts[0] if len(parts) == 1 else FeatureMatrix.side_by_side(parts)
        return Candidates(
            candidates.movies, candidates.channels, candidates.retrieval_scores, features=matrix
        )

    def scored(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> Sequence[Candidates]:
        """Each batch as the scorer gives it back, checked."""
        with _blamed(f"scorer {type(self.scorer).__name__}"):
            if isinstance(self.scorer, ManyScorer):
                scored = self.scorer.score_many(queries, batches)
            else:
                pairs = zip(queries, batches, strict=True)
                scored = [self.scorer.score(query, batch) for query, batch in pairs]
            for before, after in zip(batches, scored, strict=True):
                _check_scored(before, after)
        return scored

    def _filtered(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        masks: dict[str, Mask] = {}
        for stage in self.filters:
            with _blamed(f"filter {stage.name}"):
                mask = stage.keep(query, candidates)
                require("what it keeps", mask, BOOL, candidates.movies.shape)
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

    A movie that a channel did not find has retrieval_scores 0 there. Raises StageError for a
    channel that two sources name.
    """
    found = [batch for batch in batches if batch.channels]
    channels = tuple(channel for batch in found for channel in batch.channels)
    if len(set(channels)) < len(channels):
        twice = next(channel for channel in channels if channels.count(channel) > 1)
        raise StageError(f"channel {twice} is named twice: give each channel its source's name")
    if not found:
        return Candidates.empty(())
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


def _without_surplus(candidates: Candidates, columns: int, limit: int) -> Candidates:
    """At most `limit`, of those found by the last columns alone the strongest, ties by row."""
    strengths = candidates.retrieval_scores[:, candidates.retrieval_scores.shape[1] - columns :]
    strongest = strengths.max(axis=1, initial=0.0)
    keep = strongest == 0.0
    added = np.lexsort((candidates.movies, -strongest))[: len(keep) - int(keep.sum())]
    keep[added[: max(0, limit - int(keep.sum()))]] = True
    return candidates.take(keep)


def _all(masks: dict[str, Mask], length: int) -> Mask:
    keep = np.ones(length, np.bool_)
    for mask in masks.values():
        keep &= mask
    return keep


@contextmanager
def _blamed(who: str) -> Iterator[None]:
    """Put the stage's name before what is wrong with its answer."""
    try:
        yield
    except StageError as error:
        raise StageError(f"{who}: {error}") from error


def _check_found(batch: Candidates, movie_count: int) -> None:
    """Raise StageError unless a source found distinct movies of the catalogue by named channels."""
    if not isinstance(batch, Candidates):
        raise StageError(f"a {type(batch).__name__} is no Candidates: return some, or an empty one")
    if len(batch) == 0:
        return
    if not batch.channels:
        raise StageError("candidates without a channel: name how they were found, as 'source.way'")
    ordered = batch.movies
    if not (ordered[1:] > ordered[:-1]).all():
        ordered = np.sort(ordered)
    if ordered[0] < 0 or ordered[-1] >= movie_count:
        outside = ordered[0] if ordered[0] < 0 else ordered[-1]
        raise StageError(
            f"movie row {outside} is outside 0 to {movie_count - 1}: translate ids with "
            "Store.movie_row"
        )
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(again):
        raise StageError(f"movie row {again[0]} is found twice: name each movie once")
    if not np.isfinite(batch.retrieval_scores).all():
        raise StageError("a retrieval score is not finite: give 0 where a channel found nothing")


def _check_scored(before: Candidates, after: Candidates) -> None:
    """Raise StageError unless a scorer gave every candidate a score and terms, in their order."""
    if not isinstance(after, Candidates):
        raise StageError(f"a {type(after).__name__} is no Candidates: fill in those it was given")
    if not np.array_equal(before.movies, after.movies):
        raise StageError("it changed which candidates there are or their order")
    if after.scores is None or after.terms is None:
        raise StageError("it left candidates without scores or without terms")
