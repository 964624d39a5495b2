"""One person's ratings as a file: csv with any usual separator and column names, ids or titles."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reelrecs.datasets.files import Folder
from reelrecs.datasets.imports.columns import PERSONAL, recognise
from reelrecs.datasets.text import Line, split, whole_lines
from reelrecs.errors import DataError

SEPARATORS = ("::", "\t", ";", "|", ",")
"""Tried in this order on the first line, quoted fields apart: commas stand in many a title."""

HEADLESS = {
    2: ("item", "rating"),
    3: ("item", "rating", "time"),
    4: ("user", "item", "rating", "time"),
}
"""What the columns of a file without a header are, by their number."""

_QUOTED = re.compile(r'"[^"]*"')


class Rated(NamedTuple):
    """One line: a movie by id or title, and what it got."""

    line: int  # from 1
    movie: str
    stars: float
    time: int | None  # seconds since 1970


class RatedMovies(NamedTuple):
    """A file as read; either every movie is an id or every movie is a title."""

    name: str
    by_id: bool
    rows: list[Rated]


def read_rated(path: Path) -> RatedMovies:
    """Read a person's file; raises DataError, naming the line where it is one that is wrong.

    Column names are those of `datasets.columns`; a year beside a title tells namesakes apart. A
    file without any is (movie, rating[, time]) or (user, movie, rating, time).
    """
    if not path.is_file():
        raise DataError(f"{path} is no file; give a csv file of movies and ratings")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give at least one movie and its rating")
    lines = list(whole_lines(Folder(path.parent), path.name, 0))
    if not lines:
        raise DataError(f"{path} holds no lines; give at least one movie and its rating")
    head = lines[0].raw.decode("utf-8", "replace")
    bare = _QUOTED.sub("", head)
    separator = next((mark for mark in SEPARATORS if mark in bare), ",")
    first = _fields(lines[0], separator, bare.count(separator) + 1)
    columns, headed = _columns(first, path.name)
    if "item" not in columns and "title" not in columns:
        raise DataError(f"{path.name} has no column for the movie; name one movie_id or title")
    rows = [_fields(line, separator, len(first)) for line in lines[headed:]]
    if not rows:
        raise DataError(f"{path} holds no ratings; for somebody without any use --new-user")
    if "user" in columns and len({row[columns["user"]] for row in rows}) > 1:
        raise DataError(f"{path.name} holds the ratings of several people; give those of one")
    item = columns.get("item", columns.get("title", 0))
    by_id = "item" in columns and all(_is_id(row[item]) for row in rows)
    return RatedMovies(
        path.name,
        by_id,
        [
            _rated(path.name, line, fields, columns, item, by_id)
            for line, fields in zip(lines[headed:], rows, strict=True)
        ],
    )


def _columns(first: Sequence[str], name: str) -> tuple[dict[str, int], bool]:
    """Role to place, and whether the first line is a header: a line without any number is."""
    if not any(_number(field) is not None for field in first):
        return recognise(first, PERSONAL, name, {}), True
    if len(first) not in HEADLESS:
        raise DataError(
            f"{name} has {len(first)} columns and no header; name them in a first line, such as "
            "movie_id,rating,timestamp"
        )
    return {role: at for at, role in enumerate(HEADLESS[len(first)])}, False


def _fields(line: Line, separator: str, count: int) -> list[str]:
    cause, fields = split(line.raw, separator, count, "utf-8", quotes=True)
    if cause:
        raise _wrong(line.file, line, cause)
    return [field.strip() for field in fields]


def _rated(
    name: str, line: Line, fields: list[str], columns: dict[str, int], item: int, by_id: bool
) -> Rated:
    stars = _number(fields[columns["rating"]])
    if stars is None:
        raise _wrong(name, line, "the rating is no number")
    time = None
    if "time" in columns:
        time = _seconds(fields[columns["time"]])
        if time is None:
            raise _wrong(name, line, "the time is neither seconds nor a date such as 2001-05-31")
    movie = fields[item]
    if not movie:
        raise _wrong(name, line, "the movie is missing")
    if not by_id and "year" in columns and fields[columns["year"]]:
        movie = f"{movie} ({fields[columns['year']]})"
    return Rated(line.number, movie, stars, time)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(text: str) -> int | None:
    """Seconds since 1970 of a number or an ISO 8601 date; without a zone it is UTC."""
    seconds = _number(text)
    if seconds is None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return int(seconds) if abs(seconds) < 2**62 else None


def _wrong(name: str, line: Line, cause: str) -> DataError:
    text = line.raw[:80].decode("utf-8", "backslashreplace")
    return DataError(f"{name}, line {line.number}: {cause}: {text!a}; mend the line")
