"""`serve`: the engine as a service."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, progress_line


@click.command()
@click.option("--address", default="127.0.0.1:50051", show_default=True, help="Where to listen.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=4, show_default=True, help="Requests at once."
)
@click.pass_obj
def serve(settings: Settings, address: str, workers: int) -> None:
    """Serve until interrupted: the scorer, MLScorer, Recommend, health and reflection."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as running:
        with progress_line():
            engine = running.enter_context(settings.open_engine())
            from reelrecs.learning.model_folder import load_model
            from reelrecs.recommendation_service import recommendation_service
            from reelrecs.scorer.server import start
            from reelrecs.scorer.service import scorer_services

            model = load_model(engine.store, Path(settings.models_dir), settings.profile)
            services = [*scorer_services(model), recommendation_service(engine)]
            server = running.enter_context(start(services, address, workers))
        note(f"scoring {model.store.name} on {server.address}; stop with Ctrl-C")
        server.wait()
