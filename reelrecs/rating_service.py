"""Ratings that arrive over gRPC, for the server that hosts the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import grpc
import numpy as np

from reelrecs import config
from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest, StorageError
from reelrecs.proto import rating_pb2
from reelrecs.ratings_log.events import Events, Kind
from reelrecs.ratings_log.group_commit import waiting
from reelrecs.scorer.calls import STATUSES, Bound, Call, Method, Statuses
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.store.incoming import Rating
from reelrecs.store.overlay import with_events

SERVICE = rating_pb2.DESCRIPTOR.services_by_name["RatingService"].full_name

_STATUSES: Statuses = (
    (StorageError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DataError, grpc.StatusCode.FAILED_PRECONDITION),
    *STATUSES,
)
"""A log that cannot be written or read is no fault of who sends ratings."""


class RatingServicer:
    """`reelrecs.v1.RatingService` over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def warm_up(self) -> None:
        """Compile what merges ratings, with one that is kept nowhere."""
        store = self._engine.store
        first = np.zeros(1, np.int32)
        with_events(
            store,
            Events(
                np.ones(1, np.int64),
                np.full(1, Kind.RATING, np.int8),
                store.user_ids.of_rows(first).column(),
                store.movie_ids.of_rows(store.by_user.movies[:1]).column(),
                np.full(1, store.file_scale[1], np.float32),
                np.full(1, store.latest_timestamp, np.int64),
            ),
        )

    def append(self, request: Any, call: Call | None = None) -> Any:
        """Keep some ratings."""
        if not request.ratings:
            raise InvalidRequest("no ratings were sent: send one or more")
        count = self._kept(request.ratings)
        known = len(request.ratings) - count
        return rating_pb2.AppendResponse(appended=count, known=known)

    def append_many(self, messages: Iterable[Any], call: Call | None = None) -> Any:
        """Keep ratings as they are sent, all that have come by the time the disk is free.

        A stream waits for its messages without a place among the calls that work.
        """
        call = call or Call()
        count = sent = 0
        self._require_log()
        with contextlib.closing(waiting(messages, config.STREAM_AHEAD)) as groups:
            for group in groups:
                ratings = [rating for message in group for rating in message.ratings]
                sent += len(ratings)
                with call.turn():
                    count += self._kept(ratings)
        return rating_pb2.AppendManyResponse(appended=count, known=sent - count)

    def _kept(self, ratings: Iterable[Any]) -> int:
        self._require_log()
        return self._engine.append_many(
            [
                Rating(
                    _named(one, "user"),
                    _named(one, "movie"),
                    one.rating,
                    one.time if one.HasField("time") else None,
                    one.key or None,
                )
                for one in ratings
            ]
        )

    def forget(self, request: Any, call: Call | None = None) -> Any:
        """Forget what a user rated."""
        self._require_log()
        movie = None if request.WhichOneof("movie") is None else _named(request, "movie")
        self._engine.forget(_named(request, "user"), movie)
        return rating_pb2.ForgetResponse()

    def _require_log(self) -> None:
        if not self._engine.has_log:
            raise DataError("this service has no log of ratings: serve a folder, zip or store")


def rating_service(engine: Engine, limits: Limits | None = None) -> Service:
    """The service, for `reelrecs.scorer.server.start`; the engine must outlive the server."""
    servicer, pb = RatingServicer(engine), rating_pb2
    check = (limits or Limits()).check_ratings
    methods = {
        "Append": Method(
            pb.AppendRequest, servicer.append, _STATUSES, _ratings_of(pb.AppendRequest, check)
        ),
        "AppendMany": Method(
            pb.AppendManyRequest,
            servicer.append_many,
            _STATUSES,
            _ratings_of(pb.AppendManyRequest, check),
            stream=True,
        ),
        "Forget": Method(pb.ForgetRequest, servicer.forget, _STATUSES),
    }
    return Service(SERVICE, methods, servicer.warm_up)


def _ratings_of(request: Any, check: Callable[[int], None]) -> Bound:
    return Bound(request.DESCRIPTOR.fields_by_name["ratings"].number, check)


def _named(message: Any, what: str) -> Id:
    """The user or movie that a message names; raises InvalidRequest where it names none."""
    field = message.WhichOneof(what)
    if field is None:
        raise InvalidRequest(f"a rating names no {what}: give {what}_id or {what}_id_text")
    named: Id = getattr(message, field)
    return named
