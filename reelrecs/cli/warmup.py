"""`warmup`: ready ahead of time."""

from __future__ import annotations

import logging
import time

import click

from reelrecs.cli.options import COMPILING, Settings
from reelrecs.cli.output import note, progress_line

log = logging.getLogger(__name__)


@click.command()
@click.pass_obj
def warmup(settings: Settings) -> None:
    """Compile all kernels and build the store, so that the next command starts at once."""
    start = time.perf_counter()
    with progress_line(), settings.open_engine() as engine:
        log.info(COMPILING)
        from reelrecs.rating_service import rating_service
        from reelrecs.recommendation_service import recommendation_service
        from reelrecs.scorer.service import scorer_services

        for service in (
            *scorer_services(lambda: engine.model, engine.features_for, engine.one_moment),
            recommendation_service(engine),
            rating_service(engine),
        ):
            service.warm_up()
    note(f"ready in {time.perf_counter() - start:.1f} s")
