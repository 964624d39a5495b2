"""Anybody's table of ratings: pandas, polars, Arrow or any other that speaks Arrow's C interface.

Columns already of our types (uint32 ids, float32 stars, int64 seconds) in one chunk are used where
they lie; others are converted. Ids may be text: they are numbered 1, 2, ... in sorted order and
their names kept beside (users' column "name", movies' link "name").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from reelrecs.datasets.imports.columns import recognise
from reelrecs.datasets.imports.convert import BadRows, ids_of, plain, stars_of, times_of
from reelrecs.datasets.ratings import UNKNOWN_MOVIE, single, take
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies, Ratings, Tables, Users
from reelrecs.datasets.titles import release_year
from reelrecs.errors import DataError


@dataclass(frozen=True, slots=True)
class Imported:
    """Tables made of foreign ones, and what was understood by them."""

    tables: Tables
    columns: dict[str, str]  # role: the column that was taken for it
    notes: list[str] = field(default_factory=list)


def import_frames(ratings: Any, movies: Any = None, rejects: Rejects | None = None) -> Imported:
    """Tables from a table of ratings and, if given, one of movies (id, title, genres, year).

    Raises DataError where a column is absent or a value is none of its kind; with `rejects` under
    "skip" such rows are left out and counted. Without a time column file order is the order.
    """
    rejects = Rejects() if rejects is None else rejects
    table = as_arrow(ratings, "the ratings")
    chosen = recognise(table.column_names, ("user", "item", "rating"), ("time",), "the ratings")
    notes: list[str] = []
    bad = BadRows(rejects, len(table))
    user_ids, user_names = ids_of(table[chosen["user"]], chosen["user"], bad)
    item_ids, item_names = ids_of(table[chosen["item"]], chosen["item"], bad)
    stars = stars_of(table[chosen["rating"]], chosen["rating"], bad, notes)
    if "time" in chosen:
        times = times_of(table[chosen["time"]], chosen["time"], bad, notes)
    else:
        times = np.arange(len(table), dtype=np.int64)
        notes.append("no time column: the order of the rows is taken for the order in time")
    read = Ratings(user_ids, item_ids, stars, times)
    kept = read if bad.rows is None else take(read, np.flatnonzero(~bad.rows))
    movie_table = None
    if movies is not None:
        movie_table = _movies(as_arrow(movies, "the movies"), item_names, bad, notes)
        kept = _of_known(kept, movie_table, rejects)
    elif item_names is not None:
        movie_table = _named_movies(item_names)
    if len(kept) == 0:
        raise DataError("the ratings hold no usable row; give a table with at least one")
    users = None
    if user_names is not None:
        notes.append(f"user ids are text: numbered 1 to {len(user_names)} in sorted order")
        users = Users(np.arange(1, len(user_names) + 1, dtype=np.int64), {"name": user_names})
    if item_names is not None:
        notes.append(f"item ids are text: numbered 1 to {len(item_names)} in sorted order")
    return Imported(Tables(single(kept, rejects), movie_table, users), chosen, notes)


def as_arrow(table: Any, what: str) -> pa.Table:
    """Anything that speaks the Arrow C interface as an Arrow table, without copies where it can."""
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return pa.table(table)
    if isinstance(table, dict):
        return pa.table(table)
    raise DataError(
        f"{what} are a {type(table).__name__}; give a pandas, polars or Arrow table, or a path"
    )


def _movies(table: pa.Table, names: list[str] | None, bad: BadRows, notes: list[str]) -> Movies:
    """The movie table; where item ids are text, under the numbers that the ratings gave them."""
    chosen = recognise(table.column_names, ("item", "title"), ("genres", "year"), "the movies")
    notes.append("movies: " + ", ".join(f"{role} = {column}" for role, column in chosen.items()))
    column = plain(table[chosen["item"]])
    own = BadRows(bad.rejects, len(table))
    if names is None:
        ids, texts = ids_of(column, chosen["item"], own)
        if texts is not None:
            raise DataError(
                "item ids are numbers in the ratings and text in the movies; make both one"
            )
        keep = np.ones(len(ids), np.bool_) if own.rows is None else ~own.rows
    else:
        number = {name: at for at, name in enumerate(names, 1)}
        ids = np.array([number.get(str(text), 0) for text in column.to_pylist()], np.int64)
        keep = ids > 0
    _, first = np.unique(ids, return_index=True)
    once = np.zeros(len(ids), np.bool_)
    once[first] = True
    own.add(keep & ~once, chosen["item"], "movie id given twice", column)
    at = np.flatnonzero(keep & once)
    titles = [str(title or "") for title in table[chosen["title"]].take(pa.array(at)).to_pylist()]
    years = [release_year(title) for title in titles]
    if "year" in chosen:
        given = table[chosen["year"]].take(pa.array(at)).to_pylist()
        years = [year or _year(value) for year, value in zip(years, given, strict=True)]
    genres: list[tuple[str, ...]] = [()] * len(at)
    if "genres" in chosen:
        genres = [_genres(g) for g in table[chosen["genres"]].take(pa.array(at)).to_pylist()]
    links = {} if names is None else {"name": [names[movie - 1] for movie in ids[at]]}
    released = np.full(len(at), RELEASE_UNKNOWN, np.int32)
    return Movies(ids[at], titles, np.array(years, np.int16), genres, released, links)


def _named_movies(names: list[str]) -> Movies:
    count = len(names)
    return Movies(
        np.arange(1, count + 1, dtype=np.int64),
        names,
        np.array([release_year(name) for name in names], np.int16),
        [()] * count,
        np.full(count, RELEASE_UNKNOWN, np.int32),
        {"name": names},
    )


def _of_known(ratings: Ratings, movies: Movies, rejects: Rejects) -> Ratings:
    known = np.isin(ratings.movies, movies.ids)
    if known.all():
        return ratings
    missing = int((~known).sum())
    if rejects.on_error == "fail":
        raise DataError(
            f"{missing:,} ratings are of movies that the movie table does not hold; complete it, "
            "or leave such rows out with --on-error skip"
        )
    rejects.counts[UNKNOWN_MOVIE] += missing
    return take(ratings, np.flatnonzero(known))


def _year(value: Any) -> int:
    return release_year(f"({str(value)[:4]})")


def _genres(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value or "").replace(",", "|").split("|")
    return tuple(part for part in (str(part).strip() for part in parts) if part and part[0] != "(")
