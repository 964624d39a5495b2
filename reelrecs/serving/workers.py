"""Several processes that serve at one port, started again when they die.

The kernel deals connections out among them (SO_REUSEPORT). They map the same store and model, and
each takes changes by itself. Who starts them serves nothing, so that it has nothing to die of.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from reelrecs import config
from reelrecs.errors import AddressError, InvalidRequest, ReelRecsError, StageError
from reelrecs.scorer import address as addresses
from reelrecs.scorer.metrics import FOLDER, Exposition, Facts, FactsCollector, client
from reelrecs.scorer.metrics import shared_registry as registry_of
from reelrecs.serving.options import ServeOptions

log = logging.getLogger(__name__)

Run = Callable[[ServeOptions, Connection], None]
"""What a worker process does, told by its end of a pipe when who started it is gone."""


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    begun: float  # on the monotonic clock
    what: str = ""  # is served, once it is ready
    facts: Facts | None = None


class Workers:
    """So many worker processes; a context of its own that ends them."""

    def __init__(self, options: ServeOptions, count: int, run: Run) -> None:
        self._run = run
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[int, _Worker] = {}
        self._young_deaths = 0
        self._ending = False
        self._reserved = _reserved(options.address)
        self.address = _with_port(options.address, self._reserved)
        self._options = replace(options, address=self.address)
        self._folder: Path | None = None
        self._shown: Exposition | None = None
        self._collector: Any = None
        if options.metrics_port is not None:
            client()
            self._folder = Path(tempfile.mkdtemp(prefix="reelrecs-metrics-"))
            os.environ[FOLDER] = str(self._folder)
            registry = registry_of(self._folder)
            self._collector = FactsCollector(self._facts)
            registry.register(self._collector)
            self._shown = Exposition(options.metrics_port, registry, options.metrics_host)

    @property
    def metrics_address(self) -> str | None:
        """Where metrics are shown."""
        return None if self._shown is None else self._shown.address

    def start(self) -> str:
        """Start them all and wait until each is ready; what they serve.

        Raises what kept the first from it.
        """
        for index in range(self._count):
            self._begin(index)
        waiting = dict(self._workers)
        while waiting:
            for index, worker in list(waiting.items()):
                if self._heard(worker, config.RESTART_SECONDS[0]):
                    del waiting[index]
                elif not worker.process.is_alive():
                    raise StageError(
                        f"a worker process ended with code {worker.process.exitcode} before it "
                        "was ready: see what it said"
                    )
        return self._workers[0].what

    def watch(self) -> None:
        """Start again what dies, for ever."""
        while True:
            pipes = {worker.pipe: index for index, worker in self._workers.items()}
            for pipe in wait(list(pipes)):
                index = pipes[pipe]  # type: ignore[index]
                if not self._heard(self._workers[index], 0.0):
                    self._again(index)

    def tell(self, number: int) -> None:
        """Send all of them a signal."""
        for worker in list(self._workers.values()):
            with contextlib.suppress(ProcessLookupError):
                if worker.process.is_alive():
                    os.kill(worker.process.pid, number)

    def close(self) -> None:
        """Have them finish what they are at, and wait for it."""
        self._ending = True
        self.tell(signal.SIGTERM)
        longest = self._options.drain_notice + self._options.drain_grace + config.CLOSING_GRACE
        end = time.monotonic() + longest + config.CALL_SECONDS
        for worker in self._workers.values():
            worker.process.join(max(0.0, end - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        if self._reserved is not None:
            self._reserved.close()
        if self._shown is not None:
            self._shown.close()
        if self._folder is not None:
            os.environ.pop(FOLDER, None)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, index: int) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=self._run, args=(self._options, theirs), name=f"reelrecs-worker-{index}"
        )
        process.start()
        theirs.close()
        self._workers[index] = _Worker(process, ours, time.monotonic())

    def _heard(self, worker: _Worker, seconds: float) -> bool:
        """Take what the worker says; False where it says nothing, or nothing any more.

        Raises the error that it met with before it was ready.
        """
        try:
            if not worker.pipe.poll(seconds):
                return False
            said = worker.pipe.recv()
        except (EOFError, OSError):
            return False
        if isinstance(said, ReelRecsError):
            raise said
        worker.what, worker.facts = said
        return True

    def _again(self, index: int) -> None:
        dead = self._workers[index]
        dead.process.join()
        dead.pipe.close()
        young = time.monotonic() - dead.begun < config.WORKER_GROWN_SECONDS
        self._young_deaths = self._young_deaths + 1 if young else 0
        first, most = config.RESTART_SECONDS
        seconds = min(most, first * 2 ** max(0, self._young_deaths - 1))
        log.warning(
            f"worker {index} (process {dead.process.pid}) ended with code "
            f"{dead.process.exitcode}; another starts in {seconds:g} s"
        )
        if self._folder is not None:
            client().multiprocess.mark_process_dead(dead.process.pid, path=str(self._folder))
            self._collector.restarts += 1
        threading.Event().wait(seconds)
        self._begin(index)

    def _facts(self) -> dict[str, tuple[int, Facts]]:
        return {
            str(index): (worker.process.pid, worker.facts)
            for index, worker in self._workers.items()
            if worker.facts is not None
        }


def _reserved(address: str) -> socket.socket | None:
    """A socket that holds the port for the workers without listening; raises AddressError.

    Who listens there without sharing is found by a first look without sharing.
    """
    if address.startswith(addresses.UNIX):
        raise InvalidRequest("several workers share a port, not a unix socket: give HOST:PORT")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise InvalidRequest("this system shares no port among processes: leave --workers at 1")
    addresses.ensure_available(addresses.checked(address, lowest_port=0))
    host, port = address.rsplit(":", 1)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        holder = socket.socket(family, kind, protocol)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(place)
    except OSError as error:
        raise addresses.address_error(address, error) from error
    return holder


def _with_port(address: str, holder: socket.socket | None) -> str:
    if holder is None:
        raise AddressError(f"cannot listen at {address}: choose another --address")
    return f"{address.rsplit(':', 1)[0]}:{holder.getsockname()[1]}"


@contextlib.contextmanager
def orphaned(pipe: Connection, end: Callable[[], None]) -> Iterator[None]:
    """Call `end` when who holds the other end of the pipe is gone."""

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        end()

    threading.Thread(target=listen, name="reelrecs-parent", daemon=True).start()
    yield
