"""`recommend`: the list a person came for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import (
    COMPILING,
    Settings,
    format_option,
    limit_option,
    scorer_option,
    user_option,
)
from reelrecs.cli.output import note, print_rows, progress_line

if TYPE_CHECKING:
    from reelrecs.results import Recommendation, RecommendationList

COLUMNS = ("rank", "movie_id", "title", "year", "genres", "score", "sources")


@click.command()
@user_option
@limit_option
@click.option("--explain", is_flag=True, help="Say why, movie by movie.")
@scorer_option
@format_option
@click.pass_obj
def recommend(
    settings: Settings, user_id: int, limit: int, explain: bool, scorer: str, format_: str
) -> None:
    """Print a user's recommendations, best first.

    JSON always carries the explanations; in a table and in csv they come with --explain.
    """
    with progress_line() as report, settings.open_engine(report, scorer) as engine:
        report(COMPILING)
        result = engine.recommend(user_id, limit, explain=explain or format_ == "json")
    _say_what_gave(result, limit)
    if explain and format_ == "table":
        for line in explained_lines(result):
            click.echo(line)
        return
    columns, rows = _rows(result, explain)
    print_rows(format_, columns, rows, result.to_dict())


def explained_lines(result: RecommendationList) -> Iterator[str]:
    """Each recommendation with the case for it, for reading."""
    for item in result:
        reason = item.explanation
        if reason is None:
            continue
        year = f" ({item.movie.year})" if item.movie.year else ""
        heading = click.style(f"{item.rank:>3}  {item.movie.title}{year}", bold=True)
        yield f"{heading}  {', '.join(item.movie.genres)}  {item.score:.4f}"
        parts = " + ".join(f"{term} {part:.4f}" for term, part in reason.contributions.items())
        yield f"     score   {parts}"
        channels = ", ".join(channel.replace(".", " by ") for channel in reason.found_by)
        yield f"     found   {channels}; {reason.similar_users} similar users liked it"
        if reason.because_you_liked:
            liked = ", ".join(movie.title for movie in reason.because_you_liked)
            yield f"     because you liked {liked}"


def _rows(result: RecommendationList, explain: bool) -> tuple[tuple[str, ...], list[list[Any]]]:
    rows = [_row(item) for item in result]
    if not explain or not rows or result[0].explanation is None:
        return COLUMNS, rows
    terms = tuple(result[0].explanation.contributions)
    for row, item in zip(rows, result, strict=True):
        if item.explanation is not None:
            row.extend(item.explanation.contributions[term] for term in terms)
    return COLUMNS + terms, rows


def _row(item: Recommendation) -> list[Any]:
    movie = item.movie
    return [
        item.rank,
        movie.movie_id,
        movie.title,
        movie.year,
        "|".join(movie.genres),
        item.score,
        "+".join(item.sources),
    ]


def _say_what_gave(result: RecommendationList, limit: int) -> None:
    if result.trace.relaxed:
        note(
            f"few movies passed the filters, so these were relaxed: "
            f"{', '.join(result.trace.relaxed)}"
        )
    if len(result) < limit:
        note(f"only {len(result)} movies are left to recommend of the {limit} asked for")
