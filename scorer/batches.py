"""Candidates of a batch of queries as a scorer wants them, and its answer beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats
from reelrecs.pipeline.protocols import BatchScorer
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query


class AnswersOne:
    """A scorer of batches, asked for one query."""

    def score(self: BatchScorer, query: Query, candidates: Candidates) -> Candidates:
        """Fill in scores and terms; raises ScorerError."""
        return self.score_all(Queries.of([query]), CandidateBatch.of([candidates])).rows


def required_features(rows: Candidates) -> FeatureMatrix:
    """The features of candidates; raises ScorerError where they have none."""
    if rows.features is None:
        raise ScorerError("candidates need features: add a featurizer")
    return rows.features


DEGRADED = "degraded"
"""The term of rows that the scorer asked for did not rank."""


def with_scores(candidates: CandidateBatch, scores: Floats, terms: FeatureMatrix) -> CandidateBatch:
    """The candidates with the scores and terms that were answered in their order."""
    return CandidateBatch(candidates.indptr, replace(candidates.rows, scores=scores, terms=terms))


def parts_by_size(candidates: CandidateBatch, most: int) -> Iterator[slice]:
    """Neighbouring queries of about so many bytes of features together, at least one part.

    A query of more than that stands alone. Raises ScorerError for candidates without features.
    """
    sizes = candidates.counts * required_features(candidates.rows).values[:1].nbytes
    start = total = 0
    for at, size in enumerate(sizes.tolist()):
        if at > start and total + size > most:
            yield slice(start, at)
            start, total = at, 0
        total += size
    yield slice(start, len(candidates))


def part_of(candidates: CandidateBatch, queries: slice) -> CandidateBatch:
    """The candidates of these neighbouring queries, as views."""
    indptr = candidates.indptr[queries.start : queries.stop + 1]
    rows = candidates.rows.take(slice(int(indptr[0]), int(indptr[-1])))
    return CandidateBatch(indptr - indptr[0], rows)


def joined(answers: Sequence[tuple[Floats, FeatureMatrix]]) -> tuple[Floats, FeatureMatrix]:
    """Scores and terms of several calls, end to end; raises ScorerError where terms differ."""
    columns = {terms.columns for _, terms in answers}
    if len(columns) > 1:
        raise ScorerError("the scorer changed its model between two calls: ask again")
    terms = np.concatenate([terms.values for _, terms in answers])
    scores = np.concatenate([scores for scores, _ in answers])
    return scores, FeatureMatrix(columns.pop(), terms)
