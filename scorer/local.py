"""The scorer in this very process: the model's own answer, with nothing in between."""

from __future__ import annotations

from collections.abc import Sequence

from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.scorer.batches import joined, with_scores
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser, UserBatch


class LocalScorer:
    """Scores with a model; holds nothing that has to be given back, safe for threads.

    Its scores and terms are those of a service over the same model, to the last bit.
    """

    def __init__(self, model: ScoringModel) -> None:
        self._model = model

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        """Fill in scores and terms; raises ScorerError."""
        return self.score_many([query], [candidates])[0]

    def score_many(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> list[Candidates]:
        """Score the candidates of many queries at once; raises ScorerError."""
        if not batches:
            return []
        movies, features = joined(batches)
        users = UserBatch.of(
            [QueryUser(query.user_row, query.movies, query.ratings) for query in queries]
        )
        counts = [len(batch) for batch in batches]
        return with_scores(batches, *self._model.score_batch(users, counts, movies, features))
