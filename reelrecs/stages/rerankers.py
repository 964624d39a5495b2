"""From scored candidates to the list that is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import InvalidRequest, ScorerError
from reelrecs.kernels.rerank import descending_adjustments, marginal_relevance
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.reranking import Reranking
from reelrecs.store.store import Store

VARIETY = "variety"
"""The term of a score that the re-ranker adds."""


class DiversityReranker:
    """Trades score for variety of genres and eras by maximal marginal relevance.

    `strength` from 0 (the order of scores, ties by smaller row) to 1 (variety alone). Scores are
    first stretched to [0, 1] within the list, so a strength means the same on any scale. What a
    movie loses for being like one above it is the term VARIETY, on the scale of the scores: none
    without strength; at strength 1, where scores have no say, it levels them first. People without
    any rating may have a strength of their own, `new_user`. Raises InvalidRequest for any other
    strength.
    """

    def __init__(self, store: Store, strength: float, new_user: float | None = None) -> None:
        if not 0.0 <= strength <= 1.0:
            raise InvalidRequest(f"diversity {strength}: give a strength from 0 to 1")
        self._genres = store.movie_genres
        self._years = store.movie_years
        self._strength = strength
        self._new_user = strength if new_user is None else new_user

    def rerank(self, query: Query, candidates: Candidates) -> Reranking:
        """At most query.limit candidates, best first, and the adjustment that their order is by.

        Raises ScorerError when a candidate has no score or one that is not finite.
        """
        if candidates.scores is None or not np.isfinite(candidates.scores).all():
            raise ScorerError("candidates without a finite score cannot be ranked: mend the scorer")
        scores = candidates.scores.astype(np.float64)
        strength = self._strength if len(query.movies) else self._new_user
        if strength == 0.0 or len(scores) == 0:
            return Reranking(np.lexsort((candidates.movies, -scores))[: query.limit])
        lowest = scores.min()
        spread = scores.max() - lowest
        relevance = (scores - lowest) / spread if spread > 0 else np.zeros(len(scores))
        near = _within_reach(relevance, strength, query.limit)
        movies = candidates.movies[near]
        order, similarity = marginal_relevance(
            relevance[near],
            movies,
            self._genres[movies],
            self._years[movies],
            strength,
            config.ERA_SPAN,
            config.DIVERSITY_ERA_SHARE,
            query.limit,
        )
        order = near[order]
        if strength < 1.0:
            penalties = strength / (1.0 - strength) * spread * similarity
        else:
            penalties = scores[order] - (scores.max() - spread * similarity)
        adjustment = descending_adjustments(candidates.scores[order], penalties)
        return Reranking(order, VARIETY, adjustment)


def _within_reach(relevance: NDArray[np.float64], strength: float, limit: int) -> NDArray[np.int64]:
    """Positions of those that variety can lift into the list at all.

    One of the `limit` most relevant is always left to take, and loses `strength` at worst; who is
    farther behind it than that never comes first.
    """
    if limit >= len(relevance) or strength == 1.0:
        return np.arange(len(relevance))
    last = np.partition(relevance, len(relevance) - limit)[len(relevance) - limit]
    reach = strength / (1.0 - strength) + 1e-9
    return np.flatnonzero(relevance >= last - reach)
