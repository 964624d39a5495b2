"""A movie table of any make: ids, titles, years, genres and links, one row each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.datasets.imports.choices import FileChoices
from reelrecs.datasets.imports.columns import MOVIES, recognise
from reelrecs.datasets.imports.genres import genres_of
from reelrecs.datasets.imports.id_column import CodedIds, IdBuilder
from reelrecs.datasets.imports.rows import BadValue, Rows, Shape
from reelrecs.datasets.imports.text_rows import NotQuick, TextRows
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import RELEASE_UNKNOWN, IdColumn, Movies
from reelrecs.datasets.titles import release_year
from reelrecs.errors import DataError

LINKS = ["imdb", "tmdb"]
"""Roles that hold a movie's ids elsewhere."""

GIVEN_TWICE = "movie id given twice"


class MovieRows(NamedTuple):
    """A movie table as read; its ids stand in the builder of the ratings' items."""

    name: str
    columns: dict[str, str]
    titles: list[str]
    years: list[int]
    genres: list[tuple[str, ...]]
    links: dict[str, list[str]]
    bad: dict[int, BadValue]
    rows: Rows


def read_movies(rows: Rows, choices: FileChoices, items: IdBuilder) -> MovieRows:
    """Read all rows, adding their ids to `items`; bad ones are judged by `movies_of`."""
    places = recognise(rows.columns, MOVIES, rows.name, choices.columns, rows.headed)
    columns = {role: rows.columns[place] for role, place in places.items()}
    try:
        return _read(rows, places, columns, items)
    except NotQuick:
        if not isinstance(rows, TextRows):
            raise
        rows.be_careful()
        return _read(rows, places, columns, items)


def _read(
    rows: Rows, places: dict[str, int], columns: dict[str, str], items: IdBuilder
) -> MovieRows:
    roles = list(places)
    values: dict[str, list[Any]] = {role: [] for role in roles}
    ids: list[Any] = []
    for arrays in rows.batches([places[role] for role in roles], [Shape.TEXT] * len(roles)):
        for role, array in zip(roles, arrays, strict=True):
            if role == "item":
                ids.append(array)
            else:
                values[role].extend(array.to_pylist())
    bad: dict[int, BadValue] = {}
    at = 0
    for array in ids:
        for row in np.flatnonzero(items.add(array)).tolist():
            bad[at + row] = BadValue(columns["item"], "missing field", str(array[row].as_py()))
        at += len(array)
    titles = ["" if title is None else str(title).strip() for title in values["title"]]
    given = values.get("year", [None] * len(titles))
    years = [release_year(title) or _year(own) for title, own in zip(titles, given, strict=True)]
    genres = [genres_of(one) for one in values.get("genres", [])] or [()] * len(titles)
    links = {role: [_link(role, one) for one in values[role]] for role in LINKS if role in values}
    return MovieRows(rows.name, columns, titles, years, genres, links, bad, rows)


def movies_of(read: MovieRows, ids: CodedIds, first: int, rejects: Rejects) -> Movies:
    """The table of the movies whose ids stand from `first` on, each once."""
    codes = ids.codes[first:]
    _, firsts = np.unique(codes, return_index=True)
    once = np.zeros(len(codes), np.bool_)
    once[firsts] = True
    bad = dict(read.bad)
    for row in np.flatnonzero(~once).tolist():
        shown = ids.shown(codes[row : row + 1])[0]
        bad.setdefault(row, BadValue(read.columns["item"], GIVEN_TWICE, shown))
    if bad or read.rows.odd_shape:
        read.rows.report(bad, rejects)
    keep = [row for row in range(len(codes)) if row not in bad]
    if not keep:
        raise DataError(f"{read.name} holds no movies; give a table with at least one")
    return Movies(
        ids.column(first + np.array(keep, np.int64)),
        [read.titles[row] or ids.shown(codes[row : row + 1])[0] for row in keep],
        np.array([read.years[row] for row in keep], np.int16),
        [read.genres[row] for row in keep],
        np.full(len(keep), RELEASE_UNKNOWN, np.int32),
        {role: [texts[row] for row in keep] for role, texts in read.links.items()},
    )


def with_untitled(movies: Movies | None, ids: CodedIds, rated: NDArray[np.int32]) -> Movies:
    """The table and, titled by their ids, the movies of these codes of `ids`, which it lacks."""
    count = len(rated)
    new = Movies(
        ids.of_codes(rated),
        ids.shown(rated),
        np.zeros(count, np.int16),
        [()] * count,
        np.full(count, RELEASE_UNKNOWN, np.int32),
    )
    if movies is None:
        return new
    return Movies(
        _joined(movies.ids, new.ids),
        movies.titles + new.titles,
        np.append(movies.years, new.years),
        movies.genres + new.genres,
        np.append(movies.released, new.released),
        {name: [*texts, *[""] * count] for name, texts in movies.links.items()},
    )


def _joined(one: IdColumn, other: IdColumn) -> IdColumn:
    """Two columns of ids of one dictionary after each other."""
    if isinstance(one, np.ndarray):
        return np.append(one, other)
    return pa.concat_arrays([one, other])


def _year(value: Any) -> int:
    """The year that a year, a date or a number such as 1999.0 begins with."""
    return release_year(f"({str(value).strip()[:4]})") if value is not None else 0


def _link(role: str, value: Any) -> str:
    """An id at IMDb ("tt0114709") or TMDB ("862")."""
    text = "" if value is None else str(value).strip().removesuffix(".0")
    if role == "imdb" and text.isdigit():
        return f"tt{text.zfill(7)}"
    return text
