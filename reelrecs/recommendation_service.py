"""The whole engine as a gRPC service, for the server that hosts the scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from reelrecs import config
from reelrecs.constraints import Constraints
from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, ScorerError, StageError
from reelrecs.experiments.trial import Trial
from reelrecs.histories import History
from reelrecs.proto import recommendation_pb2
from reelrecs.results import Movie, Reason, Recommendation, RecommendationList, Related
from reelrecs.scorer import wire
from reelrecs.scorer.calls import STATUSES, Call, Method, Statuses
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.request_blocks import warm_users

SERVICE = recommendation_pb2.DESCRIPTOR.services_by_name["RecommendationService"].full_name

_STATUSES: Statuses = (
    (ScorerError, grpc.StatusCode.UNAVAILABLE),
    (StageError, grpc.StatusCode.INTERNAL),
    *STATUSES,
)
"""A scorer or a stage at fault is no fault of the person who wants a list."""

ARM = "x-reelrecs-arm"
"""Trailing metadata of an answer: the arm of the experiment that made the list."""


class RecommendationServicer:
    """`reelrecs.v1.RecommendationService` over one engine."""

    def __init__(
        self, engine: Engine, limits: Limits | None = None, trial: Trial | None = None
    ) -> None:
        self._engine = engine
        self._trial = trial
        self._limits = limits or Limits()

    def warm_up(self) -> None:
        """Make lists of every kind: of people with few and many ratings, unknown ones, new ones."""
        store, pb = self._engine.store, recommendation_pb2
        rated = wire.naming_movies(store, store.by_user.movies[:1])
        people: list[dict[str, Any]] = [
            *(wire.naming("user", id_) for id_ in warm_users(store)),
            {"history": pb.RatingHistory(ratings=[store.file_scale[1]], **rated)},
            {"history": pb.RatingHistory()},
        ]
        for person in people:
            for explain in (False, True):
                self.recommend(pb.RecommendRequest(explain=explain, **person))

    def recommend(self, request: Any, call: Call | None = None) -> Any:
        """Give one person's list."""
        call = call or Call()
        call.users = 1
        self._limits.check_history(len(wire.named_movies(request.history)))
        limit = request.limit if request.HasField("limit") else config.DEFAULT_LIMIT
        person = request.WhichOneof("person")
        if person is None:
            raise InvalidRequest(
                "a request names nobody: give a user_id, or a history, which may be empty"
            )
        asked = {
            "explain": request.explain,
            "as_of": request.as_of if request.HasField("as_of") else None,
            "constraints": _constraints(request),
        }
        with self._engine.one_moment():  # so that the digest is that of the list's data
            if person == "history":
                result = self._engine.recommend_for(_history(request.history), limit, **asked)
            elif self._trial is not None and call.context is not None and asked["as_of"] is None:
                return self._tried(self._trial, getattr(request, person), limit, asked, call)
            else:
                result = self._engine.recommend(getattr(request, person), limit, **asked)
            call.candidates, call.stages = len(result), result.trace.seconds
            return _response(result, self._engine.store.digest)

    def _tried(
        self, trial: Trial, user_id: Id, limit: int, asked: dict[str, Any], call: Call
    ) -> Any:
        """A user's list by the experiment, whose arm stands in the answer's metadata."""
        result = trial.recommend(
            user_id, limit, explain=asked["explain"], constraints=asked["constraints"]
        )
        call.candidates, call.stages = len(result), result.trace.seconds
        call.told[ARM] = result.arm
        return _response(result, result.digest)


def recommendation_service(
    engine: Engine, limits: Limits | None = None, trial: Trial | None = None
) -> Service:
    """The service, for `reelrecs.scorer.server.start`; the engine must outlive the server."""
    servicer = RecommendationServicer(engine, limits, trial)
    recommend = Method(recommendation_pb2.RecommendRequest, servicer.recommend, _STATUSES)
    return Service(SERVICE, {"Recommend": recommend}, servicer.warm_up)


def _constraints(request: Any) -> Constraints | None:
    if not request.HasField("constraints"):
        return None
    asked = request.constraints

    def given(field: str) -> Any:
        return getattr(asked, field) if asked.HasField(field) else None

    return Constraints(
        allow=_movie_set(asked.allow) if asked.HasField("allow") else None,
        deny=_movie_set(asked.deny),
        genres=asked.genres,
        all_genres=asked.all_genres,
        not_genres=asked.not_genres,
        year_from=given("year_from"),
        year_to=given("year_to"),
        min_rating=given("min_rating"),
        include_seen=asked.include_seen,
    )


def _movie_set(message: Any) -> Sequence[Id]:
    if message.movie_ids and message.movie_id_texts:
        raise InvalidRequest("movies are given both by number and by text: give one of the lists")
    movies: Sequence[Id] = message.movie_ids or message.movie_id_texts
    return movies


def _history(message: Any) -> History:
    movies = wire.named_movies(message)
    if message.times and len(message.times) != len(movies):
        raise InvalidRequest(
            f"a history of {len(movies)} movies and {len(message.times)} times: give "
            "a time for each movie or none"
        )
    return History(movies, message.ratings, message.times or None)


def _response(result: RecommendationList, digest: str) -> Any:
    return recommendation_pb2.RecommendResponse(
        dataset=result.dataset,
        dataset_digest=digest,
        recommendations=[_recommended(item) for item in result],
        relaxed=result.trace.relaxed,
        note=result.note,
        as_of=result.as_of,
    )


def _recommended(item: Recommendation) -> Any:
    return recommendation_pb2.RecommendedMovie(
        rank=item.rank,
        **wire.naming("movie", item.movie.movie_id),
        title=item.movie.title,
        year=item.movie.year,
        genres=item.movie.genres,
        score=item.score,
        sources=item.sources,
        explanation=None if item.explanation is None else _explanation(item.explanation),
    )


def _explanation(reason: Reason) -> Any:
    return recommendation_pb2.Explanation(
        contributions=[
            recommendation_pb2.Contribution(term=term, value=value)
            for term, value in reason.contributions.items()
        ],
        found_by=[
            recommendation_pb2.Finding(channel=channel, strength=strength)
            for channel, strength in reason.found_by.items()
        ],
        total=reason.total,
        scale=reason.scale,
        in_words=reason.in_words,
        similar_users=reason.similar_users,
        related=None if reason.related is None else _related(reason.related),
        because_you_liked=[_movie(movie) for movie in reason.because_you_liked],
        because_you_watched=[_movie(movie) for movie in reason.because_you_watched],
    )


def _related(related: Related) -> Any:
    return recommendation_pb2.Related(similar_users=related.similar_users)


def _movie(movie: Movie) -> Any:
    return recommendation_pb2.Movie(
        title=movie.title,
        year=movie.year,
        genres=movie.genres,
        **wire.naming("movie", movie.movie_id),
    )
