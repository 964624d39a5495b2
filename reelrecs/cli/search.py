"""`search`: movies by title."""

from __future__ import annotations

import click

from reelrecs.cli.options import Settings, format_option, limit_option
from reelrecs.cli.output import print_rows, progress_line
from reelrecs.errors import NotFound


@click.command()
@click.option("--title", required=True, help="Part of a title; articles may stand either way.")
@limit_option
@format_option
@click.pass_obj
def search(settings: Settings, title: str, limit: int, format_: str) -> None:
    """Find movies by title, best match first, with their ids."""
    with progress_line(), settings.open_engine() as engine:
        movies = engine.search(title, limit)
    if not movies:
        raise NotFound(f"no title holds {title!r}: try fewer or other words")
    rows = [[movie.movie_id, movie.title, movie.year, "|".join(movie.genres)] for movie in movies]
    print_rows(
        format_,
        ("movie_id", "title", "year", "genres"),
        rows,
        {"movies": [movie.to_dict() for movie in movies]},
    )
