"""Ratings that arrive over gRPC, for the server that hosts the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import numpy as np

from reelrecs import config
from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest, StorageError
from reelrecs.proto import rating_pb2, rating_pb2_grpc
from reelrecs.ratings_log.events import Events, Kind
from reelrecs.ratings_log.group_commit import waiting
from reelrecs.scorer.server import STATUSES, Service, Statuses, handle_rpc
from reelrecs.store.incoming import Rating
from reelrecs.store.overlay import with_events

SERVICE = rating_pb2.DESCRIPTOR.services_by_name["RatingService"].full_name

_STATUSES: Statuses = (
    (StorageError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DataError, grpc.StatusCode.FAILED_PRECONDITION),
    *STATUSES,
)
"""A log that cannot be written or read is no fault of who sends ratings."""


class RatingServicer(rating_pb2_grpc.RatingServiceServicer):
    """`reelrecs.v1.RatingService` over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def Append(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Keep some ratings."""
        return handle_rpc(context, lambda: self._append(request), _STATUSES)

    def AppendMany(  # noqa: N802
        self, request_iterator: Iterator[Any], context: grpc.ServicerContext
    ) -> Any:
        """Keep ratings as they are sent, all that have come by the time the disk is free."""
        return handle_rpc(context, lambda: self._append_many(request_iterator), _STATUSES)

    def Forget(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Forget what a user rated."""
        return handle_rpc(context, lambda: self._forget(request), _STATUSES)

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

    def _append(self, request: Any) -> Any:
        if not request.ratings:
            raise InvalidRequest("no ratings were sent: send one or more")
        count = self._kept(request.ratings)
        known = len(request.ratings) - count
        return rating_pb2.AppendResponse(appended=count, known=known)

    def _append_many(self, messages: Iterable[Any]) -> Any:
        count = sent = 0
        self._require_log()
        for group in waiting(messages, config.LOG_GROUP):
            ratings = [rating for message in group for rating in message.ratings]
            sent += len(ratings)
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

    def _forget(self, request: Any) -> Any:
        self._require_log()
        movie = None if request.WhichOneof("movie") is None else _named(request, "movie")
        self._engine.forget(_named(request, "user"), movie)
        return rating_pb2.ForgetResponse()

    def _require_log(self) -> None:
        if not self._engine.has_log:
            raise DataError("this service has no log of ratings: serve a folder, zip or store")


def rating_service(engine: Engine) -> Service:
    """The service, for `reelrecs.scorer.server.start`; the engine must outlive the server."""
    servicer = RatingServicer(engine)
    add: Any = rating_pb2_grpc.add_RatingServiceServicer_to_server
    return Service(SERVICE, lambda server: add(servicer, server), servicer.warm_up)


def _named(message: Any, what: str) -> Id:
    """The user or movie that a message names; raises InvalidRequest where it names none."""
    field = message.WhichOneof(what)
    if field is None:
        raise InvalidRequest(f"a rating names no {what}: give {what}_id or {what}_id_text")
    named: Id = getattr(message, field)
    return named
