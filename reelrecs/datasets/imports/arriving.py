"""Ratings from a stream, line by line as they come: csv or JSON lines, of files or pipes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reelrecs.datasets.imports.columns import BY_PLACE, RATINGS, known, plain_name, recognise
from reelrecs.datasets.times import seconds_of_date, whole_number
from reelrecs.errors import DataError, one_line

SEPARATORS = (",", "\t", ";", "|")

KEY = "key"
"""Name of the column by which a rating that is sent again is known."""

SHOWN = 80
"""Letters of a bad line in a message."""


class _NoRating(ValueError):
    """What a line lacks."""


class Arriving(NamedTuple):
    """One line, not yet looked at but for its form."""

    where: str  # the line stands, as a message says it
    user: str
    movie: str
    rating: str
    time: int | None  # in seconds or any finer unit
    key: str | None


def read_arriving(lines: Iterable[str], name: str) -> Iterator[Arriving]:
    """The ratings of a file's lines; see `ArrivingLines`.

    Raises DataError, naming the line, at the first that is no rating.
    """
    reader = ArrivingLines(name, "mend it and send the file from there, or all of it with keys")
    for number, line in enumerate(lines, 1):
        rating = reader.read(line, f"{name}, line {number}")
        if rating is not None:
            yield rating


class ArrivingLines:
    """Reads the lines of one source: csv with or without a header, or JSON lines.

    Column names are those of any import, and `key`; without a header columns are user, movie,
    rating and time. The first line says which it is.
    """

    def __init__(self, name: str, advice: str) -> None:
        self._name, self._advice = name, advice  # what to do about a bad line
        self._columns: Mapping[str, int | str] | None = None
        self._separator = ","

    def read(self, line: str, where: str) -> Arriving | None:
        """The rating of a line that stands somewhere; None for a header and a blank line.

        Raises DataError where it is none; the next can be read all the same.
        """
        try:
            return self._rating(line, where)
        except _NoRating as error:
            shown = one_line(line, SHOWN)
            raise DataError(f"{where}: {error}: {shown!r}; {self._advice}") from error

    def _rating(self, line: str, where: str) -> Arriving | None:
        text = line.strip("\r\n\ufeff")
        if not text.strip():
            return None
        if text.lstrip().startswith("{"):
            said = _object(text)
            if self._columns is None:
                self._columns = _roles(list(said), self._name)
            return _arriving(self._columns, said, where)
        if self._columns is None:
            self._separator = max(SEPARATORS, key=text.count)
        fields: list[str] = _fields(text, self._separator)
        if self._columns is None:
            headed = any(known(field, RATINGS) for field in fields)
            self._columns = _places(fields, self._name, headed)
            if headed:
                return None
        return _arriving(self._columns, dict(enumerate(fields)), where)


def moment_of(text: str) -> int | None:
    """A time as people write it: a number of seconds or a finer unit, or a date; None for none."""
    found = whole_number(text)
    return seconds_of_date(text) if found is None else found


def _roles(names: list[str], name: str) -> dict[str, str]:
    """The key of each role in JSON objects."""
    places = _places(names, name, True)
    return {role: names[at] for role, at in places.items()}


def _places(names: list[str], name: str, headed: bool) -> dict[str, int]:
    try:
        places = recognise(names, RATINGS, name, {}, headed)
    except DataError as error:  # whose advice is for imports, which take options
        raise _NoRating(str(error).partition(";")[0]) from error
    if headed:
        plain = [plain_name(one) for one in names]
        if KEY in plain:
            places[KEY] = plain.index(KEY)
    elif len(names) > len(BY_PLACE["ratings"]):
        raise _NoRating(
            f"{name} has {len(names)} columns and no header: name them in a first line, such as "
            "user_id,movie_id,rating,timestamp"
        )
    return places


def _fields(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise _NoRating(str(error)) from error


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise _NoRating("no JSON object") from error
    if not isinstance(said, dict):
        raise _NoRating("no JSON object")
    return said


def _arriving(columns: Mapping[str, int | str], said: Mapping[Any, Any], where: str) -> Arriving:
    values = {role: said.get(place) for role, place in columns.items()}
    told = {role: "" if value is None else str(value).strip() for role, value in values.items()}
    for role in ("user", "item", "rating"):
        if not told.get(role):
            raise _NoRating(f"no {role}")
    time = None
    if told.get("time"):
        time = moment_of(told["time"])
        if time is None:
            raise _NoRating("a time that is none")
    return Arriving(where, told["user"], told["item"], told["rating"], time, told.get(KEY) or None)
