"""`user`: what is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import Settings, format_option, user_option
from reelrecs.cli.output import print_rows, progress_line

if TYPE_CHECKING:
    from reelrecs.results import Movie


@click.command()
@user_option
@format_option
@click.pass_obj
def user(settings: Settings, user_id: str, format_: str) -> None:
    """Print what the engine knows of a user: taste, era, neighbours, recent movies."""
    with progress_line(), settings.open_engine() as engine:
        profile = engine.user(user_id)
    facts: list[list[Any]] = [
        ["user_id", str(profile.user_id)],
        ["dataset", profile.dataset],
        ["ratings", str(profile.rating_count)],
        ["mean rating", f"{profile.mean_rating:.2f}"],
        ["liked movies", str(profile.liked_count)],
        ["similar users", str(profile.neighbour_count)],
        ["preferred era", str(profile.preferred_era or "unknown")],
        [
            "top genres",
            ", ".join(f"{name} {mean:.2f}" for name, mean in profile.top_genres.items()),
        ],
        *(["recent", shown(movie)] for movie in profile.recent),
    ]
    print_rows(format_, ("what", "value"), facts, profile.to_dict())


def shown(movie: Movie) -> str:
    """A movie with its year, where that is known."""
    return f"{movie.title} ({movie.year})" if movie.year else movie.title
