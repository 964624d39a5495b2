"""The scorer over gRPC: two services over one model.

A request is answered whole or refused with a status and one line; a fault of the service is
INTERNAL and stands in its log, never in a score.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import grpc

from reelrecs.errors import ModelError
from reelrecs.proto import (
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import TREES
from reelrecs.scorer.server import Service, handle_rpc
from reelrecs.scorer.user_knn import UserBatch, stored_user

SERVICES = (
    scorer_pb2.DESCRIPTOR.services_by_name["ScorerService"].full_name,
    recommendations_pb2.DESCRIPTOR.services_by_name["MLScorer"].full_name,
)


def scorer_services(model: ScoringModel) -> list[Service]:
    """Both services over this model, for `reelrecs.scorer.server.start`."""
    add_scorer: Any = scorer_pb2_grpc.add_ScorerServiceServicer_to_server
    add_compatible: Any = recommendations_pb2_grpc.add_MLScorerServicer_to_server
    scorer, compatible = ScorerServicer(model), MLScorerServicer(model)
    return [
        Service(SERVICES[0], lambda server: add_scorer(scorer, server)),
        Service(SERVICES[1], lambda server: add_compatible(compatible, server)),
    ]


class ScorerServicer(scorer_pb2_grpc.ScorerServiceServicer):
    """`reelrecs.v1.ScorerService` over one model."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model
        self._version = metadata.version("reelrecs")

    def Score(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score candidates of one user or many."""
        return handle_rpc(context, lambda: self._score(request))

    def Describe(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Say which data and model answer."""
        return handle_rpc(context, self._describe)

    def _score(self, request: Any) -> Any:
        store = self._model.store
        if request.dataset_digest not in ("", store.digest):
            raise ModelError(
                f"this scorer serves {store.name} ({store.digest[:8]}), the request was made from "
                f"other data ({request.dataset_digest[:8]}): start it on the same data"
            )
        users, counts = wire.user_batch_of(store, request.users)
        movies = wire.rows_of(store, request.movie_ids)
        features = wire.matrix_of(request.features)
        scores, terms = self._model.score_batch(users, counts, movies, features)
        return scorer_pb2.ScoreResponse(scores=scores.tolist(), terms=wire.matrix_message(terms))

    def _describe(self) -> Any:
        store, ranker = self._model.store, self._model.ranker
        terms = [scorer_pb2.Term(**term._asdict()) for term in ranker.parameters]
        if ranker.trees is not None:
            terms.append(scorer_pb2.Term(name=TREES, transform=TREES, scale=1.0, weight=1.0))
        return scorer_pb2.DescribeResponse(
            dataset=store.name,
            dataset_digest=store.digest,
            users=store.user_count,
            movies=store.movie_count,
            ratings=store.rating_count,
            profile=ranker.profile,
            required_columns=ranker.required_columns,
            terms=terms,
            version=self._version,
        )


class MLScorerServicer(recommendations_pb2_grpc.MLScorerServicer):
    """`recommendations.MLScorer` over the same model, for clients that exist already."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model

    def ScoreCandidates(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score every candidate of one user."""
        return handle_rpc(context, lambda: self._score(request))

    def _score(self, request: Any) -> Any:
        store = self._model.store
        users = UserBatch.of([stored_user(store, store.user_row(request.user_id))])
        movies = wire.rows_of(store, [one.movie_id for one in request.features])
        matrix = wire.candidate_matrix(request.features)
        scores, _ = self._model.score_batch(users, [len(movies)], movies, matrix)
        return recommendations_pb2.ScoreResponse(scores=scores.tolist())
