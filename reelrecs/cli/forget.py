"""`forget`: what somebody rated, one movie or all."""

from __future__ import annotations

import click

from reelrecs.cli.options import Settings, user_option
from reelrecs.cli.output import note


@click.command()
@user_option
@click.option("--movie-id", metavar="ID", help="One movie only [default: all they rated].")
@click.pass_obj
def forget(settings: Settings, user_id: str, movie_id: str | None) -> None:
    """Take a rating, or all of a user, out of every list from now on.

    The log is overwritten on the disk. The store's file holds it until `compact`, models until
    `train`; the files of the data are yours.
    """
    with settings.open_engine() as engine:
        engine.forget(user_id, movie_id)
    what = "all ratings" if movie_id is None else f"the rating of movie {movie_id}"
    note(
        f"{what} by user {user_id} forgotten; compact takes it out of the store, train out of the "
        "model"
    )
