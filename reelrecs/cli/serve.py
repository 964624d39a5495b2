"""`serve`: the engine as a service."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from reelrecs import config
from reelrecs.cli.every import Every
from reelrecs.cli.options import COMPILING, Settings
from reelrecs.cli.output import listen, log_line, note, progress_line
from reelrecs.cli.serve_options import (
    chosen,
    drain_options,
    limit_options,
    list_options,
    log_options,
    security_options,
)
from reelrecs.errors import ReelRecsError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from reelrecs.serving.host import Host
    from reelrecs.serving.options import ServeOptions

log = logging.getLogger(__name__)

ENDING, AGAIN = ("SIGTERM",), "SIGHUP"
"""What service managers send to end a service, and to have it read its files anew; a closing
terminal sends the second, too. Ctrl-C is another thing, with exit code 130."""


@click.command()
@click.option("--address", default=config.SERVE_ADDRESS, show_default=True, help="Where to listen.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that share the port; one that dies is started again.",
)
@limit_options
@security_options
@log_options
@drain_options
@list_options
@click.option(
    "--compact-every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Write what has arrived into the store so often, beside the service [default: never].",
)
@click.option(
    "--train-every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Train so often beside the service, and serve by the new model unless it is worse.",
)
@click.pass_context
def serve(
    context: click.Context,
    /,
    address: str,
    workers: int,
    compact_every: float | None,
    train_every: float | None,
    **given: Any,
) -> None:
    """Serve until interrupted: the scorer, MLScorer, Recommend, ratings, health and reflection.

    Health says SERVING once requests of every kind have been answered. Data and models that change
    on disk are taken without dropping a call, at SIGHUP at once; one that cannot be used is refused
    and the old one serves on. At SIGTERM health says NOT_SERVING, calls are taken for a moment
    longer, those under way are answered, and the exit code is 0.
    """
    settings: Settings = context.obj
    options = chosen(settings, address, given)
    told_to = Signals()
    with progress_line():
        from reelrecs.scorer.tokens import VARIABLE

        security = options.security(os.environ.get(VARIABLE))
    for warning in security.warnings(address):
        log.warning(warning)
    with contextlib.ExitStack() as beside:
        named = () if settings.data_dir is None else ("--data-dir", settings.data_dir)
        named = (*named, "--models-dir", settings.models_dir)
        if compact_every is not None:
            beside.callback(Every(compact_every, (*named, "compact"), "compact").end)
        if train_every is not None:
            words = (*named, "train", "--if-better")
            beside.callback(Every(60 * train_every, words, "train", telling=True).end)
        if workers > 1:
            _serve_by_workers(options, workers, told_to)
        else:
            _serve_here(options, told_to, _say_ready)


class Signals:
    """SIGTERM unwinds as Ctrl-C does, but to exit code 0; SIGHUP calls what `again` is set to.

    Where stderr is a terminal, SIGHUP says that it was closed, and ends the service, too. Under
    nohup it is not heard.
    """

    def __init__(self) -> None:
        self.again: Callable[[], None] = lambda: None
        for name in (*ENDING, AGAIN):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                terminal = sys.stderr is not None and sys.stderr.isatty()
                heard = self._again if name == AGAIN and not terminal else self._end
                signal.signal(number, heard)

    def _again(self, _number: int, _frame: FrameType | None) -> None:
        self.again()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        """Whoever asks twice is not heard again."""
        for name in (*ENDING, AGAIN):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        raise SystemExit(0)


def _say_ready(host: Host) -> None:
    note(f"ready: scoring {host.what} on {host.server.address}; stop with Ctrl-C")
    if host.metrics_address is not None:
        note(f"metrics at http://{host.metrics_address}/metrics")


def _serve_here(
    options: ServeOptions,
    told_to: Signals,
    ready: Callable[[Host], None],
    looked: Callable[[Host], None] = lambda _: None,
    worker: bool = False,
) -> None:
    from reelrecs.serving.host import hosted

    with contextlib.ExitStack() as running:
        with progress_line() if not worker else contextlib.nullcontext():
            log.info(COMPILING)
            host = running.enter_context(hosted(options, log_line, looked, worker=worker))
        with drained(host, options):
            told_to.again = host.live.ask
            ready(host)
            host.server.wait()


@contextlib.contextmanager
def drained(host: Host, options: ServeOptions) -> Iterator[None]:
    """When the block is left, finish what is under way; Ctrl-C does not wait for health's sake."""
    try:
        yield
    except KeyboardInterrupt:
        host.server.drain(0.0, options.drain_grace)
        raise
    except SystemExit:
        host.server.drain(options.drain_notice, options.drain_grace)
        raise


def _serve_by_workers(options: ServeOptions, count: int, told_to: Signals) -> None:
    from reelrecs.serving.workers import Workers

    workers = Workers(options, count, run_worker)
    try:
        told_to.again = lambda: workers.tell(signal.SIGHUP)
        with progress_line():
            log.info(COMPILING)
            what = workers.start()
        note(f"ready: scoring {what} on {workers.address}; {count} workers; stop with Ctrl-C")
        if workers.metrics_address is not None:
            note(f"metrics at http://{workers.metrics_address}/metrics")
        workers.watch()
    finally:
        workers.close()


def run_worker(options: ServeOptions, pipe: Connection) -> None:
    """Serve as one of several processes; ends when the pipe does."""
    from reelrecs.kernels.pool import ThreadBudget
    from reelrecs.serving.workers import orphaned

    listen()
    told_to = Signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is sent to all; the first process drains
    said = threading.Lock()

    def tell(host: Host) -> None:
        with said, contextlib.suppress(OSError):
            pipe.send((host.what, host.facts()))

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.ExitStack() as running:
        if options.threads is not None:
            running.enter_context(ThreadBudget(options.threads).active())
        running.enter_context(orphaned(pipe, end))
        try:
            _serve_here(options, told_to, tell, tell, worker=True)
        except ReelRecsError as error:
            with said, contextlib.suppress(OSError):
                pipe.send(error)
