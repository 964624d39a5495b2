"""Ratings of any make as arrays: ids, numbers and times gathered in one pass, bad rows named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.datasets.feedback import (
    UNRATED_STARS,
    Feedback,
    stars_of_counts,
    stars_of_likes,
    stars_of_scale,
)
from reelrecs.datasets.imports.choices import Choices
from reelrecs.datasets.imports.columns import RATINGS, recognise
from reelrecs.datasets.imports.id_column import CodedIds, IdBuilder
from reelrecs.datasets.imports.meaning import Meaning, meaning_of
from reelrecs.datasets.imports.moments import NO_TIME, TimeBuilder
from reelrecs.datasets.imports.numbers import NumberBuilder
from reelrecs.datasets.imports.rows import BadValue, Rows, Shape
from reelrecs.datasets.imports.single_rows import single_rows
from reelrecs.datasets.imports.text_rows import NotQuick, TextRows
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.times import day_of
from reelrecs.errors import DataError

NOTHING_PLAYED = "count of 0: nothing was played"

SHAPES = {"user": Shape.WORDS, "item": Shape.WORDS, "rating": Shape.WORDS, "time": Shape.TEXT}


@dataclass(frozen=True, slots=True)
class RatingsTable:
    """Ratings in file order, the good rows only; one of each (user, item)."""

    users: CodedIds
    items: CodedIds  # of all rows of the file and of the movie table
    kept: NDArray[np.bool_]  # which of the file's rows are ratings
    stars: NDArray[np.float32]  # [those kept]
    times: NDArray[np.int64]  # [those kept]
    columns: dict[str, str]  # role to the name of the column
    meaning: Meaning
    has_times: bool
    notes: list[str]


class Gathered:
    """One pass over the rows of a ratings table."""

    def __init__(self, rows: Rows, choices: Choices, rejects: Rejects, items: IdBuilder) -> None:
        said = dict(choices.ratings.columns)
        self.rows, self.choices, self.rejects = rows, choices, rejects
        self.places = recognise(rows.columns, RATINGS, rows.name, said, rows.headed)
        if choices.feedback is Feedback.NONE and "rating" not in said:
            self.places.pop("rating", None)
        self.columns = {role: rows.columns[place] for role, place in self.places.items()}
        expected = rows.expected()
        self.users, self.items = IdBuilder(expected), items
        self.numbers, self.times = NumberBuilder(expected), TimeBuilder(expected)
        self.bad: dict[int, BadValue] = {}
        self.count = 0
        self._gather()

    def _gather(self) -> None:
        roles = list(self.places)
        shapes = [SHAPES[role] for role in roles]
        for arrays in self.rows.batches([self.places[role] for role in roles], shapes):
            for role, values in zip(roles, arrays, strict=True):
                self._add(role, values)
            self.count += len(arrays[0])
            self._stop_at_bad()
        pa.default_memory_pool().release_unused()  # what the reader took for its batches
        self._stop_at_bad()
        if self.count == 0 and not self.rows.odd_shape:
            raise DataError(f"{self.rows.name} holds no ratings: no usable row; give a file with "
                            "at least one")  # fmt: skip

    def _add(self, role: str, values: Any) -> None:
        if role in ("user", "item"):
            builder = self.users if role == "user" else self.items
            self.note(role, "missing field", builder.add(values), values)
        else:
            wrong = (self.numbers if role == "rating" else self.times).add(values)
            for cause, where in wrong.items():
                self.note(role, cause, where, values)

    def note(self, role: str, cause: str, where: NDArray[np.bool_], values: Any) -> None:
        """Take note of bad rows of the batch that begins at `self.count`."""
        if where.any():
            for at in np.flatnonzero(where).tolist():
                shown = values[at].as_py()
                self.bad.setdefault(
                    self.count + at,
                    BadValue(self.columns[role], cause, "" if shown is None else str(shown)),
                )

    def _stop_at_bad(self) -> None:
        """Where rejects fail, name the first bad row at once and read no further."""
        if self.rejects.on_error == "fail" and (self.bad or self.rows.odd_shape):
            self.rows.report(self.bad, self.rejects)


def gather(rows: Rows, choices: Choices, rejects: Rejects, items: IdBuilder) -> Gathered:
    """Read a table; by the careful reader where the quick one gives up."""
    try:
        return Gathered(rows, choices, rejects, items)
    except NotQuick as error:
        if not isinstance(rows, TextRows):
            raise
        items.clear()
        rows.be_careful()
        try:
            return Gathered(rows, choices, rejects, items)
        except NotQuick:
            raise error from None


def ratings_of(gathered: Gathered, items: CodedIds) -> RatingsTable:
    """What was gathered as ratings; `items` are the ids of all its rows first.

    Raises MalformedRow or DataError for bad rows unless `rejects` take them.
    """
    rows, rejects, count = gathered.rows, gathered.rejects, gathered.count
    notes: list[str] = []
    meaning, values = _meaning(gathered)
    bad = np.zeros(count, np.bool_)
    times, has_times = _times(gathered, notes)
    with np.errstate(invalid="ignore"):
        outside = (values < meaning.lowest) | (values > meaning.highest)
    _note_outside(gathered, outside, values, meaning)
    if gathered.bad or rows.odd_shape:
        rows.report(gathered.bad, rejects)
        bad[list(gathered.bad)] = True
    if meaning.feedback is Feedback.COUNTS:
        nothing = (values == 0) & ~bad
        rejects.leave_out(NOTHING_PLAYED, int(nothing.sum()))
        bad |= nothing
        values[bad] = 0
    users = gathered.users.finish()
    if bad.all():
        raise DataError(f"{rows.name} holds no ratings: no usable row; give a file with at least "
                        "one")  # fmt: skip
    owners, movies = users.codes, items.codes[:count]
    kept = single_rows(owners, movies, values, times, bad, meaning, rejects)
    if not kept.all():
        owners, values, times = owners[kept], values[kept], times[kept]
    stars = _stars(values, owners, meaning)
    return RatingsTable(
        users, items, kept, stars, times, gathered.columns, meaning, has_times,
        [*meaning.notes, *notes],
    )  # fmt: skip


def _meaning(gathered: Gathered) -> tuple[Meaning, NDArray[np.float32]]:
    numbers, choices = gathered.numbers, gathered.choices
    if "rating" not in gathered.places:
        if choices.feedback not in (None, Feedback.NONE):
            raise DataError(
                f"{gathered.rows.name} has no column for the rating, which --feedback "
                f"{choices.feedback} needs; name it with --rating-column"
            )
        note = "no rating column: every row is an interaction"
        meaning = Meaning(Feedback.NONE, lowest=float("-inf"), notes=[note])
        return meaning, np.zeros(gathered.count, np.float32)
    column = gathered.columns["rating"]
    counted = numbers.counts
    meaning = meaning_of(counted, column, numbers.has_words, choices.feedback, choices.highest)
    return meaning, numbers.finish()


def _times(gathered: Gathered, notes: list[str]) -> tuple[NDArray[np.int64], bool]:
    if "time" not in gathered.places:
        notes.append("no time column: the order of the rows is taken for the order in time")
        return np.arange(gathered.count, dtype=np.int64), False
    times, unit, beyond = gathered.times.finish()
    column = gathered.columns["time"]
    for row in np.flatnonzero(beyond).tolist():
        gathered.bad.setdefault(row, BadValue(column, NO_TIME, f"{times[row]} s"))
    good = np.delete(times, list(gathered.bad)) if gathered.bad else times
    if len(good):
        span = f"from {day_of(int(good.min()))} to {day_of(int(good.max()))}"
        notes.append(f"{column}: {unit}, {span}")
    return times, True


def _note_outside(
    gathered: Gathered, outside: NDArray[np.bool_], values: NDArray[np.float32], meaning: Meaning
) -> None:
    lowest, highest = meaning.scale
    if meaning.feedback is Feedback.STARS:
        cause = f"rating out of range {lowest:g} to {highest:g}"
    elif meaning.feedback is Feedback.LIKES:
        cause = "neither liked nor not liked"
    else:
        cause = "count below 0"
    column = gathered.columns.get("rating", "")
    for row in np.flatnonzero(outside).tolist():
        gathered.bad.setdefault(row, BadValue(column, cause, f"{values[row]:g}"))


def _stars(
    values: NDArray[np.float32], owners: NDArray[np.int32], meaning: Meaning
) -> NDArray[np.float32]:
    if meaning.feedback is Feedback.NONE:
        return np.full(len(values), UNRATED_STARS, np.float32)
    if meaning.feedback is Feedback.LIKES:
        return stars_of_likes(values)
    if meaning.feedback is Feedback.COUNTS:
        return stars_of_counts(values, owners)
    stars = stars_of_scale(values, meaning.scale)
    if meaning.zero_is_unrated:
        stars = np.where(values == 0, np.float32(UNRATED_STARS), stars)
    return stars
