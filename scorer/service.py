"""The scorer over gRPC: two services over one model.

A request is answered whole or refused with a status and one line; a fault of the service is
INTERNAL and stands in its log, never in a score. What a client does not send is worked out here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any, TypeAlias, TypeVar

import grpc
import numpy as np

from reelrecs.datasets.ids import Ids
from reelrecs.errors import DataError, ModelError
from reelrecs.pipeline.candidates import FeatureMatrix, Rows
from reelrecs.proto import (
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import TREES
from reelrecs.scorer.server import STATUSES, Service, Statuses, handle_rpc
from reelrecs.scorer.user_knn import QueryUser, UserBatch, stored_user
from reelrecs.store.store import Store

T = TypeVar("T")

SERVICES = (
    scorer_pb2.DESCRIPTOR.services_by_name["ScorerService"].full_name,
    recommendations_pb2.DESCRIPTOR.services_by_name["MLScorer"].full_name,
)

FeaturesFor: TypeAlias = Callable[[QueryUser, Rows], FeatureMatrix]
"""Describes candidates of a user by every column that the model ranks by."""

OneMoment: TypeAlias = Callable[[], AbstractContextManager[Any]]
"""Makes a block in which data that changes stays as it is."""


class _IdsDoNotFit(DataError):
    """The data's ids cannot be named in the compatible service's messages."""


_STATUSES: Statuses = ((_IdsDoNotFit, grpc.StatusCode.FAILED_PRECONDITION), *STATUSES)

WARM_CANDIDATES = 20
"""Candidates in the requests that warm a service up: a kernel compiles for one as for many."""


def scorer_services(
    model: ScoringModel | Callable[[], ScoringModel],
    features_for: FeaturesFor | None = None,
    one_moment: OneMoment = nullcontext,
) -> list[Service]:
    """Both services over this model, for `reelrecs.scorer.server.start`.

    With `features_for` they answer requests that lack columns, too. Where data changes, `model` is
    a function that tells the present one, which is asked in the block `one_moment` makes.
    """
    add: Any = recommendations_pb2_grpc.add_MLScorerServicer_to_server
    compatible = MLScorerServicer(model, features_for, one_moment)
    return [
        scorer_service(model, features_for, one_moment),
        Service(SERVICES[1], lambda server: add(compatible, server), compatible.warm_up),
    ]


def scorer_service(
    model: ScoringModel | Callable[[], ScoringModel],
    features_for: FeaturesFor | None = None,
    one_moment: OneMoment = nullcontext,
) -> Service:
    """`reelrecs.v1.ScorerService` alone; see `scorer_services`."""
    add: Any = scorer_pb2_grpc.add_ScorerServiceServicer_to_server
    servicer = ScorerServicer(model, features_for, one_moment)
    return Service(SERVICES[0], lambda server: add(servicer, server), servicer.warm_up)


class _OverModel:
    """What answers by a model, which may be another at the next request."""

    def __init__(
        self,
        model: ScoringModel | Callable[[], ScoringModel],
        features_for: FeaturesFor | None = None,
        one_moment: OneMoment = nullcontext,
    ) -> None:
        self._model_now = model
        self._features_for = features_for
        self._one_moment = one_moment

    @property
    def _model(self) -> ScoringModel:
        now = self._model_now
        return now if isinstance(now, ScoringModel) else now()

    def _answer(self, work: Callable[[], T]) -> T:
        """Do the work over one state of the data."""
        with self._one_moment():
            return work()


class ScorerServicer(_OverModel, scorer_pb2_grpc.ScorerServiceServicer):
    """`reelrecs.v1.ScorerService` over one model."""

    def Score(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score candidates of one user or many."""
        return handle_rpc(context, lambda: self._answer(lambda: self._score(request)))

    def Describe(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Say which data and model answer."""
        return handle_rpc(context, lambda: self._answer(self._describe))

    def warm_up(self) -> None:
        """Answer requests of every kind: a stored user, a history, nobody, all in one."""
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
                self._score(scorer_pb2.ScoreRequest(users=asked, features=features, **named))
        self._describe()

    def _score(self, request: Any) -> Any:
        store = self._model.store
        if request.dataset_digest not in ("", store.digest):
            raise ModelError(
                f"this scorer serves {store.name} ({store.digest[:8]}), the request was made from "
                f"other data ({request.dataset_digest[:8]}): start it on the same data"
            )
        users, counts = wire.users_of(store, request.users)
        movies = wire.rows_of(store, wire.named_movies(request))
        sent = wire.matrix_of(request.features)
        features = completed(sent, self._model, users, counts, movies, self._features_for)
        scores, terms = self._model.score_batch(UserBatch.of(users), counts, movies, features)
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
            version=metadata.version("reelrecs"),
        )


class MLScorerServicer(_OverModel, recommendations_pb2_grpc.MLScorerServicer):
    """`recommendations.MLScorer` over the same model, for clients that exist already."""

    def ScoreCandidates(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score every candidate of one user."""
        return handle_rpc(context, lambda: self._answer(lambda: self._score(request)), _STATUSES)

    def warm_up(self) -> None:
        """Answer a request of somebody with few ratings, and of somebody with many."""
        store = self._model.store
        if not self._answers:
            return
        first = np.arange(min(WARM_CANDIDATES, store.movie_count))
        candidates = [
            recommendations_pb2.CandidateFeatures(movie_id=int(movie_id))
            for movie_id in store.movie_ids.at(first)
        ]
        for user_id in warm_users(store):
            self._score(recommendations_pb2.ScoreRequest(user_id=user_id, features=candidates))

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

    def _score(self, request: Any) -> Any:
        self._require_ids_that_fit()
        store = self._model.store
        user = stored_user(store, store.user_row(request.user_id))
        movies = wire.rows_of(store, [one.movie_id for one in request.features])
        sent = self._used(wire.candidate_matrix(request.features))
        counts = [len(movies)]
        features = completed(sent, self._model, [user], counts, movies, self._features_for)
        scores, _ = self._model.score_batch(UserBatch.of([user]), counts, movies, features)
        relevance = self._model.ranker.relevance(scores)
        return recommendations_pb2.ScoreResponse(scores=relevance.tolist())


def completed(
    sent: FeatureMatrix,
    model: ScoringModel,
    users: Sequence[QueryUser],
    counts: Sequence[int],
    movies: Rows,
    features_for: FeaturesFor | None,
) -> FeatureMatrix:
    """The columns that were sent, and those the model needs besides; the sent ones stand.

    What contradicts itself is left as it is, for the model to refuse.
    """
    missing = [name for name in model.ranker.required_columns if name not in sent.columns]
    whole = sum(counts) == len(movies) and (not sent.columns or len(sent.values) == len(movies))
    if not missing or not whole or features_for is None:
        return sent
    edges = np.cumsum([0, *counts])
    parts = [np.zeros((0, len(missing)), np.float32)]
    for user, start, stop in zip(users, edges[:-1], edges[1:], strict=True):
        if stop > start:
            made = features_for(user, movies[start:stop])
            parts.append(made.values[:, [made.columns.index(name) for name in missing]])
    values = np.concatenate(parts)
    if sent.columns:
        values = np.column_stack([sent.values, values])
    return FeatureMatrix((*sent.columns, *missing), values)


def warm_users(store: Store) -> list[Any]:
    """The user with the fewest ratings and one with the most: two ways to a list."""
    lengths = np.diff(store.by_user.indptr)
    return store.user_ids.at(np.array([lengths.argmin(), lengths.argmax()]))


def _fit(ids: Ids) -> bool:
    """Whether the ids are numbers that uint32 holds."""
    return not ids.is_text and int(ids.values[0]) >= 0 and int(ids.values[-1]) < 2**32
