"""A gRPC server around servicers: start, warm up, health, reflection, statuses, stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from reelrecs import config
from reelrecs.errors import AddressError, ModelError, NotFound, ReelRecsError, one_line
from reelrecs.kernels import pool
from reelrecs.scorer import address as addresses
from reelrecs.scorer.lifetime import Closing

T = TypeVar("T")

log = logging.getLogger(__name__)

Statuses = Sequence[tuple[type[ReelRecsError], grpc.StatusCode]]

STATUSES: Statuses = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (ModelError, grpc.StatusCode.FAILED_PRECONDITION),
    (ReelRecsError, grpc.StatusCode.INVALID_ARGUMENT),
)
"""What an error says to a client."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Service(NamedTuple):
    """A gRPC service that a server can offer."""

    name: str  # full, such as "reelrecs.v1.ScorerService"
    add_to: Callable[[Any], None]
    warm_up: Callable[[], None]  # does what its requests make it do, so that none waits for it


class RunningServer(Closing):
    """A server that listens; leaving the `with` block stops it."""

    def __init__(self, server: Any, address: str, health_servicer: Any) -> None:
        self._server = server
        self._health = health_servicer
        self.address = address
        """Where it listens, with the port it was given when it asked for port 0."""

    def wait(self) -> None:
        """Return when the server has stopped."""
        self._server.wait_for_termination()

    def drain(self) -> None:
        """Say NOT_SERVING and serve on for a moment; then refuse, finish what is begun, and stop.

        gRPC cancels what has arrived and is not begun when it is told to stop, and who watches
        health needs time to turn elsewhere.
        """
        self._health.enter_graceful_shutdown()
        time.sleep(config.DRAINING_NOTICE)
        self.close(config.DRAINING_GRACE)

    def close(self, grace: float = config.CLOSING_GRACE) -> None:
        """Refuse new requests at once, wait for running ones and end them after `grace` seconds."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()


def start(
    services: Sequence[Service],
    address: str = config.SERVE_ADDRESS,
    workers: int = config.SERVICE_WORKERS,
) -> RunningServer:
    """Offer the services, health and reflection at `host:port` (0: any port) or `unix:/path`.

    Returns when every service has warmed up; health says SERVING from then on and NOT_SERVING
    before. Raises AddressError where nothing can listen, such as a port in use.
    """
    addresses.ensure_available(addresses.checked(address, lowest_port=0))
    server = grpc.server(
        ThreadPoolExecutor(
            workers, thread_name_prefix="reelrecs-scorer", initializer=pool.current().adopt
        ),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", config.MESSAGE_BYTES),
            ("grpc.max_send_message_length", config.MESSAGE_BYTES),
        ],
    )
    health_servicer = health.HealthServicer()
    names = ["", *(service.name for service in services)]
    for service in services:
        service.add_to(server)
    for name in names:
        health_servicer.set(name, _NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection(
        (*names[1:], health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressError(f"cannot listen at {address}: choose another --address") from error
    if not address.startswith(addresses.UNIX):
        address = f"{address.rsplit(':', 1)[0]}:{port}"
    running = RunningServer(server, address, health_servicer)
    server.start()
    try:
        for service in services:
            service.warm_up()
    except BaseException:
        running.close(grace=0)
        raise
    for name in names:
        health_servicer.set(name, _SERVING)
    return running


def handle_rpc(
    context: grpc.ServicerContext, work: Callable[[], T], statuses: Statuses = STATUSES
) -> T:
    """Do the work or end the call with the first of the statuses that fits its error."""
    try:
        return work()
    except ReelRecsError as error:
        status = next(status for kind, status in statuses if isinstance(error, kind))
        line = one_line(str(error))
    except Exception:
        log.exception("a request failed")
        status, line = grpc.StatusCode.INTERNAL, "a fault of the service: see its log"
    context.abort(status, line)
    raise AssertionError("abort always raises")
