"""The log as one SQLite file in WAL mode, where an acknowledged commit is on the disk.

Measured against an append-only file of our own, SQLite is the slower by half and fast enough by
twenty times; see docs/live-ratings.md. It locks writers against each other, lets readers read on,
checks each frame of its write-ahead log and leaves a torn tail out.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from reelrecs.datasets.ids import LONGEST_SHOWN, PLAIN, Id
from reelrecs.errors import DataError, InvalidRequest, StorageError, one_line
from reelrecs.ratings_log.connection import Door, file_at, make_log
from reelrecs.ratings_log.events import Arrival, Events, Kind, Step, checksum

T = TypeVar("T")

_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"

_SOURCES = "CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, position TEXT) WITHOUT ROWID"
"""Made by the first step: a log that none was written to has none, nor does an older one."""

_HAS_SOURCES = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sources'"

_ERASE = """
UPDATE events SET kind = 3, user = NULL, value = NULL, time = NULL,
    checksum = checksum_of(place, 3, NULL, movie, NULL, NULL)
WHERE kind = 0 AND user IN (?, ?)
"""


class RatingsLog:
    """One data set's log; for any number of threads and processes, and it survives a fork.

    It is made by the first rating; until then there is nothing to read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading, self._writing = Door(path), Door(path)

    def exists(self) -> bool:
        """Whether anything was ever rated."""
        return self.file() is not None

    def file(self) -> tuple[int, int] | None:
        """What tells the log's file from another in its place; None before the first rating.

        Raises DataError where that cannot be known: a folder nobody may look into holds ratings.
        """
        try:
            return file_at(self.path)
        except OSError as error:
            raise self._damaged(error) from error

    def identity(self) -> str:
        """What tells this log from any other that may stand in its place; "" for none."""
        if not self.exists():
            return ""
        ask = "SELECT value FROM facts WHERE name = 'identity'"
        return str(self._asked(lambda link: link.execute(ask).fetchone()[0]))

    def last(self) -> int:
        """The place of the last event, 0 where there are none; cheap enough for every request."""
        return self._asked(_last) if self.exists() else 0

    def after(self, place: int, text_users: bool, text_movies: bool) -> Events:
        """All events behind a place, with ids as numbers or text; raises DataError for damage."""
        rows: list[Any] = []
        if self.exists():
            ask = "SELECT * FROM events WHERE place > ? ORDER BY place"
            rows = self._asked(lambda link: link.execute(ask, (place,)).fetchall())
        try:
            return Events.of(rows, text_users, text_movies)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._damaged(error) from error

    def append(self, groups: Sequence[Sequence[Arrival]]) -> list[int | InvalidRequest]:
        """Write groups of ratings, and return when the disk has them; for each how many were new.

        A rating whose key was seen before is not written again. A group in which one has the key of
        another rating is left out, and its error stands in its place. One transaction and one fsync
        for all. Raises StorageError, and then none of them is acknowledged.
        """

        def write(link: sqlite3.Connection) -> list[int | InvalidRequest]:
            now = _tick(link)
            return [_append_group(link, group, now) for group in groups]

        return self._written(write)

    def position(self, source: str) -> str | None:
        """How far a source has been read, as the last step said; None if never."""
        if not self.exists():
            return None

        def ask(link: sqlite3.Connection) -> str | None:
            known = link.execute(_HAS_SOURCES).fetchone() is not None
            return _position(link, source) if known else None

        return self._asked(ask)

    def append_step(self, step: Step, ratings: Sequence[Arrival]) -> int:
        """Write ratings of a source and how far it has been read then, both or neither.

        So each record of a source is written once, wherever its reader dies. How many ratings were
        new. Raises InvalidRequest for a key of another rating, DataError where somebody else has
        read on from the same place, and StorageError.
        """

        def write(link: sqlite3.Connection) -> int:
            link.execute(_SOURCES)
            if _position(link, step.source) != step.before:
                raise DataError(
                    f"{step.source} is read by another ingest into the same log: leave it to that"
                )
            new = _append_group(link, ratings, _tick(link))
            if isinstance(new, InvalidRequest):
                raise new
            reached = (step.source, step.after)
            link.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", reached)
            return new

        return self._written(write)

    def forget(self, user: Id, movie: Id | None = None) -> None:
        """Erase what a user rated, one movie or all; what stood here is overwritten on the disk."""

        def write(link: sqlite3.Connection) -> None:
            ask, wanted = _ERASE, _forms(user)
            if movie is not None:
                ask, wanted = f"{ask} AND movie IN (?, ?)", [*wanted, *_forms(movie)]
            link.execute(ask, wanted)
            kind = Kind.FORGET_USER if movie is None else Kind.FORGET_RATING
            event = (_last(link) + 1, int(kind), user, movie, None, None)
            link.execute(_INSERT, (*event, checksum(*event)))

        self._written(write)
        self._asked(lambda link: link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    def damage(self) -> str:
        """What SQLite finds wrong in the file, "" if nothing; reads all of it."""
        if not self.exists():
            return ""
        found = self._asked(lambda link: link.execute("PRAGMA quick_check(1)").fetchone()[0])
        return "" if found == "ok" else str(found)

    def close(self) -> None:
        """Give the file back; it is opened again when it is needed."""
        self._reading.close()
        self._writing.close()

    def _asked(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._reading.opened() as link:
                return ask(link)
        except (sqlite3.Error, OSError) as error:
            raise self._damaged(error) from error

    def _written(self, write: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if not self.path.exists():
                make_log(self.path)
            with self._writing.opened() as link:
                link.execute("BEGIN IMMEDIATE")
                try:
                    result = write(link)
                    link.execute("COMMIT")
                finally:
                    if link.in_transaction:
                        link.execute("ROLLBACK")
                return result
        except (sqlite3.Error, OSError, StorageError) as error:
            raise self._cannot_write(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"cannot read the log of ratings {self.path}: {error}; restore it, or move it away to "
            "go on without what it holds"
        )

    def _cannot_write(self, error: Exception) -> StorageError:
        reason = str(error).partition("; ")[0]
        return StorageError(
            f"cannot write the log of ratings {self.path}: {reason}; make room, or set "
            "REELRECS_LOG_DIR to a folder that can be written"
        )


def _position(link: sqlite3.Connection, source: str) -> str | None:
    row = link.execute("SELECT position FROM sources WHERE name = ?", (source,)).fetchone()
    return None if row is None else str(row[0])


def _last(link: sqlite3.Connection) -> int:
    found = link.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return 0 if found is None else int(found[0])


def _tick(link: sqlite3.Connection) -> int:
    """The moment of arrival, in seconds: never before the last, whatever the clock says."""
    known = link.execute("SELECT value FROM facts WHERE name = 'clock'").fetchone()
    now = max(int(time.time()), int(known[0]))
    link.execute("UPDATE facts SET value = ? WHERE name = 'clock'", (now,))
    return now


def _append_group(
    link: sqlite3.Connection, group: Sequence[Arrival], now: int
) -> int | InvalidRequest:
    link.execute("SAVEPOINT one_group")
    place = before = _last(link)
    for one in group:
        rating = (int(Kind.RATING), one.user, one.movie, float(one.value))
        if one.key is not None:
            told, digest = checksum(*rating, one.time), _digest(one.key)
            known = link.execute("SELECT checksum FROM keys WHERE key = ?", (digest,)).fetchone()
            if known == (told,):
                continue
            if known is not None:
                link.execute("ROLLBACK TO one_group")
                link.execute("RELEASE one_group")
                shown = one_line(one.key, LONGEST_SHOWN)
                return InvalidRequest(f"key {shown!r} is another rating's: give each its own")
            link.execute("INSERT INTO keys VALUES (?, ?)", (digest, told))
        place += 1
        event = (place, *rating, now if one.time is None else one.time)
        link.execute(_INSERT, (*event, checksum(*event)))
    link.execute("RELEASE one_group")
    return place - before


def _digest(key: str) -> bytes:
    """What is kept of a key, which may say who somebody is."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _forms(wanted: Id) -> list[Id]:
    """An id as text and, where it is one, as a number: the kind of the data's ids may change."""
    text = str(wanted)
    number = PLAIN.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63
    return [text, int(text) if number else text]
