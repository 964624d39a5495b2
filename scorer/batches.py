"""Candidates of a batch of queries as a scorer wants them, and its answer beside them."""

from __future__ import annotations

from dataclasses import replace

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


def with_scores(candidates: CandidateBatch, scores: Floats, terms: FeatureMatrix) -> CandidateBatch:
    """The candidates with the scores and terms that were answered in their order."""
    return CandidateBatch(candidates.indptr, replace(candidates.rows, scores=scores, terms=terms))
