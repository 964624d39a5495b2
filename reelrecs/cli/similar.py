"""`similar`: movies that people who like one like too."""

from __future__ import annotations

import logging

import click

from reelrecs.cli.options import COMPILING, Settings, format_option, limit_option
from reelrecs.cli.output import note, print_rows, progress_line
from reelrecs.errors import InvalidRequest

log = logging.getLogger(__name__)

COLUMNS = (
    "rank",
    "movie_id",
    "title",
    "year",
    "score",
    "common_likers",
    "share",
    "by_chance",
    "shared_genres",
    "years_apart",
)


@click.command()
@click.option("--movie-id", metavar="ID", help="A movie, as the data says it.")
@click.option("--title", help="Its title, or part of it.")
@limit_option
@format_option
@click.pass_obj
def similar(
    settings: Settings, movie_id: str | None, title: str | None, limit: int, format_: str
) -> None:
    """Print the movies nearest to one, best first, and the case for each.

    Near is what the same people like more than chance would have it: common_likers like both, a
    share of those who like the movie asked for. Where likes are few, genres and year decide.
    """
    if (movie_id is None) == (title is None):
        raise InvalidRequest("give either --movie-id ID or --title T")
    with progress_line(), settings.open_engine() as engine:
        log.info(COMPILING)
        if movie_id is None:
            from reelrecs.histories import TitleFinder

            row, doubt = TitleFinder(engine.store).find(title or "")
            if doubt:
                log.warning(doubt)
            found = engine.similar(engine.store.movie_ids[row], limit)
        else:
            found = engine.similar(movie_id, limit)
    asked = found.movie
    year = f" ({asked.year})" if asked.year else ""
    note(f"like {asked.title}{year}, movie {asked.movie_id}, which {found.likers:,} users like")
    rows = [
        [
            item.rank,
            item.movie.movie_id,
            item.movie.title,
            item.movie.year,
            item.score,
            item.common_likers,
            item.share,
            item.by_chance,
            "|".join(item.shared_genres),
            item.years_apart,
        ]
        for item in found.items
    ]
    print_rows(format_, COLUMNS, rows, found.to_dict())
