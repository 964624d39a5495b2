"""MovieLens 100K: tab-separated ratings, `|` tables, Latin-1, release dates, who the users are.

u.data user, movie, stars, time; u.item id|title|release date|video date|IMDb address|19 flags,
one per line of u.genre; u.user id|age|gender|occupation|zip. Movie 267 is "unknown", with empty
dates and address. The flag "unknown" says that a movie has no genres, so it is none here.
"""

from __future__ import annotations

import re
from datetime import date

import numpy as np

from reelrecs.datasets.files import Files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.movies import MovieTable
from reelrecs.datasets.ratings import known_and_single, read_ratings
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies, Tables, Users
from reelrecs.datasets.text import id_of, read_lines
from reelrecs.errors import DataError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"(\d{1,2})-([A-Z][a-z]{2})-(\d{4})", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()
_BEFORE_FLAGS = 5  # fields of u.item in front of the genre flags


def read(files: Files, rejects: Rejects) -> Tables:
    """All three tables; raises DataError."""
    movies = _read_movies(files, _read_genres(files, rejects), rejects)
    ratings = read_ratings(files, "u.data", b"\t", rejects, scale=(1.0, 5.0))
    users = _read_users(files, rejects) if "u.user" in files.names else None
    return Tables(known_and_single(ratings, movies, rejects), movies, users)


def _read_genres(files: Files, rejects: Rejects) -> list[str]:
    names: dict[int, str] = {}
    for line in read_lines(files, "u.genre", "|", 2, "latin-1", rejects):
        code, cause = id_of(line.fields[1])
        if cause:
            rejects.add(line.file, line.number, line.offset, cause, line.raw)
        names[code] = line.fields[0]
    if sorted(names) != list(range(len(names))):
        raise DataError(
            "u.genre does not number its genres 0, 1, 2, ...; unpack the data set again"
        )
    return [names[code] for code in range(len(names))]


def _read_movies(files: Files, genres: list[str], rejects: Rejects) -> Movies:
    table = MovieTable(rejects)
    fields = _BEFORE_FLAGS + len(genres)
    for line in read_lines(files, "u.item", "|", fields, "latin-1", rejects):
        title, released, flags = line.fields[1], line.fields[2], line.fields[_BEFORE_FLAGS:]
        day = _day_of(released)
        if day is None:
            rejects.add(line.file, line.number, line.offset, "not a date", line.raw)
        elif not {"0", "1"}.issuperset(flags):
            cause = "genre flag neither 0 nor 1"
            rejects.add(line.file, line.number, line.offset, cause, line.raw)
        else:
            own = tuple(name for name, flag in zip(genres, flags, strict=True) if flag == "1")
            table.add(line, title, own, int(released[-4:] or 0), day)
    return table.movies("u.item")


def _day_of(text: str) -> int | None:
    """Days since 1970 of "01-Jan-1995"; unknown for no text, None for what is no date."""
    if not text:
        return RELEASE_UNKNOWN
    parts = _DATE.fullmatch(text)
    if not parts or parts[2] not in _MONTHS:
        return None
    try:
        day = date(int(parts[3]), _MONTHS.index(parts[2]) + 1, int(parts[1]))
    except ValueError:
        return None
    return day.toordinal() - _EPOCH


def _read_users(files: Files, rejects: Rejects) -> Users:
    ids: list[int] = []
    rows: list[list[str]] = []
    for line in read_lines(files, "u.user", "|", 5, "latin-1", rejects):
        user, cause = id_of(line.fields[0])
        if cause:
            rejects.add(line.file, line.number, line.offset, cause, line.raw)
        else:
            ids.append(user)
            rows.append(line.fields)
    names = ("age", "gender", "occupation", "zip")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names, 1)}
    return Users(np.array(ids, np.int64), columns)


LAYOUT = Layout(
    name="ml-100k",
    needs=("u.data", "u.item", "u.genre"),
    marks=(),
    also=("u.user",),
    read=read,
    ratings_file="u.data",
    separator=b"\t",
    has_header=False,
)
