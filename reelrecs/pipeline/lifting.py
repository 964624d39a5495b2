"""From a stage for one query to one for a batch: it is asked query by query.

What a stage that is lifted answers is checked for each query, so that a fault is told where it is.
"""

from __future__ import annotations

import functools
from typing import Any, cast

import numpy as np

from reelrecs.errors import StageError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import BOOL, FLOAT, Candidates, FeatureMatrix, Mask, require
from reelrecs.pipeline.protocols import (
    BatchFeaturizer,
    BatchFilter,
    BatchReranker,
    BatchScorer,
    BatchSource,
    Featurizer,
    Filter,
    Reranker,
    Scorer,
    Source,
)
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.reranking import BatchReranking


@functools.cache
def _answers(kind: type, how: str) -> bool:
    """Whether stages of a type answer batches: asked once, for protocols take their time."""
    return hasattr(kind, how)


def find_all(stage: Source | BatchSource, queries: Queries, evidence: Any) -> CandidateBatch:
    """What a source of either kind finds for each query."""
    if _answers(type(stage), "find_all"):
        return cast(BatchSource, stage).find_all(queries, evidence)
    alone = cast(Source, stage)
    parts = [alone.find(query) for query in queries]
    for part in parts:
        if not isinstance(part, Candidates):
            raise StageError(
                f"a {type(part).__name__} is no Candidates: return some, or an empty one"
            )
    return CandidateBatch.of(parts)


def keep_all(stage: Filter | BatchFilter, queries: Queries, candidates: CandidateBatch) -> Mask:
    """What a filter of either kind lets pass of each query's candidates."""
    if _answers(type(stage), "keep_all"):
        return cast(BatchFilter, stage).keep_all(queries, candidates)
    alone = cast(Filter, stage)
    masks = []
    for query, own in zip(queries, candidates, strict=True):
        mask = alone.keep(query, own)
        require("what it keeps", mask, BOOL, own.movies.shape)
        masks.append(mask)
    return masks[0] if len(masks) == 1 else np.concatenate([np.zeros(0, np.bool_), *masks])


def features_of_all(
    stage: Featurizer | BatchFeaturizer, queries: Queries, candidates: CandidateBatch, evidence: Any
) -> FeatureMatrix:
    """How a featurizer of either kind describes each query's candidates."""
    if _answers(type(stage), "features_of_all"):
        return cast(BatchFeaturizer, stage).features_of_all(queries, candidates, evidence)
    alone = cast(Featurizer, stage)
    parts = []
    for query, own in zip(queries, candidates, strict=True):
        if len(own):
            part = alone.features(query, own)
            require("features", part.values, FLOAT, (len(own), len(part.columns)))
            parts.append(part)
    if len({part.columns for part in parts}) > 1:
        raise StageError("other columns for one query than for another: give the same for all")
    return FeatureMatrix(parts[0].columns, np.concatenate([part.values for part in parts]))


def score_all(
    stage: Scorer | BatchScorer, queries: Queries, candidates: CandidateBatch
) -> CandidateBatch:
    """What a scorer of either kind makes of each query's candidates."""
    if _answers(type(stage), "score_all"):
        scored = cast(BatchScorer, stage).score_all(queries, candidates)
        if not isinstance(scored, CandidateBatch):
            raise StageError(f"a {type(scored).__name__} is no CandidateBatch: fill in the given")
        _check_scored(candidates.rows, scored.rows)
        return scored
    alone = cast(Scorer, stage)
    parts = []
    for query, own in zip(queries, candidates, strict=True):
        part = alone.score(query, own) if len(own) else own
        if len(own):
            _check_scored(own, part)
        parts.append(part)
    return CandidateBatch.of(parts)


def rerank_all(
    stage: Reranker | BatchReranker, queries: Queries, candidates: CandidateBatch
) -> BatchReranking:
    """How a re-ranker of either kind orders each query's candidates."""
    if _answers(type(stage), "rerank_all"):
        return cast(BatchReranker, stage).rerank_all(queries, candidates)
    alone, pairs = cast(Reranker, stage), zip(queries, candidates, strict=True)
    return BatchReranking.of(
        [alone.rerank(query, own) if len(own) else None for query, own in pairs], candidates
    )


def _check_scored(before: Candidates, after: Candidates) -> None:
    """Raise StageError unless a scorer gave every candidate a score and terms, in their order."""
    if not isinstance(after, Candidates):
        raise StageError(f"a {type(after).__name__} is no Candidates: fill in those it was given")
    if not np.array_equal(before.movies, after.movies):
        raise StageError("it changed which candidates there are or their order")
    if after.scores is None or after.terms is None:
        raise StageError("it left candidates without scores or without terms")
