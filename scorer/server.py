"""A gRPC server around services: start, warm up, health, reflection, drain, stop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from reelrecs import config
from reelrecs.errors import AddressError
from reelrecs.scorer import address as addresses
from reelrecs.scorer.admission import ArrivalWatch
from reelrecs.scorer.call_threads import CallThreads
from reelrecs.scorer.calls import Observer
from reelrecs.scorer.dispatch import Dispatcher, Service
from reelrecs.scorer.health import Health, Reflection
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.security import Security, socket_mode


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What can be chosen about a server beside its address."""

    limits: Limits = field(default_factory=Limits)
    security: Security = field(default_factory=Security)
    observers: Sequence[Observer] = ()
    share_port: bool = False  # with other processes that listen there by this option, too


class RunningServer(Closing):
    """A server that listens; leaving the `with` block stops it."""

    def __init__(
        self, server: Any, address: str, health: Health, reflection: Reflection | None,
        dispatcher: Dispatcher, watch: ArrivalWatch, threads: CallThreads,
    ) -> None:  # fmt: skip
        self._server = server
        self._health = health
        self._reflection = reflection
        self._dispatcher = dispatcher
        self._watch = watch
        self._threads = threads
        self.address = address
        """Where it listens, with the port it was given when it asked for port 0."""

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return self._dispatcher.gate.waiting

    def wait(self) -> None:
        """Return when the server has stopped."""
        self._server.wait_for_termination()

    def serve(self, services: Sequence[Service]) -> None:
        """Answer by these services, warmed up first; what is under way ends as it began."""
        for service in services:
            service.warm_up()
        self._dispatcher.offer(services)
        self._dispatcher.ready = True
        self._health.say(serving=True)

    def drain(
        self, notice: float = config.DRAINING_NOTICE, grace: float = config.DRAINING_GRACE
    ) -> None:
        """Say NOT_SERVING and serve on for a moment; then refuse, finish what is begun, and stop.

        gRPC cancels what has arrived and is not begun when it is told to stop, and who watches
        health needs time to turn elsewhere.
        """
        self._health.leave()
        threading.Event().wait(notice)
        self.close(grace)

    def close(self, grace: float = config.CLOSING_GRACE) -> None:
        """Refuse new requests at once, wait for running ones and end them after `grace` seconds."""
        self._health.leave()
        self._server.stop(grace).wait()
        for part in (self._watch, self._dispatcher, self._health, self._reflection):
            if part is not None:
                part.close()
        self._threads.shutdown()


def start(
    services: Sequence[Service],
    address: str = config.SERVE_ADDRESS,
    options: ServerOptions | None = None,
) -> RunningServer:
    """Offer the services, health and reflection at `host:port` (0: any port) or `unix:/path`.

    Returns when every service has warmed up; health says SERVING from then on and NOT_SERVING
    before. Raises AddressError where nothing can listen, such as a port in use.
    """
    options = options or ServerOptions()
    addresses.checked(address, lowest_port=0)
    if not options.share_port:
        addresses.ensure_available(address)
    names = [service.name for service in services]
    watch = ArrivalWatch()
    dispatcher = Dispatcher(options.limits, options.security.tokens, options.observers, watch)
    dispatcher.offer(services)
    health = Health(names, watch)
    reflection = None
    if options.security.reflection:
        reflection = Reflection(names, options.security.tokens)
    threads = dispatcher.threads()
    server = grpc.server(threads, options=channel_arguments(options))
    parts = (dispatcher, health.handler(), *(() if reflection is None else (reflection.handler(),)))
    server.add_generic_rpc_handlers(parts)
    running = RunningServer(server, address, health, reflection, dispatcher, watch, threads)
    try:
        running.address = _listen(server, address, options.security)
        server.start()
        running.serve(services)
    except BaseException:
        running.close(grace=0)
        raise
    return running


def channel_arguments(options: ServerOptions) -> list[tuple[str, int]]:
    """What gRPC itself must know of the limits.

    A message up to twice too large is refused by us, who say what to do, and a larger one by gRPC.
    """
    limits = options.limits
    after, within = config.KEEPALIVE_SECONDS
    return [
        ("grpc.so_reuseport", int(options.share_port)),
        ("grpc.max_receive_message_length", 2 * limits.message_bytes),
        ("grpc.max_send_message_length", config.MESSAGE_BYTES),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.max_concurrent_streams", limits.open_calls + config.ARRIVING_CALLS),
        ("grpc.max_connection_idle_ms", int(limits.idle_seconds * 1000)),
        ("grpc.server_handshake_timeout_ms", int(limits.handshake_seconds * 1000)),
        ("grpc.keepalive_time_ms", int(after * 1000)),
        ("grpc.keepalive_timeout_ms", int(within * 1000)),
    ]


def _listen(server: Any, address: str, security: Security) -> str:
    """Bind the server; the address with its port. Raises AddressError."""
    is_socket = address.startswith(addresses.UNIX)
    try:
        if security.certificates is not None and not is_socket:
            port = server.add_secure_port(address, security.certificates.credentials())
        elif is_socket:
            with socket_mode(security.socket_mode):
                server.add_insecure_port(address)
            Path(address.removeprefix(addresses.UNIX)).chmod(security.socket_mode)
            return address
        else:
            port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressError(f"cannot listen at {address}: choose another --address") from error
    return f"{address.rsplit(':', 1)[0]}:{port}"
