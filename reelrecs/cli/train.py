"""`train`: make the model of a data set and keep it."""

from __future__ import annotations

from pathlib import Path

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, print_lines, progress_line


@click.command()
@click.option(
    "--if-better",
    is_flag=True,
    help="Train on all but the newest ratings, and keep the model in use if it finds these better.",
)
@click.pass_obj
def train(settings: Settings, /, if_better: bool) -> None:
    """Train on the data set and write its model to --models-dir; the last one stays until then."""
    if if_better:
        _train_if_better(settings)
        return
    with progress_line():
        from reelrecs.engine import train_model

        path, model = train_model(settings.data_dir, settings.models_dir)
    note(f"trained on {model.store.name} ({model.store.rating_count:,} ratings)")
    print_lines([str(path)])


def _train_if_better(settings: Settings) -> None:
    with progress_line():
        from reelrecs.datasets import locate
        from reelrecs.evaluation.newer_model import train_if_better
        from reelrecs.store.cache import open_live

        named = None if settings.data_dir is None else Path(settings.data_dir)
        done = train_if_better(open_live(locate(named)).now(), Path(settings.models_dir))
    note(done.said)
    if done.in_use:
        print_lines([str(done.path)])
