"""`recommend`: the list a person came for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs import config
from reelrecs.cli.constraint_options import ConstraintOptions, constraint_options
from reelrecs.cli.options import (
    COMPILING,
    Settings,
    as_of_option,
    format_option,
    limit_option,
    scorer_option,
)
from reelrecs.cli.output import note, print_lines, print_rows, progress_line
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.table import Heading

if TYPE_CHECKING:
    from reelrecs.datasets.ids import Id
    from reelrecs.engine import Engine
    from reelrecs.histories import History
    from reelrecs.results import RecommendationList
    from reelrecs.store.store import Store
    from reelrecs.why_not import WhyNot

log = logging.getLogger(__name__)

SHOWN_PART = 5e-5
"""Contributions that four places show as 0 are left out."""


@click.command()
@click.option("--user-id", metavar="ID", help="A user, as the data says it.")
@click.option(
    "--ratings", metavar="FILE", help="Anybody: a csv file of movies (ids or titles) and stars."
)
@click.option("--like", metavar="TITLE", multiple=True, help="Anybody: a liked movie; repeatable.")
@click.option("--new-user", is_flag=True, help="Somebody of whom nothing is known.")
@limit_option
@as_of_option
@constraint_options
@click.option("--explain", is_flag=True, help="Say why, movie by movie.")
@click.option(
    "--why-not",
    metavar="MOVIE",
    help="Say instead what keeps a movie, by id or title, off the list, or where it ranks.",
)
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
@click.option(
    "--degrade",
    is_flag=True,
    help="Rank here where no service of --scorer answers, and mark every row.",
)
@format_option
@click.pass_obj
def recommend(
    settings: Settings,
    user_id: str | None,
    ratings: str | None,
    like: tuple[str, ...],
    new_user: bool,
    limit: int,
    as_of: int | None,
    asked: ConstraintOptions,
    explain: bool,
    why_not: str | None,
    diversity: float | None,
    filters: tuple[str, ...],
    scorer: str,
    degrade: bool,
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
    choices = {"diversity": diversity, "filters": filters, "degrade": degrade}
    with progress_line(), settings.open_engine(scorer, **choices) as engine:
        choice = {"as_of": as_of, "constraints": asked.constraints(engine.store)}
        who = _who(engine.store, user_id, ratings, like)
        log.info(COMPILING)
        if why_not is not None:
            case = _why_not(engine, who, why_not, limit, choice)
        else:
            result = _ask(engine, who, limit, explain or format_ == "json", choice)
        settings.say_profile(engine)
    if why_not is not None:
        _print_case(format_, case)
        return
    _say_what_gave(result)
    if explain and format_ == "table":
        print_lines(explained_lines(result))
        return
    columns, rows = _rows(result, explain)
    print_rows(format_, columns, rows, result.to_dict())


def _who(
    store: Store, user_id: str | None, ratings: str | None, like: tuple[str, ...]
) -> str | History:
    """The user's id, or a history, empty if nothing is given; what was guessed is logged."""
    from reelrecs.histories import History, history_of_file, history_of_likes

    if user_id is not None:
        return user_id
    if ratings is not None:
        return history_of_file(store, Path(ratings))
    return history_of_likes(store, like) if like else History()


def _ask(
    engine: Engine, who: str | History, limit: int, explain: bool, choice: dict[str, Any]
) -> RecommendationList:
    if not isinstance(who, str):
        return engine.recommend_for(who, limit, explain=explain, **choice)
    with _strangers_told():
        return engine.recommend(who, limit, explain=explain, **choice)


def _why_not(
    engine: Engine, who: str | History, movie: str, limit: int, choice: dict[str, Any]
) -> WhyNot:
    movie_id = _movie_named(engine.store, movie)
    with _strangers_told():
        return engine.why_not(who, movie_id, limit, **choice)


@contextlib.contextmanager
def _strangers_told() -> Iterator[None]:
    """Say to whoever asks for an unknown user how others are asked for."""
    try:
        yield
    except NotFound as error:
        raise NotFound(
            f"{error}; for people the data does not hold give --ratings, --like or --new-user"
        ) from error


def _movie_named(store: Store, text: str) -> Id:
    """The movie of this id, else the one of this title; raises NotFound."""
    from reelrecs.histories import TitleFinder

    with contextlib.suppress(InvalidRequest, NotFound):
        return store.movie_ids[store.movie_row(text)]
    row, doubt = TitleFinder(store).find(text)
    if doubt:
        log.warning(doubt)
    return store.movie_ids[row]


def _print_case(format_: str, case: WhyNot) -> None:
    movie = case.movie
    if format_ == "table":
        year = f" ({movie.year})" if movie.year else ""
        parts = " + ".join(f"{term} {part:.4f}" for term, part in grouped(case.terms))
        would = "" if case.rank else " if it were ranked"
        print_lines(
            [
                Heading(f"{movie.title}{year}  {', '.join(movie.genres)}"),
                f"     {case.answer}",
                f"     score   {case.score:.4f}{would} = {parts}",
            ]
        )
        return
    columns = ("movie_id", "title", "listed", "rank", "candidates", "score", "answer")
    told = case.to_dict()
    row = [movie.movie_id, movie.title, *(told[column] for column in columns[2:])]
    print_rows(format_, columns, [row], told)


def explained_lines(result: RecommendationList) -> Iterator[str]:
    """Each recommendation with the case for it, for reading."""
    for item in result:
        reason = item.explanation
        if reason is None:
            continue
        year = f" ({item.movie.year})" if item.movie.year else ""
        genres = ", ".join(item.movie.genres)
        yield Heading(f"{item.rank:>3}  {item.movie.title}{year}  {genres}  {item.score:.4f}")
        if reason.because_you_watched:
            watched = ", ".join(movie.title for movie in reason.because_you_watched)
            yield f"     because you just watched {watched}"
        if reason.because_you_liked:
            liked = ", ".join(movie.title for movie in reason.because_you_liked)
            yield f"     because you liked {liked}"
        if reason.in_words:
            yield f"     {', '.join(reason.in_words)}"
        told = " + ".join(
            f"{term} {part:.4f}"
            for term, part in grouped(reason.contributions)
            if abs(part) >= SHOWN_PART
        )
        yield f"     score   {told} = {reason.total:.4f} ({reason.scale})"
        channels = ", ".join(channel.replace(".", " by ") for channel in reason.found_by)
        neighbours = reason.similar_users
        liked_it = (
            f"; {neighbours} similar user{'s' * (neighbours != 1)} liked it" if neighbours else ""
        )
        yield f"     found   {channels}{liked_it}"
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
