"""Metrics for Prometheus: the standard `grpc_server_*` names, stages, and the state of the process.

Needs the extra `metrics`. Several worker processes write to files of one folder, which the process
that started them reads (`prometheus_client`'s own way).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reelrecs import config
from reelrecs.errors import AddressError, InvalidRequest
from reelrecs.scorer.calls import Call

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of the folder through which worker processes share their counts."""

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from a list in a millisecond to the longest call."""


def client() -> Any:
    """The package; raises InvalidRequest where it is not installed."""
    try:
        import prometheus_client
        import prometheus_client.metrics_core
        import prometheus_client.multiprocess
    except ImportError as error:
        raise InvalidRequest(
            "--metrics-port needs prometheus_client: pip install 'reelrecs[metrics]'"
        ) from error
    return prometheus_client


class Facts(NamedTuple):
    """What is told of a process beside its calls."""

    model_written: float | None  # seconds since 1970, None for fixed weights
    data_until: float  # newest rating, in seconds since 1970
    taken: int = 0  # data or models taken while serving
    refused: int = 0  # those that were refused
    cache_hits: int = 0  # lists that were kept, since data and model were last taken
    cache_misses: int = 0  # and those that had to be made
    waiting: int = 0  # calls that wait for their turn


class FactsCollector:
    """Shows facts of one or several processes, asked for whenever metrics are read."""

    def __init__(self, facts: Callable[[], Mapping[str, tuple[int, Facts]]]) -> None:
        self._facts = facts  # by name of worker: process id and facts
        self.restarts = 0
        self._family = client().metrics_core.GaugeMetricFamily

    def collect(self) -> Iterator[Any]:
        """Called by prometheus_client."""
        now = time.time()
        told: dict[str, tuple[str, Callable[[int, Facts], float]]] = {
            "reelrecs_queue_length": (
                "Calls that wait for their turn.", lambda _, facts: facts.waiting
            ),
            "reelrecs_model_age_seconds": (
                "Seconds since the model was written; -1 for fixed weights.",
                lambda _, facts: -1.0 if facts.model_written is None else now - facts.model_written,
            ),
            "reelrecs_data_age_seconds": (
                "Seconds since the newest rating.", lambda _, facts: now - facts.data_until
            ),
            "reelrecs_reloads": (
                "Data or models taken while serving.", lambda _, facts: facts.taken
            ),
            "reelrecs_reloads_refused": (
                "Data or models that were refused.", lambda _, facts: facts.refused
            ),
            "reelrecs_cache_hits": (
                "Lists that were kept, since data and model were taken.",
                lambda _, facts: facts.cache_hits,
            ),
            "reelrecs_cache_misses": (
                "Lists that had to be made meanwhile.", lambda _, facts: facts.cache_misses
            ),
            "reelrecs_resident_memory_bytes": (
                "Memory of the process.", lambda process, _: resident_bytes(process)
            ),
        }  # fmt: skip
        known = self._facts()
        for name, (help_, value) in told.items():
            family = self._family(name, help_, labels=["worker"])
            for worker, (process, facts) in known.items():
                family.add_metric([worker], value(process, facts))
            yield family
        yield self._family("reelrecs_workers", "Processes that serve.", value=len(known))
        yield self._family(
            "reelrecs_worker_restarts", "Processes that died and were restarted.", self.restarts
        )


class Metrics:
    """Counts every call; an observer of the server."""

    def __init__(self) -> None:
        self._client = client()
        self.registry = self._client.CollectorRegistry()
        made = {"registry": self.registry}
        names = ["grpc_type", "grpc_service", "grpc_method"]
        counter, histogram = self._client.Counter, self._client.Histogram
        self._started = counter("grpc_server_started_total", "Calls that arrived.", names, **made)
        self._handled = counter(
            "grpc_server_handled_total", "Calls that ended.", [*names, "grpc_code"], **made
        )
        self._seconds = histogram(
            "grpc_server_handling_seconds", "Seconds of calls, waiting included.", names,
            buckets=BUCKETS, **made,
        )  # fmt: skip
        self._stages = histogram(
            "reelrecs_stage_seconds", "Seconds by stage of a list.", ["stage"],
            buckets=BUCKETS, **made,
        )  # fmt: skip
        self._users = counter("reelrecs_users_total", "Users asked for.", names, **made)
        self._in_flight = self._client.Gauge(
            "reelrecs_in_flight", "Calls that are open.", multiprocess_mode="livesum", **made
        )

    def began(self, method: str) -> None:
        """A call has arrived."""
        self._started.labels(*_names(method)).inc()
        self._in_flight.inc()

    def ended(self, call: Call) -> None:
        """It has ended."""
        names = _names(call.method)
        self._in_flight.dec()
        self._handled.labels(*names, _code(call.status.name)).inc()
        self._seconds.labels(*names).observe(call.seconds)
        self._users.labels(*names).inc(call.users)
        for stage, seconds in call.stages.items():
            self._stages.labels(stage).observe(seconds)


class Exposition:
    """The port at which metrics can be read."""

    def __init__(self, port: int, registry: Any, host: str = config.METRICS_HOST) -> None:
        try:
            self._server, self._thread = client().start_http_server(
                port, addr=host, registry=registry
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AddressError(
                f"cannot show metrics at {host}:{port}: {reason}; choose another --metrics-port"
            ) from error
        self.address = f"{host}:{self._server.server_port}"

    @classmethod
    def of_process(
        cls, port: int, metrics: Metrics, facts: Callable[[], Facts], host: str
    ) -> Exposition:
        """Show the metrics and facts of this process."""
        collector: Any = FactsCollector(lambda: {"0": (os.getpid(), facts())})
        metrics.registry.register(collector)
        return cls(port, metrics.registry, host)

    def close(self) -> None:
        """Show them no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def shared_registry(folder: Path) -> Any:
    """The counts of all worker processes that share a folder."""
    package = client()
    registry = package.CollectorRegistry()
    package.multiprocess.MultiProcessCollector(registry, path=str(folder))
    return registry


def resident_bytes(process: int) -> float:
    """Memory of a process; 0 where the system has no /proc."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _names(method: str) -> tuple[str, str, str]:
    service, _, name = method.lstrip("/").partition("/")
    return "unary", service, name


def _code(name: str) -> str:
    """The code as Prometheus's gRPC libraries have it: OK, InvalidArgument."""
    return name if name == "OK" else name.title().replace("_", "")
