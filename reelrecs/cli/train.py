"""`train`: make the model of a data set and keep it."""

from __future__ import annotations

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, print_lines, progress_line


@click.command()
@click.pass_obj
def train(settings: Settings) -> None:
    """Train on the data set and write its model to --models-dir; the last one stays until then."""
    with progress_line():
        from reelrecs.engine import train_model

        path, model = train_model(settings.data_dir, settings.models_dir)
    note(f"trained on {model.store.name} ({model.store.rating_count:,} ratings)")
    print_lines([str(path)])
