"""One process that answers over HTTP: the live engine behind uvicorn."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from reelrecs.errors import InvalidRequest
from reelrecs.scorer import address as addresses
from reelrecs.scorer.calls import Observer
from reelrecs.scorer.metrics import Exposition, Metrics
from reelrecs.scorer.request_log import RequestLog
from reelrecs.scorer.security import is_private, socket_mode
from reelrecs.scorer.tokens import VARIABLE
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.serving.options import ServeOptions


class WebHost:
    """A server that is ready to run."""

    def __init__(
        self,
        live: LiveEngine,
        server: Any,
        listening: socket.socket,
        url: str,
        leaving: threading.Event,
        notice: float,
    ) -> None:
        self.live = live
        self._leaving = leaving
        self._notice = notice
        self.url = url
        self.metrics_address: str | None = None
        self._server = server
        self._listening = listening

    @property
    def what(self) -> str:
        """What is served, for people."""
        engine = self.live.engine
        return f"{engine.store.name} ({engine.profile.name})"

    def run(self) -> None:
        """Answer until SIGTERM or Ctrl-C, and finish what is under way.

        At SIGTERM health says so, and requests are taken for the notice's seconds more.
        """
        end = self._server.handle_exit

        def told(number: int, frame: FrameType | None) -> None:
            if number != signal.SIGTERM:
                end(number, frame)
            elif not self._leaving.is_set():
                self._leaving.set()
                later = threading.Timer(self._notice, end, (number, frame))
                later.daemon = True
                later.start()

        self._server.handle_exit = told
        self._server.run(sockets=[self._listening])


@contextlib.contextmanager
def web_hosted(options: ServeOptions, write: Callable[[str], None]) -> Iterator[WebHost]:
    """Open and warm up what answers; raises as `serving.host.hosted` does."""
    uvicorn = _uvicorn()
    from reelrecs.web.app import application

    with contextlib.ExitStack() as running:
        security = options.security(os.environ.get(VARIABLE))
        observers: list[Observer] = []
        if options.request_log:
            observers.append(running.enter_context(RequestLog(write)))
        listening, url = _listen(options)
        running.callback(_leave, listening, options.address)
        metrics = Metrics() if options.metrics_port is not None else None
        if metrics is not None:
            observers.append(metrics)
        live = running.enter_context(options.live())
        _warm_up(live.engine)
        trial = running.enter_context(options.trial() or contextlib.nullcontext())
        leaving = threading.Event()
        local = is_private(options.address)
        app = application(live, options.limits, security.tokens, observers, local, trial, leaving)
        configuration = _configuration(uvicorn, app, options)
        configuration.load()
        server = uvicorn.Server(configuration)
        looks = [security.tokens.refresh]
        if options.certificates is not None:
            looks.append(options.certificates.refreshing(configuration.ssl))

        def adopt(engine: Any) -> None:
            if trial is not None:
                trial.renew()
            _warm_up(engine)

        def look() -> None:
            for one in looks:
                one()

        live.watch(adopt, look)
        host = WebHost(live, server, listening, url, leaving, options.drain_notice)
        if metrics is not None:
            shown = Exposition.of_process(
                options.metrics_port or 0, metrics, live.facts, options.metrics_host
            )
            running.callback(shown.close)
            host.metrics_address = shown.address
        yield host


def _uvicorn() -> Any:
    try:
        import jinja2  # noqa: F401 (all three are needed)
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise InvalidRequest(
            "web needs starlette, uvicorn and jinja2: pip install 'reelrecs[web]'"
        ) from error
    return uvicorn


def _configuration(uvicorn: Any, app: Any, options: ServeOptions) -> Any:
    import ssl

    limits, told = options.limits, options.certificates
    tls: dict[str, Any] = {}
    if told is not None:
        told.credentials()  # says what is wrong with the files
        tls = {"ssl_certfile": str(told.certificate), "ssl_keyfile": str(told.key)}
        if told.client_authority is not None:
            tls["ssl_ca_certs"] = str(told.client_authority)
            tls["ssl_cert_reqs"] = ssl.CERT_REQUIRED
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=limits.connections,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=int(options.drain_grace),
        **tls,
    )


def _listen(options: ServeOptions) -> tuple[socket.socket, str]:
    """A socket that listens, and its address for people; raises AddressError."""
    address = addresses.checked(options.address, lowest_port=0)
    addresses.ensure_available(address)
    try:
        if address.startswith(addresses.UNIX):
            listening = socket.socket(socket.AF_UNIX)
            with socket_mode(options.socket_mode):
                listening.bind(address.removeprefix(addresses.UNIX))
            listening.listen(socket.SOMAXCONN)
            return listening, address
        host, _, port = address.rpartition(":")
        name = host.strip("[]")
        family = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((name, int(port)), family=family)
    except OSError as error:
        raise addresses.address_error(address, error) from error
    scheme = "http" if options.certificates is None else "https"
    return listening, f"{scheme}://{host}:{listening.getsockname()[1]}/"


def _leave(listening: socket.socket, address: str) -> None:
    listening.close()
    if address.startswith(addresses.UNIX):
        Path(address.removeprefix(addresses.UNIX)).unlink(missing_ok=True)


def _warm_up(engine: Any) -> None:
    """Make lists of every kind, so that nobody waits for a kernel."""
    from reelrecs.recommendation_service import recommendation_service

    recommendation_service(engine).warm_up()
    movie = engine.store.movie_ids[0]
    engine.similar(movie, 1)
    engine.user(engine.store.user_ids[0])
    engine.search("a", 1)
