"""Bytes of somebody's file, whatever it is packed in: gz, bz2, xz, zst, a zip, standard input."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import sys
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from reelrecs.datasets.files import is_clutter, why_refused
from reelrecs.errors import DataError

BLOCK = 1 << 20
"""Bytes read at a time."""

STDIN = "-"

DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, pa.ArrowException)
"""What the several decompressors raise at damage."""


class Opened:
    """A file that can be read from its beginning any number of times."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path
        if str(path) == STDIN:
            self.name = "standard input"
            self.path = _stdin()
            weakref.finalize(self, self.path.unlink, missing_ok=True)
        archive = _archive(self.path)
        if archive is not None:
            self.path = archive
        elif self.path.is_dir():
            raise DataError(f"{path} is a folder; give a file, or --data-dir for a folder")
        elif not self.path.is_file():
            raise DataError(f"{path} is no file; give one of ratings: csv, JSON lines, Parquet ...")
        self._open = self._opener(path)
        if not self.head(1):
            raise DataError(f"{path} is empty; give a file with at least one line")

    def head(self, size: int) -> bytes:
        """The first bytes, unpacked."""
        return next(self.blocks(size), b"")[:size]

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """All bytes, unpacked, so many at a time; raises DataError where they are damaged."""
        try:
            with self._open() as file:
                while block := file.read(size):
                    yield block
        except DAMAGED as error:
            reason = " ".join(str(error).split())[:120]
            raise DataError(
                f"{self.name} is damaged or cut short ({reason!a}); get it again"
            ) from error

    @property
    def packed(self) -> bool:
        """Whether the bytes on disk are others than those read."""
        return self._packed

    def _opener(self, path: Path) -> Callable[[], BinaryIO]:
        try:
            with self.path.open("rb") as file:
                magic = file.read(6)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DataError(f"cannot read {path}: {reason}; make it readable") from error
        self._packed = True
        if magic.startswith(b"PK\x03\x04"):
            return _zip_member(self.path, path)
        if magic.startswith(b"\x1f\x8b"):
            return lambda: cast(BinaryIO, gzip.open(self.path, "rb"))
        if magic.startswith(b"BZh"):
            return lambda: cast(BinaryIO, bz2.open(self.path, "rb"))
        if magic.startswith(b"\xfd7zXZ\x00"):
            return lambda: cast(BinaryIO, lzma.open(self.path, "rb"))
        if magic.startswith(b"\x28\xb5\x2f\xfd"):
            return lambda: cast(BinaryIO, pa.CompressedInputStream(str(self.path), "zstd"))
        self._packed = False
        return lambda: self.path.open("rb")


def exists(path: Path) -> bool:
    """Whether there is something to read: a file, a member of a zip, or standard input."""
    return str(path) == STDIN or path.is_file() or _archive(path) is not None


def _archive(path: Path) -> Path | None:
    """The zip in whose inside the path leads ("set.zip/ratings.csv"), if it does."""
    if path.exists():
        return None
    return next((above for above in path.parents if above.is_file()
                 and zipfile.is_zipfile(above)), None)  # fmt: skip


def _stdin() -> Path:
    """Standard input in a file of our own, so that it can be read twice."""
    if sys.stdin is None:
        raise DataError("standard input is closed; give a file")
    handle, name = tempfile.mkstemp(prefix="reelrecs-")
    with os.fdopen(handle, "wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK)
    return Path(name)


def _zip_member(archive: Path, asked: Path) -> Callable[[], BinaryIO]:
    try:
        with zipfile.ZipFile(archive) as zipped:
            infos = [info for info in zipped.infolist() if not is_clutter(info)]
    except Exception as error:  # zipfile raises a dozen types, zlib's and struct's among them
        raise DataError(f"{asked} is a damaged zip; get it again") from error
    if archive != asked and asked.is_relative_to(archive):
        inside = asked.relative_to(archive).as_posix()
        infos = [info for info in infos if info.filename == inside or
                 info.filename.endswith(f"/{inside}")]  # fmt: skip
    if len(infos) != 1:
        names = ", ".join(info.filename for info in infos[:5])
        raise DataError(
            f"{asked} holds {len(infos)} files ({names[:200]!a}); name one, as in "
            f"{archive.name}/FILE"
        )
    refused = why_refused(infos[0])
    if refused is not None:
        raise DataError(f"{asked}: {refused}; if you trust the zip, unpack it and give the file")

    def opened() -> BinaryIO:
        with zipfile.ZipFile(archive) as zipped:
            return cast(BinaryIO, zipped.open(infos[0]))

    return opened
