"""Who was shown what by which arm: an SQLite file, written beside the requests."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reelrecs import config
from reelrecs.datasets.ids import Id
from reelrecs.errors import DataError, StorageError
from reelrecs.ratings_log.connection import open_database
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.writer_thread import WriterThread

log = logging.getLogger(__name__)

_MAKE = (
    "CREATE TABLE IF NOT EXISTS exposures (place INTEGER PRIMARY KEY, experiment TEXT, arm TEXT, "
    "user, time REAL, movies TEXT, teams TEXT)"
)
_INSERT = "INSERT INTO exposures (experiment, arm, user, time, movies, teams) VALUES (?,?,?,?,?,?)"


class Exposure(NamedTuple):
    """One list that somebody was shown."""

    experiment: str
    arm: str  # "" where rows of two arms stand in one list
    user: Id
    time: float  # seconds since 1970
    movies: Sequence[Id]  # best first
    teams: Sequence[int] = ()  # of interleaved rows: 0, 1, or -1 for nobody


class ExposureLog(Closing):
    """Writes in a thread of its own, many exposures in one transaction; no request waits for it.

    Where the disk is too slow or full exposures are lost, and told how many. Several processes may
    write one file. Raises StorageError for a file that cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(open_database(path, "rwc")) as link:
                link.execute("BEGIN IMMEDIATE")  # for which processes that start together wait
                link.execute(_MAKE)
                link.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot write exposures to {path}: {error}; make room, or set REELRECS_LOG_DIR to "
                "a folder that can be written"
            ) from error
        most = config.EXPOSURES_WAITING
        self._lines: WriterThread[Exposure] = WriterThread(
            self._write, "reelrecs-exposures", most, most, config.LOG_LOCK_SECONDS
        )

    def add(self, exposure: Exposure) -> None:
        """Line it up."""
        self._lines.add(exposure)

    def close(self) -> None:
        """Write what waits."""
        self._lines.close()

    def _write(self, batch: list[Exposure], lost: int) -> None:
        rows = [
            (*one[:4], json.dumps(list(one.movies)), json.dumps(list(one.teams))) for one in batch
        ]
        try:
            with contextlib.closing(open_database(self.path, "rwc")) as link:
                link.execute("BEGIN IMMEDIATE")
                link.executemany(_INSERT, rows)
                link.execute("COMMIT")
        except sqlite3.Error as error:
            lost += len(rows)
            log.warning(f"cannot write exposures to {self.path}: {error}")
        if lost:
            log.warning(f"{lost} exposures were not written to {self.path} and are lost")


def read_exposures(path: Path, experiment: str) -> Iterator[Exposure]:
    """Exposures of an experiment in the order of arrival; raises DataError."""
    if not path.exists():
        raise DataError(f"no exposures at {path}: run serve or web with --experiments first")
    try:
        with contextlib.closing(open_database(path, "ro")) as link:
            ask = (
                "SELECT experiment, arm, user, time, movies, teams FROM exposures "
                "WHERE experiment = ? ORDER BY place"
            )
            for name, arm, user, at, movies, teams in link.execute(ask, (experiment,)):
                yield Exposure(name, arm, user, at, json.loads(movies), json.loads(teams))
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise DataError(f"cannot read the exposures in {path}: {error}; restore it") from error


def erase_user(path: Path, user: Id) -> int:
    """Overwrite in the file what a user was shown, in every experiment; how many lists it were.

    Raises StorageError.
    """
    if not path.exists():
        return 0
    try:
        with contextlib.closing(open_database(path, "rw")) as link:
            link.execute("PRAGMA secure_delete = ON")
            ask = "DELETE FROM exposures WHERE CAST(user AS TEXT) = ?"
            return link.execute(ask, (str(user),)).rowcount
    except sqlite3.Error as error:
        raise StorageError(
            f"cannot erase exposures in {path}: {error}; try again when nothing writes there"
        ) from error
