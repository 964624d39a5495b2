"""From scored candidates to the list that is shown."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.errors import InvalidRequest, ScorerError
from reelrecs.kernels import pool
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.rerank import Kinds, Scored, rerank
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.reranking import BatchReranking
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
        self._kinds = Kinds(
            store.movie_genres,
            store.movie_years,
            float(config.ERA_SPAN),
            config.DIVERSITY_ERA_SHARE,
        )
        self._strength = strength
        self._new_user = strength if new_user is None else new_user

    def rerank_all(self, queries: Queries, candidates: CandidateBatch) -> BatchReranking:
        """At most `limit` candidates of each, best first, and the adjustment their order is by.

        Raises ScorerError when a candidate has no score or one that is not finite.
        """
        rows = candidates.rows
        if rows.scores is None or not np.isfinite(rows.scores).all():
            raise ScorerError("candidates without a finite score cannot be ranked: mend the scorer")
        lengths = np.diff(queries.indptr)
        indptr = np.zeros(len(queries) + 1, np.int64)
        np.cumsum(np.minimum(candidates.counts, queries.limits), out=indptr[1:])
        order = np.empty(indptr[-1], np.int64)
        adjustments = np.empty(indptr[-1], np.float32)
        scored = Scored(
            *as_readonly_contiguous(
                candidates.indptr,
                rows.movies,
                rows.scores,
                np.where(lengths > 0, self._strength, self._new_user),
                indptr,
            )
        )
        pool.over_ranges(
            lambda first, last: rerank(scored, self._kinds, first, last, order, adjustments),
            len(queries),
        )
        if max(self._strength, self._new_user) == 0.0:
            return BatchReranking(indptr, order)
        return BatchReranking(indptr, order, VARIETY, adjustments)
