"""The options that say what may be on a list, the same for every command that makes lists."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.constraints import Constraints
    from reelrecs.datasets.ids import Id
    from reelrecs.store.store import Store


class ConstraintOptions(NamedTuple):
    """What a command line asked for; movies are still texts, for no data has been opened yet."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    genre: tuple[str, ...]
    all_genres: bool
    not_genre: tuple[str, ...]
    year_from: int | None
    year_to: int | None
    min_rating: float | None
    include_seen: bool

    def constraints(self, store: Store) -> Constraints | None:
        """The same for a data set, None where nothing was asked for; raises as `Constraints`."""
        from reelrecs.constraints import Constraints

        asked = Constraints(
            allow=_movies(store, "--allow", self.allow) if self.allow else None,
            deny=_movies(store, "--deny", self.deny),
            genres=self.genre,
            all_genres=self.all_genres,
            not_genres=self.not_genre,
            year_from=self.year_from,
            year_to=self.year_to,
            min_rating=self.min_rating,
            include_seen=self.include_seen,
        )
        return None if asked == Constraints() else asked


def constraint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All of them, given to the command as one argument, `asked`."""

    @wraps(command)
    def with_asked(*arguments: Any, **given: Any) -> Any:
        fields = {name: given.pop(name) for name in ConstraintOptions._fields}
        return command(*arguments, asked=ConstraintOptions(**fields), **given)

    for option in reversed(_OPTIONS):
        with_asked = option(with_asked)
    return with_asked


_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option(
        "--allow",
        metavar="FILE|IDS",
        multiple=True,
        help="Only these movies: ids with commas between, or a file of one id a line; repeatable.",
    ),
    click.option("--deny", metavar="FILE|IDS", multiple=True, help="Never these movies."),
    click.option(
        "--genre", metavar="GENRE", multiple=True, help="Only movies of this genre; repeatable."
    ),
    click.option("--all-genres", is_flag=True, help="Of every --genre, not of any."),
    click.option(
        "--not-genre", metavar="GENRE", multiple=True, help="No movies of this genre; repeatable."
    ),
    click.option("--year-from", metavar="YEAR", type=int, help="Only this year or later."),
    click.option("--year-to", metavar="YEAR", type=int, help="Only this year or earlier."),
    click.option(
        "--min-rating", metavar="R", type=float, help="Only this mean rating or more, as data say."
    ),
    click.option("--include-seen", is_flag=True, help="Also movies that are rated already."),
)


def _movies(store: Store, option: str, given: tuple[str, ...]) -> list[Id]:
    """The movies that the values of an option name; raises as `read_ids` and `movie_row` do."""
    from reelrecs.id_files import read_ids

    movies: list[Id] = []
    for value in given:
        path = Path(value)
        if _is_file(path):
            if _known(store, value):
                raise InvalidRequest(
                    f"{option} {value} is a movie and a file: write ./{value} for the file"
                )
            without = f"give {option} the ids themselves"
            movies += read_ids(path, "movie", store.movie_ids, store.movie_row, without)
            continue
        parts = [value] if _known(store, value) else value.split(",")
        for part in parts:
            text = part if _known(store, part) else part.strip()
            try:
                movies.append(store.movie_ids[store.movie_row(text)])
            except InvalidRequest as error:
                raise InvalidRequest(f"{option} {value}: no such file, and {error}") from error
    return movies


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a long list of ids is too long a name
        return False


def _known(store: Store, text: str) -> bool:
    """Whether the data has a movie of this id."""
    try:
        return store.movie_ids.row(store.movie_ids.parse(text)) >= 0
    except InvalidRequest:
        return False
