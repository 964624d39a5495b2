"""A file that grows and is rotated, read on from where reading ended."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.ingest.source import Record, lines_of, parsed

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """How far a file has been read, and what tells it from any other."""

    offset: int  # bytes
    head: bytes  # the first ones, `config.TOLD_BY_BYTES` of them at most
    tail: bytes  # and as many of the last ones before the offset

    def after(self, line: bytes) -> Place:
        """The place behind one more line."""
        most = config.TOLD_BY_BYTES
        head = self.head if len(self.head) == most else (self.head + line)[:most]
        return Place(self.offset + len(line), head, (self.tail + line)[-most:])

    def digest(self) -> str:
        """What is kept of the bytes: they may say who somebody is."""
        return hashlib.blake2b(self.head + b"\0" + self.tail, digest_size=16).hexdigest()


class FollowedFile:
    """Lines of a file; while it is followed whole ones only.

    A file is known by what was read of it, not by its name or number: where another stands in its
    place, its own rest is read first, under the name that it was given, then those of later files.
    """

    def __init__(self, path: Path, follow: bool, accept_gap: bool = False) -> None:
        self.name = f"file://{path.absolute()}"
        self._path = path
        self._follow = follow
        self._accept_gap = accept_gap

    def records(self, position: str | None) -> Generator[Record | None, None, None]:
        """See `Source`."""
        older: list[Path] = []
        offset = 0
        if position is not None:
            offset, digest = json.loads(position)
            older, offset = self._rest(offset, digest, self._accept_gap)
        while True:
            for path in older:
                yield from self._lines(path, offset, follow=False)
                offset = 0
            cut_off = yield from self._lines(self._path, offset, self._follow)
            if not self._follow:
                return
            older, offset = [], 0
            if cut_off is not None:
                log.warning("%s was cut off and begins again", self._path)
                older, offset = self._rest(cut_off.offset, cut_off.digest(), accept_gap=True)

    def written(self, after: object) -> str:
        """See `Source`."""
        assert isinstance(after, Place)
        return json.dumps([after.offset, after.digest()])

    def _rest(self, offset: int, digest: str, accept_gap: bool) -> tuple[list[Path], int]:
        """Files to be read before the one that has the name, and how far the first was read."""
        if _read_before(self._path, offset, digest):
            return [], offset
        beside = [path for path in self._path.parent.iterdir() if self._is_older(path)]
        beside.sort(key=lambda path: path.stat().st_mtime_ns)
        for at, path in enumerate(beside):
            if _read_before(path, offset, digest):
                return beside[at:], offset
        if accept_gap:
            return [], 0
        raise DataError(
            f"{self._path} is not the file that was read up to byte {offset:,}, nor is one beside "
            f"it called {self._path.name}...: put that there for its rest to be read, or go on "
            "without it by --accept-gap"
        )

    def _is_older(self, path: Path) -> bool:
        return path.name.startswith(self._path.name) and path != self._path and path.is_file()

    def _lines(
        self, path: Path, offset: int, follow: bool
    ) -> Generator[Record | None, None, Place | None]:
        """The lines from an offset on, until another file has the name; where it was cut off."""
        reader = lines_of(path.name)
        with _opened(path) as file:
            if offset:  # what columns there are the first line tells
                parsed(reader, file.readline(config.LONGEST_RECORD), path.name)
            file.seek(offset)
            place = _place(file, offset)
            broken = offset > 0 and not place.tail.endswith(b"\n")  # the last line had no end then
            renamed: float | None = None  # since when another has the name, and no line came
            while True:
                line = file.readline(config.LONGEST_RECORD)
                whole = line.endswith(b"\n") or len(line) == config.LONGEST_RECORD
                left = not follow or (
                    renamed is not None and time.monotonic() - renamed > config.ROTATION_SECONDS
                )
                if whole or (line and left):
                    where = f"{path.name}, byte {place.offset:,}"
                    place = place.after(line)
                    said = parsed(reader, line, where)
                    if broken and line.strip():
                        said = DataError(f"{where}: a line that was read goes on here; see to it")
                    broken = False
                    yield Record(said, place)
                    renamed = None
                    continue
                yield None
                if left:
                    return None
                file.seek(place.offset)
                if _place(file, place.offset) != place:
                    return place
                if renamed is None and self._replaced(file):
                    renamed = time.monotonic()
                time.sleep(config.FOLLOW_SECONDS)

    def _replaced(self, file: BinaryIO) -> bool:
        """Whether another file has the name of this one; who writes may do so for a moment yet."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False  # renamed, and the next one is not there yet
        mine = os.fstat(file.fileno())
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot read {path}: {reason}; give a file of ratings") from error


def _place(file: BinaryIO, offset: int) -> Place:
    """The place that is so far into a file, without moving in it."""
    size = min(offset, config.TOLD_BY_BYTES)
    number = file.fileno()
    return Place(offset, os.pread(number, size, 0), os.pread(number, size, offset - size))


def _read_before(path: Path, offset: int, digest: str) -> bool:
    """Whether it is the file that was read up to this place."""
    try:
        with path.open("rb") as file:
            place = _place(file, offset)
    except OSError:
        return False
    return len(place.tail) == min(offset, config.TOLD_BY_BYTES) and place.digest() == digest
