"""`compact`: the log's ratings into the store."""

from __future__ import annotations

from pathlib import Path

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, print_lines, progress_line


@click.command()
@click.pass_obj
def compact(settings: Settings) -> None:
    """Write a new store that holds the log's ratings, and put it in the old one's place.

    What is running reads on; whatever opens the data next starts faster. Prints the store's path.
    """
    with progress_line():
        from reelrecs.datasets import locate
        from reelrecs.store.cache import compact as compact_store

        named = settings.data_dir
        done = compact_store(locate(None if named is None else Path(named)))
    note(f"{done.events:,} records of the log went into a store of {done.ratings:,} ratings")
    print_lines([str(done.path)])
