"""`benchmark`: what a request costs."""

from __future__ import annotations

import logging
from typing import Any

import click

from reelrecs import config
from reelrecs.cli.options import COMPILING, Settings, format_option, limit_option, scorer_option
from reelrecs.cli.output import print_rows, progress_line

log = logging.getLogger(__name__)


@click.command()
@click.option("--requests", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--concurrent",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    help="Requests under way at once.",
)
@limit_option
@scorer_option(config.LOCAL_SCORER)
@format_option
@click.pass_obj
def benchmark(
    settings: Settings, requests: int, concurrent: int, limit: int, scorer: str, format_: str
) -> None:
    """Ask for many users' lists and print latency percentiles and throughput.

    Users are drawn with a fixed seed, so two runs ask for the same lists.
    """
    with progress_line(), settings.open_engine(scorer) as engine:
        from reelrecs.bench.load_test import run_load

        log.info(COMPILING)
        engine.recommend(engine.store.user_ids[0], limit)
        log.info(f"sending {requests:,} requests")
        load = run_load(engine, requests, concurrent, limit)
    rows: list[list[Any]] = [[name, value] for name, value in load.to_dict().items()]
    print_rows(format_, ("figure", "value"), rows, load.to_dict())
