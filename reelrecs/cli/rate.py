"""`rate`: ratings that arrive, one or many."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, progress_line
from reelrecs.errors import DataError, InvalidRequest

if TYPE_CHECKING:
    from reelrecs.datasets.imports.arriving import Arriving
    from reelrecs.engine import Engine
    from reelrecs.store.incoming import Rating
    from reelrecs.store.store import Store

STDIN = "-"


@click.command()
@click.option("--user-id", metavar="ID", help="Who rates; may be new.")
@click.option("--movie-id", metavar="ID", help="What is rated; may be new.")
@click.option("--rating", metavar="N", help="On the data's own scale.")
@click.option("--time", metavar="DATE", help="When, as a date or in seconds [default: now].")
@click.option("--key", metavar="TEXT", help="Sent again under its key it is still one rating.")
@click.option("--file", metavar="FILE", help="Many: csv or JSON lines, or - for standard input.")
@click.pass_obj
def rate(
    settings: Settings,
    user_id: str | None,
    movie_id: str | None,
    rating: str | None,
    time: str | None,
    key: str | None,
    file: str | None,
) -> None:
    """Keep ratings in the data set's log; when it ends with 0 the disk has them.

    The next list knows them, in every process that has this data set open. Lines of --file are
    written as they come, all that wait at once; a bad one ends it, and those before are kept.
    """
    single = (user_id, movie_id, rating)
    if file is None and None in single:
        raise InvalidRequest("give --user-id, --movie-id and --rating, or --file")
    if file is not None and any(one is not None for one in (*single, time, key)):
        raise InvalidRequest("--file names everything itself: leave the other options out")
    with settings.open_engine() as engine:
        if file is not None:
            with progress_line():
                kept = _append_lines(engine, file)
        else:
            kept = engine.append_many([_one(engine.store, *single, time, key)])
        note(what_was_kept(engine, kept))


def what_was_kept(engine: Engine, count: int) -> str:
    """How many ratings are new in the log, as `ingest` says it, too."""
    return f"{count:,} new rating{'' if count == 1 else 's'} of {engine.store.name} kept"


def _one(
    store: Store,
    user_id: str | None,
    movie_id: str | None,
    rating: str | None,
    time: str | None,
    key: str | None,
) -> Rating:
    from reelrecs.datasets.imports.arriving import moment_of
    from reelrecs.store.incoming import Rating

    moment = None if time is None else moment_of(time)
    if time is not None and moment is None:
        raise InvalidRequest(f"--time {time!r} is no date: write it as 2013-08-17")
    movie = store.movie_ids.parse(movie_id or "")
    if store.movie_ids.row(movie) < 0:
        note(f"movie {movie_id} is new to {store.name}: it is called by its id")
    return Rating(user_id or "", movie, rating or "", moment, key)  # type: ignore[arg-type]


def _append_lines(engine: Engine, file: str) -> int:
    """Append all lines of a file; what is good before a bad line is kept."""
    from reelrecs import config
    from reelrecs.datasets.imports.arriving import read_arriving
    from reelrecs.ratings_log.group_commit import waiting

    name = "standard input" if file == STDIN else Path(file).name
    count = 0
    try:
        with _opened(file) as stream:
            for group in waiting(read_arriving(stream, name), config.LOG_GROUP):
                good, error = _checked(engine.store, group)
                count += engine.append_many(good)
                if error is not None:
                    raise error
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is no UTF-8 text: send it as such") from error
    except BaseException:
        note(f"{count:,} new ratings were kept")
        raise
    return count


def _checked(store: Store, lines: Iterable[Arriving]) -> tuple[list[Rating], DataError | None]:
    """The lines as ratings up to the first bad one, and what is wrong with that."""
    from reelrecs.store.incoming import rating_of

    good: list[Rating] = []
    for line in lines:
        try:
            good.append(rating_of(store, line))
        except DataError as error:
            return good, error
    return good, None


def _opened(file: str) -> TextIO:
    if file == STDIN:
        if sys.stdin is None:
            raise DataError("standard input is closed; give a file")
        return sys.stdin
    try:
        return Path(file).open(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot read {file}: {reason}; give a file of ratings") from error
