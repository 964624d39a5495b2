"""The scorer as a gRPC server: two services over one model, with reflection and health.

A request is answered whole or refused with a status and one line; a fault of the service is
INTERNAL and stands in its log, never in a score.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from reelrecs import config
from reelrecs.errors import AddressError, ModelError, NotFound, ReelRecsError
from reelrecs.proto import (
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.scorer import address as addresses
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import TREES
from reelrecs.scorer.user_knn import People, stored_person

T = TypeVar("T")

log = logging.getLogger(__name__)

SERVICES = (
    scorer_pb2.DESCRIPTOR.services_by_name["ScorerService"].full_name,
    recommendations_pb2.DESCRIPTOR.services_by_name["MLScorer"].full_name,
)


Statuses = Sequence[tuple[type[ReelRecsError], grpc.StatusCode]]

STATUSES: Statuses = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (ModelError, grpc.StatusCode.FAILED_PRECONDITION),
    (ReelRecsError, grpc.StatusCode.INVALID_ARGUMENT),
)
"""What an error says to a client."""


class Guest(NamedTuple):
    """A service of others on the same server."""

    name: str  # full, such as "reelrecs.v1.RecommendationService"
    add_to: Callable[[Any], None]


class ScorerServicer(scorer_pb2_grpc.ScorerServiceServicer):
    """`reelrecs.v1.ScorerService` over one model."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model
        self._version = metadata.version("reelrecs")

    def Score(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score candidates of one user or many."""
        return answer(context, lambda: self._score(request))

    def Describe(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Say which data and model answer."""
        return answer(context, self._describe)

    def _score(self, request: Any) -> Any:
        store = self._model.store
        if request.dataset_digest not in ("", store.digest):
            raise ModelError(
                f"this scorer serves {store.name} ({store.digest[:8]}), the request was made from "
                f"other data ({request.dataset_digest[:8]}): start it on the same data"
            )
        people, counts = wire.people_of(store, request.users)
        movies = wire.rows_of(store, request.movie_ids)
        features = wire.matrix_of(request.features)
        scores, terms = self._model.score_batch(people, counts, movies, features)
        return scorer_pb2.ScoreResponse(scores=scores.tolist(), terms=wire.matrix_message(terms))

    def _describe(self) -> Any:
        store, blend = self._model.store, self._model.blend
        terms = [scorer_pb2.Term(**term._asdict()) for term in blend.parameters]
        if blend.trees is not None:
            terms.append(scorer_pb2.Term(name=TREES, transform=TREES, scale=1.0, weight=1.0))
        return scorer_pb2.DescribeResponse(
            dataset=store.name,
            dataset_digest=store.digest,
            users=store.user_count,
            movies=store.movie_count_total,
            ratings=store.rating_count,
            profile=blend.profile,
            required_columns=blend.required_columns,
            terms=terms,
            version=self._version,
        )


class MLScorerServicer(recommendations_pb2_grpc.MLScorerServicer):
    """`recommendations.MLScorer` over the same model, for clients that exist already."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model

    def ScoreCandidates(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Score every candidate of one user."""
        return answer(context, lambda: self._score(request))

    def _score(self, request: Any) -> Any:
        store = self._model.store
        people = People.of([stored_person(store, store.user_row(request.user_id))])
        movies = wire.rows_of(store, [one.movie_id for one in request.features])
        matrix = wire.candidate_matrix(request.features)
        scores, _ = self._model.score_batch(people, [len(movies)], movies, matrix)
        return recommendations_pb2.ScoreResponse(scores=scores.tolist())


class RunningServer:
    """A server that listens; leaving the `with` block stops it."""

    def __init__(self, server: Any, address: str, health_servicer: Any) -> None:
        self._server = server
        self._health = health_servicer
        self.address = address
        """Where it listens, with the port it was given when it asked for port 0."""

    def wait(self) -> None:
        """Return when the server has stopped."""
        self._server.wait_for_termination()

    def stop(self, grace: float = config.CLOSING_GRACE) -> None:
        """Refuse new requests at once, wait for running ones and end them after `grace` seconds."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    model: ScoringModel,
    address: str = config.SERVE_ADDRESS,
    workers: int = config.SERVICE_WORKERS,
    guests: Sequence[Guest] = (),
) -> RunningServer:
    """Serve the model, and the guests beside it, at `host:port` (0: any port) or `unix:/path`.

    Raises AddressError where nothing can listen, such as a port in use.
    """
    addresses.free(addresses.checked(address, lowest_port=0))
    server = grpc.server(
        ThreadPoolExecutor(workers, thread_name_prefix="reelrecs-scorer"),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", config.MESSAGE_BYTES),
            ("grpc.max_send_message_length", config.MESSAGE_BYTES),
        ],
    )
    health_servicer = health.HealthServicer()
    add_scorer: Any = scorer_pb2_grpc.add_ScorerServiceServicer_to_server
    add_scorer(ScorerServicer(model), server)
    add_compatible: Any = recommendations_pb2_grpc.add_MLScorerServicer_to_server
    add_compatible(MLScorerServicer(model), server)
    for guest in guests:
        guest.add_to(server)
    services = (*SERVICES, *(guest.name for guest in guests))
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection(
        (*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressError(f"cannot listen at {address}: choose another --address") from error
    server.start()
    for service in ("", *services):
        health_servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
    if not address.startswith(addresses.UNIX):
        address = f"{address.rsplit(':', 1)[0]}:{port}"
    return RunningServer(server, address, health_servicer)


def answer(
    context: grpc.ServicerContext, work: Callable[[], T], statuses: Statuses = STATUSES
) -> T:
    """Do the work or end the call with the first of the statuses that fits its error."""
    try:
        return work()
    except ReelRecsError as error:
        status = next(status for kind, status in statuses if isinstance(error, kind))
        line = str(error)
    except Exception as error:
        log.exception("a request failed")
        status, line = grpc.StatusCode.INTERNAL, f"a fault of the service ({error!r}): see its log"
    context.abort(status, line)
    raise AssertionError("abort always raises")
