"""The scorer in this very process: the model's own answer, with nothing in between."""

from __future__ import annotations

from reelrecs.kernels.knn import SparseRows
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.queries import Queries
from reelrecs.scorer.batches import AnswersOne, required_features, with_scores
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import UserBatch


class LocalScorer(AnswersOne):
    """Scores with a model; holds nothing that has to be given back, safe for threads.

    Its scores and terms are those of a service over the same model, to the last bit.
    """

    def __init__(self, model: ScoringModel) -> None:
        self._model = model

    def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """Fill in scores and terms; raises ScorerError."""
        histories = SparseRows(queries.indptr, queries.movies, queries.ratings)
        users = UserBatch(queries.user_rows, histories)
        rows = candidates.rows
        features = required_features(rows)
        scored = self._model.score_batch(users, candidates.counts, rows.movies, features)
        return with_scores(candidates, *scored)
