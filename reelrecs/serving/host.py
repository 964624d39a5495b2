"""One process that serves: the live engine, its gRPC server, the log and the metrics."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.experiments.trial import Trial
from reelrecs.rating_service import rating_service
from reelrecs.recommendation_service import recommendation_service
from reelrecs.scorer.calls import Observer
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.metrics import Exposition, Facts, Metrics
from reelrecs.scorer.request_log import RequestLog
from reelrecs.scorer.server import RunningServer, ServerOptions, start
from reelrecs.scorer.service import scorer_services
from reelrecs.scorer.tokens import VARIABLE
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.serving.options import ServeOptions

Told = Callable[["Host"], None]


class Host:
    """A process that serves, once it is ready."""

    def __init__(self, live: LiveEngine, server: RunningServer) -> None:
        self.live = live
        self.server = server
        self.metrics_address: str | None = None

    @property
    def what(self) -> str:
        """What is served, for people: data and profile."""
        engine = self.live.engine
        return f"{engine.store.name} ({engine.profile.name})"

    def facts(self) -> Facts:
        """What metrics tell of it."""
        return self.live.facts()._replace(waiting=self.server.waiting)


@contextlib.contextmanager
def hosted(
    options: ServeOptions,
    write: Callable[[str], None],
    looked: Told,
    *,
    worker: bool = False,
) -> Iterator[Host]:
    """Serve in the block; afterwards at once nothing is left of it. Drain it before.

    `write` takes a line of the log of requests; `looked` is called whenever data and model have
    been looked at. A `worker` shares its port and leaves metrics to who started it.
    Raises AddressError, DataError, InvalidRequest, ModelError and StorageError.
    """
    with contextlib.ExitStack() as running:
        running.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(config.SWITCH_SECONDS)
        security = options.security(os.environ.get(VARIABLE))
        observers: list[Observer] = []
        if options.request_log:
            observers.append(running.enter_context(RequestLog(write)))
        metrics = Metrics() if options.metrics_port is not None else None
        if metrics is not None:
            observers.append(metrics)
        live = running.enter_context(options.live())
        trial = running.enter_context(options.trial() or contextlib.nullcontext())
        server = start(
            services_of(live.engine, options.limits, trial),
            options.address,
            ServerOptions(options.limits, security, observers, share_port=worker),
        )
        running.callback(server.close, 0)
        host = Host(live, server)
        if metrics is not None and not worker:
            shown = Exposition.of_process(
                options.metrics_port or 0, metrics, host.facts, options.metrics_host
            )
            running.callback(shown.close)
            host.metrics_address = shown.address

        def adopt(engine: Engine) -> None:
            if trial is not None:
                trial.renew()
            server.serve(services_of(engine, options.limits, trial))

        def look() -> None:
            looked(host)
            security.tokens.refresh()

        live.watch(adopt, look)
        yield host


def services_of(engine: Engine, limits: Limits, trial: Trial | None = None) -> list[Service]:
    """All that is served of an engine."""
    return [
        *scorer_services(lambda: engine.model, engine.features_for, engine.one_moment, limits),
        recommendation_service(engine, limits, trial),
        rating_service(engine, limits),
    ]
