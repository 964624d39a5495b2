"""`recommendations.MLScorer`, for clients that exist already.

What its clients do not send is worked out here, so that any model can answer them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import grpc
import numpy as np

from reelrecs.datasets.ids import Ids
from reelrecs.errors import DataError
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.proto import recommendations_pb2
from reelrecs.scorer import wire
from reelrecs.scorer.calls import STATUSES, Bound, Call, Method, Statuses
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.over_model import OneMoment, OverModel
from reelrecs.scorer.request_blocks import WARM_CANDIDATES, FeaturesFor, completed, warm_users
from reelrecs.scorer.user_knn import UserBatch, stored_user

FEATURES = recommendations_pb2.ScoreRequest.DESCRIPTOR.fields_by_name["features"].number

NAME = recommendations_pb2.DESCRIPTOR.services_by_name["MLScorer"].full_name


class _IdsDoNotFit(DataError):
    """The data's ids cannot be named in the compatible service's messages."""


_STATUSES: Statuses = ((_IdsDoNotFit, grpc.StatusCode.FAILED_PRECONDITION), *STATUSES)


def compatible_service(
    model: ScoringModel | Callable[[], ScoringModel],
    features_for: FeaturesFor | None = None,
    one_moment: OneMoment = nullcontext,
    limits: Limits | None = None,
) -> Service:
    """The service, for `reelrecs.scorer.server.start`."""
    servicer = MLScorerServicer(model, features_for, one_moment, limits)
    request = recommendations_pb2.ScoreRequest
    score = Method(request, servicer.score_candidates, _STATUSES, servicer.bound)
    return Service(NAME, {"ScoreCandidates": score}, servicer.warm_up)


class MLScorerServicer(OverModel):
    """`recommendations.MLScorer` over the same model, for clients that exist already."""

    def warm_up(self) -> None:
        """Answer a request of somebody with few ratings, and of somebody with many."""
        with self._one_moment():
            self._warm_up()

    def _warm_up(self) -> None:
        store = self._model.store
        if not self._answers:
            return
        first = np.arange(min(WARM_CANDIDATES, store.movie_count))
        candidates = [
            recommendations_pb2.CandidateFeatures(movie_id=int(movie_id))
            for movie_id in store.movie_ids.at(first)
        ]
        for user_id in warm_users(store):
            asked = recommendations_pb2.ScoreRequest(user_id=user_id, features=candidates)
            self._score(asked, Call())

    @property
    def _answers(self) -> bool:
        """Whether ids fit, and its clients' columns are enough or the others can be worked out."""
        needed = set(self._model.ranker.required_columns)
        enough = self._features_for is not None or needed <= set(wire.CANDIDATE_COLUMNS)
        return enough and all(map(_fit, (self._model.store.user_ids, self._model.store.movie_ids)))

    def _require_ids_that_fit(self) -> None:
        store = self._model.store
        for what, ids in (("user", store.user_ids), ("movie", store.movie_ids)):
            if not _fit(ids):
                raise _IdsDoNotFit(
                    f"{what} ids of {store.name} are "
                    f"{'text' if ids.is_text else 'numbers beyond 32 bits'}, which this service "
                    "cannot take: call reelrecs.v1.ScorerService"
                )

    def _used(self, sent: FeatureMatrix) -> FeatureMatrix:
        """The columns that the model ranks by: what stands in the others is of no account."""
        needed = self._model.ranker.required_columns
        at = [place for place, name in enumerate(sent.columns) if name in needed]
        return FeatureMatrix(tuple(sent.columns[place] for place in at), sent.values[:, at])

    @property
    def bound(self) -> Bound:
        """Candidates of a message."""
        return Bound(FEATURES, self._limits.check_candidates)

    def score_candidates(self, request: Any, call: Call | None = None) -> Any:
        """Score every candidate of one user."""
        with self._one_moment():
            return self._score(request, call or Call())

    def _score(self, request: Any, call: Call) -> Any:
        self._require_ids_that_fit()
        call.users, call.candidates = 1, len(request.features)
        store = self._model.store
        user = stored_user(store, store.user_row(request.user_id))
        movies = wire.rows_of(store, [one.movie_id for one in request.features])
        sent = self._used(wire.candidate_matrix(request.features))
        counts = [len(movies)]
        features = completed(sent, self._model, [user], counts, movies, self._features_for)
        scores, _ = self._model.score_batch(UserBatch.of([user]), counts, movies, features)
        relevance = self._model.ranker.relevance(scores)
        return recommendations_pb2.ScoreResponse(scores=relevance.tolist())


def _fit(ids: Ids) -> bool:
    """Whether the ids are numbers that uint32 holds."""
    return not ids.is_text and int(ids.values[0]) >= 0 and int(ids.values[-1]) < 2**32
