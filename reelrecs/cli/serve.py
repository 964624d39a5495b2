"""`serve`: the engine as a service."""

from __future__ import annotations

import contextlib
import logging
import signal
from types import FrameType
from typing import NoReturn

import click

from reelrecs import config
from reelrecs.cli.every import Every
from reelrecs.cli.options import COMPILING, Settings
from reelrecs.cli.output import note, progress_line

log = logging.getLogger(__name__)

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What service managers and closing terminals send; Ctrl-C is another thing, with exit code 130."""


@click.command()
@click.option("--address", default=config.SERVE_ADDRESS, show_default=True, help="Where to listen.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=config.SERVICE_WORKERS,
    show_default=True,
    help="Requests at once.",
)
@click.option(
    "--compact-every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Write what has arrived into the store so often, beside the service [default: never].",
)
@click.pass_obj
def serve(settings: Settings, address: str, workers: int, compact_every: float | None) -> None:
    """Serve until interrupted: the scorer, MLScorer, Recommend, health and reflection.

    Health says SERVING once requests of every kind have been answered. At SIGTERM and SIGHUP no
    more requests are taken, those under way are answered, and the exit code is 0.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # which is what nohup asks for
            signal.signal(number, _end)
    with contextlib.ExitStack() as running:
        with progress_line():
            engine = running.enter_context(settings.open_engine())
            from reelrecs.rating_service import rating_service
            from reelrecs.recommendation_service import recommendation_service
            from reelrecs.scorer.server import start
            from reelrecs.scorer.service import scorer_services

            services = [
                *scorer_services(lambda: engine.model, engine.features_for, engine.one_moment),
                recommendation_service(engine),
                rating_service(engine),
            ]
            log.info(COMPILING)
            server = start(services, address, workers)
            running.callback(server.drain)
            if compact_every is not None:
                named = () if settings.data_dir is None else ("--data-dir", settings.data_dir)
                running.callback(Every(compact_every, (*named, "compact")).end)
        name, profile = engine.store.name, engine.profile.name
        note(f"ready: scoring {name} ({profile}) on {server.address}; stop with Ctrl-C")
        server.wait()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as at Ctrl-C, but to exit code 0; whoever asks twice is not heard again."""
    for one in ENDING:
        signal.signal(one, signal.SIG_IGN)
    raise SystemExit(0)
