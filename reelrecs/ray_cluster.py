"""A Ray cluster that works on many parts: joined or started, asked, and left again.

Ray does the work of it: queues, workers that are started again, and no more answers at once than
its memory holds.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reelrecs import config
from reelrecs.errors import InvalidRequest, ScorerError, one_line

LOCAL = "local"
"""The address that means a cluster of this machine's own, made for one task."""


class RayCluster:
    """The cluster at an address; raises InvalidRequest where Ray is not installed.

    `cores` are those of a cluster of this machine's own.
    """

    def __init__(self, address: str, cores: int) -> None:
        self._ray, self._address, self._cores = _package(), address, cores

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Have the cluster until the block ends; one that this process has joined already is left.

        Raises ScorerError where it cannot be reached, or where Ray says so of a failed worker.
        """
        with self._connected(), _told(self._ray):
            yield

    def answers(
        self, parts: Sequence[Mapping[str, Any]], worker: type, given: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The rows that workers make of these parts, in order.

        `worker(**given)` is made once in each process, as many as there are cores at most, and is
        called with an Arrow table of one part.
        """
        data = self._ray.data
        workers = min(len(parts), max(int(self._ray.cluster_resources().get("CPU", 1)), 1))
        context = data.DataContext.get_current()
        context.execution_options.preserve_order, context.enable_progress_bars = True, False
        answers = data.from_items(list(parts), override_num_blocks=len(parts)).map_batches(
            worker,
            fn_constructor_kwargs=dict(given),
            batch_size=1,
            batch_format="pyarrow",
            compute=data.ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        _hush()
        rows: Iterator[dict[str, Any]] = answers.iter_rows()
        return rows

    @contextmanager
    def _connected(self) -> Iterator[None]:
        ray, address = self._ray, self._address
        if ray.is_initialized():
            yield
            return
        own = {"num_cpus": self._cores, "include_dashboard": False} if address == LOCAL else {}
        try:
            _require_listener(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            reason = one_line(str(error), 200)
            raise ScorerError(
                f"no Ray cluster at {address}: {reason}; start one, or say local"
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _package() -> Any:
    """The package, asked to send no statistics about its use to anybody and to say little."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InvalidRequest("--ray needs the package ray: pip install 'reelrecs[ray]'") from error
    return ray


def _hush() -> None:
    """Keep what Ray logs about a task in Ray's own files."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL + 1)


def _require_listener(address: str) -> None:
    """Raise OSError at once where HOST:PORT takes no calls: Ray itself would try for minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), config.RAY_CONNECT_SECONDS).close()


@contextmanager
def _told(ray: Any) -> Iterator[None]:
    """Turn what Ray says of a failed worker into one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        last = one_line(str(error).strip().splitlines()[-1], 300)
        raise ScorerError(f"a Ray worker failed: {last}; see the logs of Ray") from error
