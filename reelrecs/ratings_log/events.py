"""What a log holds: ratings in order of arrival, what was forgotten, and what is left of that."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.ids import Id, IdColumn, column_of
from reelrecs.datasets.times import LAST_SECOND


class Kind(IntEnum):
    """What one event says."""

    RATING = 0
    FORGET_RATING = 1  # of one movie by one user, whatever they rated it until then
    FORGET_USER = 2  # all that a user has rated until then
    ERASED = 3  # a rating that was forgotten: only its movie is still known


class Arrival(NamedTuple):
    """A rating as it is handed in."""

    user: Id
    movie: Id
    value: float  # on the scale of the data's own file
    time: int | None = None  # seconds since 1970; None is the moment of arrival
    key: str | None = None  # by which a rating that is sent again is known


class Step(NamedTuple):
    """How far a source has been read, before some of its ratings and after them."""

    source: str
    before: str | None  # as it was written; None: nothing was read yet
    after: str


class Row(NamedTuple):
    """One event as it stands in a log."""

    place: int  # its place in the order of arrival, from 1; no place is given twice
    kind: int
    user: Id | None
    movie: Id | None
    value: float | None
    time: int | None
    checksum: int


def checksum(*row: Any) -> int:
    """The CRC-32 of a row without its checksum."""
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Events:
    """A run of events as columns, in order of arrival; n of them.

    Ids are of the data's kind. What an event does not say is "" or 0 here.
    """

    places: NDArray[np.int64]  # [n]
    kinds: NDArray[np.int8]  # [n]
    users: IdColumn  # [n]
    movies: IdColumn  # [n]
    values: NDArray[np.float32]  # [n]
    times: NDArray[np.int64]  # [n]

    def __len__(self) -> int:
        return len(self.places)

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]], text_users: bool, text_movies: bool) -> Events:
        """The rows as columns; raises ValueError, naming its place, for one that cannot be."""
        for place, *rest in rows:
            if checksum(place, *rest[:-1]) != rest[-1] or not _possible(*rest[:-1]):
                raise ValueError(f"record {place} is not as it was written")
        columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
        return cls(
            np.array(columns[0], np.int64),
            np.array(columns[1], np.int8),
            _ids(columns[2], text_users),
            _ids(columns[3], text_movies),
            np.array([0.0 if one is None else one for one in columns[4]], np.float32),
            np.array([0 if one is None else one for one in columns[5]], np.int64),
        )


def _ids(ids: Sequence[Id | None], text: bool) -> IdColumn:
    """A column of ids of one kind, whatever each was written as; there may be none at all."""
    if text:
        return column_of(["", *("" if one is None else str(one) for one in ids)])[1:]
    return np.array([0 if one is None else int(one) for one in ids], np.int64)


_SAID = {
    int(Kind.RATING): (True, True, True, True),
    int(Kind.FORGET_RATING): (True, True, False, False),
    int(Kind.FORGET_USER): (True, False, False, False),
    int(Kind.ERASED): (False, True, False, False),
}
"""Whether an event of each kind names a user, a movie, a value and a time."""


def _possible(kind: int, user: Any, movie: Any, value: Any, time: Any) -> bool:
    """Whether an event says what one of its kind says, and nothing else."""
    said = (user is not None, movie is not None, value is not None, time is not None)
    return _SAID.get(kind) == said and (time is None or -LAST_SECOND <= time <= LAST_SECOND)
