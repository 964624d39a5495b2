"""Connections to a log: one for reading and one for writing in each process, none across a fork."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from reelrecs import config
from reelrecs.atomic_write import scratch_folder
from reelrecs.fork_lock import ForkLock
from reelrecs.ratings_log.events import checksum

FORMAT = "reelrecs.log/1"

_TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE events (place INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER, user, movie, "
    "value REAL, time INTEGER, checksum INTEGER)",
    "CREATE TABLE keys (key BLOB PRIMARY KEY, checksum INTEGER) WITHOUT ROWID",
)
"""Columns without a type keep ids as they are: 10 is not "10"."""


class Door:
    """One connection a process, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = ForkLock()
        self._links: dict[int, sqlite3.Connection] = {}  # by process: none survives a fork
        self._file: tuple[int, int] | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The connection; given up after an error, for the file may be whole and it is not.

        So it is where another file stands in the log's place: what is written to one that was
        removed is lost.
        """
        with self._lock:
            file = file_at(self._path)
            if file != self._file:
                self._close()
            link = self._links.get(os.getpid())
            if link is None:
                link = self._links[os.getpid()] = _connect(self._path)
                self._file = file
            try:
                yield link
            except sqlite3.Error:
                self._close()
                raise

    def close(self) -> None:
        """Give the file back; it is opened again when it is needed."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        link = self._links.pop(os.getpid(), None)
        if link is not None:
            with contextlib.suppress(sqlite3.Error):
                link.close()


def file_at(path: Path) -> tuple[int, int] | None:
    """What tells the file in a place from any other; None where there is none. Raises OSError."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def open_database(path: Path, mode: str) -> sqlite3.Connection:
    """An SQLite file (mode "ro", "rw" or "rwc"), whose lock is waited for; nothing is implied."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=config.LOG_LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    link = open_database(path, mode)
    try:
        link.create_function("checksum_of", -1, checksum, deterministic=True)
        for pragma in ("synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF"):
            link.execute(f"PRAGMA {pragma}")
        if mode == "rw":
            known = link.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
            if known != (FORMAT,):
                raise sqlite3.DatabaseError(f"it is no {FORMAT} file")
    except BaseException:
        link.close()
        raise
    return link


def make_log(path: Path) -> None:
    """Put an empty log in its place, whole from the first moment; another's stays."""
    with scratch_folder(path) as folder:
        link = _connect(folder / path.name, "rwc")
        try:
            link.execute("PRAGMA journal_mode = WAL")
            link.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                link.execute(statement)
            facts = [("identity", uuid.uuid4().hex), ("format", FORMAT), ("clock", 0)]
            link.executemany("INSERT INTO facts VALUES (?, ?)", facts)
            link.execute("COMMIT")
        finally:
            link.close()
        with contextlib.suppress(FileExistsError):
            os.link(folder / path.name, path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
