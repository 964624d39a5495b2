"""`user` and `search`: looking at what the data holds."""

from __future__ import annotations

from typing import Any

import click

from reelrecs.cli.options import Settings, format_option, limit_option, user_option
from reelrecs.cli.output import print_rows, progress_line
from reelrecs.errors import NotFound


@click.command()
@user_option
@format_option
@click.pass_obj
def user(settings: Settings, user_id: int, format_: str) -> None:
    """Print what the engine knows of a user: taste, era, peers, recent movies."""
    with progress_line() as report, settings.open_engine(report) as engine:
        profile = engine.user(user_id)
    facts: list[list[Any]] = [
        ["user_id", str(profile.user_id)],
        ["dataset", profile.dataset],
        ["ratings", str(profile.rating_count)],
        ["mean rating", f"{profile.mean_rating:.2f}"],
        ["liked movies", str(profile.liked_count)],
        ["similar users", str(profile.peer_count)],
        ["preferred era", str(profile.preferred_era or "unknown")],
        [
            "top genres",
            ", ".join(f"{name} {mean:.2f}" for name, mean in profile.top_genres.items()),
        ],
        *(["recent", f"{movie.title} ({movie.year})"] for movie in profile.recent),
    ]
    print_rows(format_, ("what", "value"), facts, profile.to_dict())


@click.command()
@click.option("--title", required=True, help="Part of a title; articles may stand either way.")
@limit_option
@format_option
@click.pass_obj
def search(settings: Settings, title: str, limit: int, format_: str) -> None:
    """Find movies by title, best match first, with their ids."""
    with progress_line() as report, settings.open_engine(report) as engine:
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
