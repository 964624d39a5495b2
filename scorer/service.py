"""The scorer over gRPC: two services over one model.

A request is answered whole or refused with a status and one line; a fault of the service is
INTERNAL and stands in its log, never in a score. What a client does not send is worked out here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from importlib import metadata
from typing import Any

import numpy as np

from reelrecs.errors import ModelError
from reelrecs.kernels.message_fields import count_field
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.proto import scorer_pb2
from reelrecs.scorer import wire
from reelrecs.scorer.calls import Bound, Call, Method
from reelrecs.scorer.compatible_service import NAME as COMPATIBLE
from reelrecs.scorer.compatible_service import compatible_service
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.over_model import OneMoment, OverModel
from reelrecs.scorer.ranker import TREES
from reelrecs.scorer.request_blocks import (
    WARM_CANDIDATES,
    FeaturesFor,
    blocks,
    completed,
    require_agreement,
    rows_of_matrix,
    warm_users,
)
from reelrecs.scorer.user_knn import UserBatch

SERVICES = (
    scorer_pb2.DESCRIPTOR.services_by_name["ScorerService"].full_name,
    COMPATIBLE,
)

USERS = scorer_pb2.ScoreRequest.DESCRIPTOR.fields_by_name["users"].number


def scorer_services(
    model: ScoringModel | Callable[[], ScoringModel],
    features_for: FeaturesFor | None = None,
    one_moment: OneMoment = nullcontext,
    limits: Limits | None = None,
) -> list[Service]:
    """Both services over this model, for `reelrecs.scorer.server.start`.

    With `features_for` they answer requests that lack columns, too. Where data changes, `model` is
    a function that tells the present one, which is asked in the block `one_moment` makes.
    """
    return [
        scorer_service(model, features_for, one_moment, limits),
        compatible_service(model, features_for, one_moment, limits),
    ]


def scorer_service(
    model: ScoringModel | Callable[[], ScoringModel],
    features_for: FeaturesFor | None = None,
    one_moment: OneMoment = nullcontext,
    limits: Limits | None = None,
) -> Service:
    """`reelrecs.v1.ScorerService` alone; see `scorer_services`."""
    servicer = ScorerServicer(model, features_for, one_moment, limits)
    methods = {
        "Score": Method(scorer_pb2.ScoreRequest, servicer.score, bound=servicer.bound),
        "Describe": Method(scorer_pb2.DescribeRequest, servicer.describe),
    }
    return Service(SERVICES[0], methods, servicer.warm_up)


class ScorerServicer(OverModel):
    """`reelrecs.v1.ScorerService` over one model."""

    @property
    def bound(self) -> Bound:
        """Users of a message."""
        return Bound(USERS, self._limits.check_users)

    def warm_up(self) -> None:
        """Answer requests of every kind: a stored user, a history, nobody, all in one."""
        with self._one_moment():
            self._warm_up()

    def _warm_up(self) -> None:
        count_field(b"", USERS)
        store = self._model.store
        movies = np.arange(min(WARM_CANDIDATES, store.movie_count), dtype=np.int32)
        columns = self._model.ranker.required_columns
        history = scorer_pb2.History(
            ratings=[store.max_rating], **wire.naming_movies(store, movies[:1])
        )
        people: list[dict[str, Any]] = [
            *(wire.naming("user", id_) for id_ in warm_users(store)),
            {"history": history},
            {"history": scorer_pb2.History()},
        ]
        users = [scorer_pb2.User(candidates=len(movies), **one) for one in people]
        for asked in ([users[0]], users):
            values = np.zeros((len(asked) * len(movies), len(columns)), np.float32)
            sent = [wire.matrix_message(FeatureMatrix(columns, values))]
            if self._features_for is not None:
                sent.append(scorer_pb2.FeatureMatrix())
            for features in sent:
                named = wire.naming_movies(store, np.tile(movies, len(asked)))
                asked_for = scorer_pb2.ScoreRequest(users=asked, features=features, **named)
                self._score(asked_for, Call())
        self._describe()

    def score(self, request: Any, call: Call | None = None) -> Any:
        """Score candidates of one user or many; raises InvalidRequest beyond the limits."""
        self._limits.check_all_candidates(len(wire.named_movies(request)))
        for user in request.users:
            self._limits.check_candidates(user.candidates)
            self._limits.check_history(len(wire.named_movies(user.history)))
        with self._one_moment():
            return self._score(request, call or Call())

    def _score(self, request: Any, call: Call) -> Any:
        """Score block by block; whether anybody still waits is asked between them."""
        store = self._model.store
        if request.dataset_digest not in ("", store.digest):
            raise ModelError(
                f"this scorer serves {store.name} ({store.digest[:8]}), the request was made from "
                f"other data ({request.dataset_digest[:8]}): start it on the same data"
            )
        counts = [user.candidates for user in request.users]
        movies = wire.rows_of(store, wire.named_movies(request))
        sent = wire.matrix_of(request.features)
        require_agreement(counts, movies, sent)
        call.users, call.candidates = len(counts), len(movies)
        scores, terms = [], []
        for users, candidates in blocks(counts):
            call.check()
            asked, own = wire.users_of(store, request.users[users])
            rows = movies[candidates]
            part = rows_of_matrix(sent, candidates)
            features = completed(part, self._model, asked, own, rows, self._features_for)
            found = self._model.score_batch(UserBatch.of(asked), own, rows, features)
            scores.append(found[0])
            terms.append(found[1].values)
        matrix = FeatureMatrix(self._model.ranker.term_names, np.concatenate(terms))
        return scorer_pb2.ScoreResponse(
            scores=np.concatenate(scores).tolist(), terms=wire.matrix_message(matrix)
        )

    def describe(self, request: Any = None, call: Call | None = None) -> Any:
        """Say which data and model answer."""
        with self._one_moment():
            return self._describe()

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
            version=metadata.version("reelrecs"),
        )
