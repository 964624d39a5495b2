"""One person's ratings as a file: ids or titles, as people and well-known sites write them.

Letterboxd, IMDb and Goodreads exports are read as they come. Ratings of any scale become stars from
0.5 to 5; lines without a rating are left out and counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reelrecs.datasets.feedback import Feedback, stars_of_scale
from reelrecs.datasets.imports.choices import FileChoices
from reelrecs.datasets.imports.columns import PERSONAL, plain_name, recognise
from reelrecs.datasets.imports.meaning import meaning_of
from reelrecs.datasets.imports.opening import Opened, exists
from reelrecs.datasets.imports.records import Record, records
from reelrecs.datasets.imports.text_form import form_of
from reelrecs.datasets.times import seconds_of, seconds_of_date, whole_number
from reelrecs.errors import DataError, one_line

HEADLESS = {
    2: ("item", "rating"),
    3: ("item", "rating", "time"),
    4: ("user", "item", "rating", "time"),
}
"""What the columns of a file without a header are, by their number."""

SCALES = {"rating10": 10.0, "yourrating": 10.0, "myrating": 5.0}
"""Highest rating by the column that well-known sites write it in."""

ZERO_IS_BLANK = "myrating"
"""Goodreads writes 0 for a book that was not rated."""


class Rated(NamedTuple):
    """One line: a movie by id or title, and what it got."""

    line: int  # from 1
    movie: str  # its id, or where the file has none its title
    stars: float  # 0.5 to 5
    time: int | None  # seconds since 1970
    title: str = ""  # "Heat (1995)" where the file has titles
    others: tuple[str, ...] = ()  # ids at IMDb ("tt0113277"), ISBNs
    tmdb: str = ""


class RatedMovies(NamedTuple):
    """A file as read."""

    name: str
    by_id: bool  # whether every `movie` could be a number that is an id
    rows: list[Rated]
    unrated: int = 0  # lines without a rating, left out
    highest: float = 5.0  # the scale that ratings were read on


def read_rated(path: Path) -> RatedMovies:
    """Read a person's file; raises DataError, naming the line where it is one that is wrong.

    Column names are those of `columns`; a year beside a title tells namesakes apart. A file without
    a header is (movie, rating[, time]) or (user, movie, rating, time).
    """
    if not exists(path):
        raise DataError(f"{path} is no file; give a csv file of movies and ratings")
    file = Opened(path)
    form = form_of(file, FileChoices(), PERSONAL)
    if form.header is None and form.columns not in HEADLESS:
        raise DataError(
            f"{file.name} has {form.columns} columns and no header; name them in a first line, "
            "such as movie_id,rating,timestamp"
        )
    columns = {role: at for at, role in enumerate(HEADLESS.get(form.columns, ()))}
    if form.header is not None:
        columns = recognise(form.header, PERSONAL, file.name, {})
    if "item" not in columns and "title" not in columns and "imdb" not in columns:
        raise DataError(f"{file.name} has no column for the movie; name one movie_id or title")
    lines = list(records(file, form))
    for line in lines:
        if line.cause:
            raise _wrong(file.name, line, line.cause)
    name = plain_name(form.header[columns["rating"]]) if form.header is not None else ""
    return _read(file.name, lines, columns, name)


def _read(
    name: str, lines: Sequence[Record], columns: Mapping[str, int], rating: str
) -> RatedMovies:
    rows = [[field.strip() for field in line.fields] for line in lines]
    numbers = [_rating(name, line, row[columns["rating"]], rating)
               for line, row in zip(lines, rows, strict=True)]  # fmt: skip
    rated = [at for at, number in enumerate(numbers) if number is not None]
    if not rated:
        raise DataError(f"{name} holds no ratings; for somebody without any use --new-user")
    if "user" in columns and len({row[columns["user"]] for row in rows}) > 1:
        raise DataError(f"{name} holds the ratings of several people; give those of one")
    values = [number for number in numbers if number is not None]
    counts: Counter[float] = Counter(values)
    meaning = meaning_of(counts, "rating", False, Feedback.STARS, SCALES.get(rating))
    for at, value in zip(rated, values, strict=True):
        if not meaning.lowest <= value <= meaning.highest:
            low, high = meaning.scale
            raise _wrong(name, lines[at], f"the rating is not within {low:g} to {high:g}")
    low, high = meaning.scale
    stars = stars_of_scale(np.array(values, np.float32), (min(low, 1.0) if high > 5 else low, high))
    times = _times(name, lines, rows, columns, rated)
    by_id = "item" in columns and all(_is_id(rows[at][columns["item"]]) for at in rated)
    return RatedMovies(
        name,
        by_id,
        [
            _rated(name, lines[at], rows[at], columns, star, time)
            for at, star, time in zip(rated, stars.tolist(), times, strict=True)
        ],
        len(rows) - len(rated),
        high,
    )


def _rated(
    name: str,
    line: Record,
    row: list[str],
    columns: Mapping[str, int],
    stars: float,
    time: int | None,
) -> Rated:
    def of(role: str) -> str:
        return row[columns[role]].removeprefix('="').strip('"=') if role in columns else ""

    title = of("title")
    if title and of("year"):
        title = f"{title} ({of('year')[:4]})"
    item = of("item")
    if "item" in columns and "title" not in columns and item and of("year") and not _is_id(item):
        item = f"{item} ({of('year')[:4]})"
    others = tuple(filter(None, (_imdb(of("imdb")), of("isbn"), of("isbn13"))))
    movie = item or title or next(iter(others), "")
    if not movie:
        raise _wrong(name, line, "the movie is missing")
    return Rated(line.line, movie, stars, time, title, others, of("tmdb"))


def _rating(name: str, line: Record, text: str, column: str) -> float | None:
    """The number; None where the line has no rating."""
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(name, line, "the rating is no number")
    return None if value == 0 and column == ZERO_IS_BLANK else value


def _times(
    name: str,
    lines: Sequence[Record],
    rows: Sequence[list[str]],
    columns: Mapping[str, int],
    rated: Sequence[int],
) -> list[int | None]:
    """Seconds of each line with a rating; none at all where one line has none."""
    if "time" not in columns:
        return [None] * len(rated)
    texts = [rows[at][columns["time"]] for at in rated]
    if not all(texts):
        return [None] * len(rated)
    numbers = [whole_number(text) for text in texts]
    dates = [None if number is not None else seconds_of_date(text)
             for number, text in zip(numbers, texts, strict=True)]  # fmt: skip
    plain = seconds_of(np.array([number for number in numbers if number is not None], np.int64))
    of_numbers = iter(plain.tolist())
    found: list[int | None] = []
    for at, number, date in zip(rated, numbers, dates, strict=True):
        seconds = date if number is None else next(of_numbers)
        if seconds is None:
            raise _wrong(name, lines[at], "the time is neither seconds nor a date such as "
                                          "2001-05-31")  # fmt: skip
        found.append(seconds)
    return found


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19


def _imdb(text: str) -> str:
    """An id at IMDb as it is written there: "tt0113277"."""
    return f"tt{text.zfill(7)}" if text.isascii() and text.isdigit() else text


def _wrong(name: str, line: Record, cause: str) -> DataError:
    text = one_line(line.text, 80)
    return DataError(f"{name}, line {line.line}: {cause}: {text!a}; mend the line")
