"""Anybody's ratings and movies, however they come, as the tables a store is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.imports.arrow_rows import rows_of_table
from reelrecs.datasets.imports.choices import Choices
from reelrecs.datasets.imports.id_column import CodedIds, IdBuilder
from reelrecs.datasets.imports.movie_table import movies_of, read_movies, with_untitled
from reelrecs.datasets.imports.ratings_table import RatingsTable, gather, ratings_of
from reelrecs.datasets.imports.rows import Rows
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Movies, Ratings, Tables
from reelrecs.errors import DataError

SHOWN = 24
"""Letters of a value in a sample row."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Tables made of foreign ones, and what was understood by them."""

    tables: Tables
    columns: dict[str, str]  # role: the column that was taken for it
    notes: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)  # the columns taken and three rows of each


def import_frames(
    ratings: Any,
    movies: Any = None,
    rejects: Rejects | None = None,
    choices: Choices | None = None,
) -> Imported:
    """Tables from a table of ratings in memory and, if given, one of movies.

    Raises DataError where a column is absent or a value is none of its kind; with `rejects` under
    "skip" such rows are left out and counted. Without a time column file order is the order.
    """
    movie_rows = None if movies is None else rows_of_table(movies, "the movies")
    table = rows_of_table(ratings, "the ratings")
    return import_rows(table, movie_rows, rejects or Rejects(), choices)


def import_rows(
    ratings: Rows, movies: Rows | None, rejects: Rejects, choices: Choices | None = None
) -> Imported:
    """Tables from rows; raises DataError, and MalformedRow for a bad line of a text file.

    Movies that are rated and not in the table of movies are shown by their ids; without a table all
    are. Raises DataError where the table holds none of those rated.
    """
    choices = Choices() if choices is None else choices
    items = IdBuilder(ratings.expected())
    gathered = gather(ratings, choices, rejects, items)
    read = None if movies is None else read_movies(movies, choices.movies, items)
    ids = items.finish()
    table = ratings_of(gathered, ids)
    notes = list(table.notes)
    known = None if read is None else movies_of(read, ids, gathered.count, rejects)
    rows = slice(None) if table.kept.all() else np.flatnonzero(table.kept)
    titled = _titled(rows, ids, known, gathered.count, notes, ratings.name)
    users, rated = table.users.column(rows), ids.column(rows, gathered.count)
    tables = Tables(
        Ratings(users, rated, table.stars, table.times),
        titled,
        feedback=table.meaning.feedback,
        scale=table.meaning.scale,
        has_times=table.has_times,
        notes=[*_ids_said(table, ids), *notes],
    )
    samples = [*_sample(ratings, table.columns, "ratings")]
    if read is not None and movies is not None:
        samples += _sample(movies, read.columns, "movies")
    return Imported(tables, table.columns, tables.notes, samples)


def _titled(
    kept: NDArray[np.int64] | slice,
    ids: CodedIds,
    known: Movies | None,
    first: int,
    notes: list[str],
    name: str,
) -> Movies:
    """The movie table with a row for every movie that is rated."""
    lacking = np.zeros(len(ids.values), np.bool_)
    rated = ids.codes[:first][kept]
    lacking[rated] = True
    count = int(lacking.sum())
    if known is not None:
        lacking[ids.codes[first:]] = False
    missing = int(lacking.sum())
    if known is not None and missing == count:
        raise DataError(
            f"the table of movies holds none of the {count:,} that {name} rates, such as "
            f"{ids.shown(rated[:1])[0]!a}; check that both belong, and name its ids with "
            "--movies-item-column"
        )
    if known is not None and missing:
        notes.append(f"{missing:,} of {count:,} rated movies are not in the table of movies: shown "
                     "by their ids")  # fmt: skip
    elif known is None:
        notes.append("no table of movies: shown by their ids")
    if missing == 0 and known is not None:
        return known
    return with_untitled(known, ids, np.flatnonzero(lacking).astype(np.int32))


def _ids_said(table: RatingsTable, ids: CodedIds) -> list[str]:
    kinds = [("user", table.users.is_text), ("item", ids.is_text)]
    return [
        f"{role} ids ({table.columns[role]}) are {'text' if text else 'whole numbers'}"
        for role, text in kinds
    ]


def _sample(rows: Rows, columns: dict[str, str], what: str) -> list[str]:
    """The columns taken, and three rows of them."""
    places = [rows.columns.index(name) for name in columns.values()]
    said = rows.said()
    lines = [
        f"{what} {rows.name}" + (f" ({said})" if said else "") + ": "
        + ", ".join(f"{role} = {name}" for role, name in columns.items())
    ]  # fmt: skip
    samples = (", ".join(_shown(row, place) for place in places) for row in rows.sample())
    return [*lines, *(f"  {row}" for row in samples)]


def _shown(row: Sequence[Any], place: int) -> str:
    text = " ".join(str(row[place]).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
