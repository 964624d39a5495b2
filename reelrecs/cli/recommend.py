"""`recommend`: the list a person came for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from reelrecs import config
from reelrecs.cli.options import (
    COMPILING,
    Settings,
    format_option,
    limit_option,
    scorer_option,
)
from reelrecs.cli.output import note, print_lines, print_rows, progress_line
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.table import Heading

if TYPE_CHECKING:
    from reelrecs.engine import Engine
    from reelrecs.results import RecommendationList

log = logging.getLogger(__name__)


@click.command()
@click.option("--user-id", metavar="ID", help="A user, as the data says it.")
@click.option(
    "--ratings", metavar="FILE", help="Anybody: a csv file of movies (ids or titles) and stars."
)
@click.option("--like", metavar="TITLE", multiple=True, help="Anybody: a liked movie; repeatable.")
@click.option("--new-user", is_flag=True, help="Somebody of whom nothing is known.")
@limit_option
@click.option(
    "--as-of",
    metavar="DATE",
    help="The moment of asking: a date, or seconds since 1970 [default: the data's end].",
)
@click.option("--explain", is_flag=True, help="Say why, movie by movie.")
@click.option(
    "--diversity",
    type=click.FloatRange(0, 1),
    help="Score given up for variety, 0 to 1 [default: the profile's].",
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    type=click.Choice(["minimum_rating", "genre_preference", "recency"]),
    help="Also remove such movies; repeatable.",
)
@scorer_option(config.EMBEDDED_SCORER)
@format_option
@click.pass_obj
def recommend(
    settings: Settings,
    user_id: str | None,
    ratings: str | None,
    like: tuple[str, ...],
    new_user: bool,
    limit: int,
    as_of: str | None,
    explain: bool,
    diversity: float | None,
    filters: tuple[str, ...],
    scorer: str,
    format_: str,
) -> None:
    """Print a person's recommendations, best first.

    Who it is: one of --user-id, --ratings, --like and --new-user. JSON always carries the
    explanations; in a table and in csv they come with --explain.
    """
    chosen = (user_id is not None, ratings is not None, bool(like), new_user)
    if sum(chosen) != 1:
        raise InvalidRequest(
            "give exactly one of --user-id U, --ratings FILE, --like TITLE (repeatable) and "
            "--new-user"
        )
    person = _Person(user_id, ratings, like, None if as_of is None else _moment(as_of))
    choices = {"diversity": diversity, "filters": filters}
    with progress_line(), settings.open_engine(scorer, **choices) as engine:
        log.info(COMPILING)
        result = _ask(engine, person, limit, explain or format_ == "json")
        settings.say_profile(engine)
    _say_what_gave(result)
    if explain and format_ == "table":
        print_lines(explained_lines(result))
        return
    columns, rows = _rows(result, explain)
    print_rows(format_, columns, rows, result.to_dict())


class _Person(NamedTuple):
    """Who wants movies; with nothing given somebody new."""

    user_id: str | None
    ratings: str | None
    like: tuple[str, ...]
    as_of: int | None


def _moment(text: str) -> int:
    from reelrecs.datasets.times import seconds_of_date, whole_number

    seconds = whole_number(text)
    if seconds is None:
        seconds = seconds_of_date(text)
    if seconds is None:
        raise InvalidRequest(f"--as-of {text!r} is no date: write it as 2013-08-17")
    return seconds


def _ask(engine: Engine, person: _Person, limit: int, explain: bool) -> RecommendationList:
    """The list; how the person was understood is logged."""
    from reelrecs.histories import History, history_of_file, history_of_likes

    asked: dict[str, Any] = {"explain": explain, "as_of": person.as_of}
    if person.user_id is not None:
        try:
            return engine.recommend(person.user_id, limit, **asked)
        except NotFound as error:
            raise NotFound(
                f"{error}; for people the data does not hold give --ratings, --like or --new-user"
            ) from error
    if person.ratings is not None:
        history = history_of_file(engine.store, Path(person.ratings))
    elif person.like:
        history = history_of_likes(engine.store, person.like)
    else:
        history = History()
    return engine.recommend_for(history, limit, **asked)


def explained_lines(result: RecommendationList) -> Iterator[str]:
    """Each recommendation with the case for it, for reading."""
    for item in result:
        reason = item.explanation
        if reason is None:
            continue
        year = f" ({item.movie.year})" if item.movie.year else ""
        genres = ", ".join(item.movie.genres)
        yield Heading(f"{item.rank:>3}  {item.movie.title}{year}  {genres}  {item.score:.4f}")
        parts = " + ".join(f"{term} {part:.4f}" for term, part in grouped(reason.contributions))
        yield f"     score   {parts}"
        channels = ", ".join(channel.replace(".", " by ") for channel in reason.found_by)
        neighbours = reason.similar_users
        liked_it = (
            f"; {neighbours} similar user{'s' * (neighbours != 1)} liked it" if neighbours else ""
        )
        yield f"     found   {channels}{liked_it}"
        if reason.because_you_watched:
            watched = ", ".join(movie.title for movie in reason.because_you_watched)
            yield f"     because you just watched {watched}"
        if reason.because_you_liked:
            liked = ", ".join(movie.title for movie in reason.because_you_liked)
            yield f"     because you liked {liked}"
        if reason.related is not None and reason.related.similar_users:
            others = reason.related.similar_users
            like = "people who like" if others > 1 else "person who likes"
            yield f"     also liked by {others} {like} what you like"


def grouped(contributions: dict[str, float]) -> list[tuple[str, float]]:
    """Contributions added up by what stands before the dot: two dozen terms are for machines."""
    totals: dict[str, float] = {}
    for term, part in contributions.items():
        group = term.partition(".")[0]
        totals[group] = totals.get(group, 0.0) + part
    return list(totals.items())


def _rows(result: RecommendationList, explain: bool) -> tuple[tuple[str, ...], list[list[Any]]]:
    from reelrecs.results import COLUMNS

    rows = result.rows()
    if not explain or not rows or result[0].explanation is None:
        return COLUMNS, rows
    terms = tuple(result[0].explanation.contributions)
    for row, item in zip(rows, result, strict=True):
        if item.explanation is not None:
            row.extend(item.explanation.contributions[term] for term in terms)
    return COLUMNS + terms, rows


def _say_what_gave(result: RecommendationList) -> None:
    if result.trace.relaxed:
        note(
            f"few movies passed the filters, so these were relaxed: "
            f"{', '.join(result.trace.relaxed)}"
        )
    if result.note:
        note(result.note)
