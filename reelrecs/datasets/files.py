"""A folder or a zip file seen alike: the names in it, their bytes, and what identifies them."""

from __future__ import annotations

import hashlib
import mmap
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import DataError

BLOCK = 1 << 20
"""Bytes unpacked at a time."""

SAMPLE_BLOCK = 4096
"""Bytes of each block that goes into a folder's fingerprint."""

SAMPLE_BLOCKS = 16
"""Blocks sampled from each file, for file systems whose times of change say little; reading them
takes a fraction of a millisecond whatever the size."""


class Files(Protocol):
    """The files of one data set, by plain name ("ratings.csv")."""

    path: Path
    names: frozenset[str]

    def read(self, name: str) -> NDArray[np.uint8]:
        """All bytes of a file, read-only; raises DataError."""
        ...

    def fingerprint(self, names: Iterable[str]) -> str:
        """What identifies the content of these files, without reading them whole."""
        ...


def open_files(path: Path) -> Files:
    """The folder or zip at `path`; raises DataError where there is neither."""
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; give a folder or zip that holds a data set")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; download it again")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is neither a folder nor a zip; give the data set's folder or zip")
    return Zip(path)


class Folder:
    """Files of a folder, mapped into memory when read."""

    def __init__(self, path: Path) -> None:
        try:
            entries = list(path.iterdir())
        except OSError as error:
            raise _unreadable(path, error) from error
        self.path = path
        self.names = frozenset(entry.name for entry in entries if entry.is_file())

    def read(self, name: str) -> NDArray[np.uint8]:
        """Map a file; the mapping lives as long as the array."""
        path = self.path / name
        try:
            with path.open("rb") as file:
                if path.stat().st_size == 0:
                    return np.zeros(0, np.uint8)
                return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        except OSError as error:
            raise _unreadable(path, error) from error

    def fingerprint(self, names: Iterable[str]) -> str:
        """Size, times of change and sampled blocks of each file.

        Both times count: a program can set that of the content back, that of the file's entry it
        cannot (Windows keeps no such time, so there an edit between the samples may pass).
        """
        hasher = hashlib.blake2b(b"folder", digest_size=16)
        for name in sorted(names):
            path = self.path / name
            try:
                status = path.stat()
                facts = (name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                hasher.update(repr(facts).encode())
                with path.open("rb") as file:
                    for at in _sample_places(status.st_size):
                        file.seek(at)
                        hasher.update(file.read(SAMPLE_BLOCK))
            except OSError as error:
                raise _unreadable(path, error) from error
        return hasher.hexdigest()


class Zip:
    """Files of a zip, in its root or in folders; the zip's own digests identify them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                infos = [info for info in archive.infolist() if not is_clutter(info)]
        except Exception as error:  # zipfile raises a dozen types, zlib's and struct's among them
            raise _damaged(path, error) from error
        shallow = sorted(infos, key=lambda info: -info.filename.count("/"))
        self._members = {PurePosixPath(info.filename).name: info for info in shallow}
        self.names = frozenset(self._members)

    def read(self, name: str) -> NDArray[np.uint8]:
        """Unpack a file into memory and check it against the zip's digest.

        Raises DataError too for one that is beyond the limits of `config`.
        """
        info = self._members[name]
        refused = why_refused(info)
        if refused is not None:
            raise DataError(
                f"{self.path}: {refused}; if you trust the zip, unpack it and give the folder"
            )
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as member:
                return _read_whole(member, info.file_size)
        except Exception as error:  # as above, and whatever its decompressors raise
            raise _damaged(self.path, error) from error

    def fingerprint(self, names: Iterable[str]) -> str:
        """Size and CRC-32 of each file, from the zip's directory."""
        hasher = hashlib.blake2b(b"zip", digest_size=16)
        for name in sorted(names):
            info = self._members[name]
            hasher.update(f"{name}\0{info.file_size}\0{info.CRC}\0".encode())
        return hasher.hexdigest()


def why_refused(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not unpacked, by what the zip's directory says of it; None: it is."""
    what = f"{info.filename[-80:]!a} would unpack to {info.file_size / 1e6:,.0f} MB"
    if info.file_size > config.ZIP_MEMBER_BYTES:
        return f"{what}, beyond config.ZIP_MEMBER_BYTES ({config.ZIP_MEMBER_BYTES / 1e6:,.0f} MB)"
    if info.file_size > max(config.ZIP_RATIO_FROM, config.ZIP_RATIO * info.compress_size):
        ratio = info.file_size // max(info.compress_size, 1)
        return f"{what}, {ratio:,} times its size (config.ZIP_RATIO allows {config.ZIP_RATIO})"
    return None


def _read_whole(member: IO[bytes], size: int) -> NDArray[np.uint8]:
    """All of a member in bounded steps: the directory may lie, and a step cannot grow beyond it."""
    content = np.empty(size, np.uint8)
    done = 0
    while block := member.read(BLOCK):
        content[done : done + len(block)] = np.frombuffer(block, np.uint8)
        done += len(block)
    if done < size:
        raise zipfile.BadZipFile(f"{done:,} of {size:,} bytes")
    content.flags.writeable = False
    return content


def is_clutter(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder, hidden, or what macOS leaves in a zip."""
    parts = PurePosixPath(info.filename).parts
    return info.is_dir() or not parts or parts[0] == "__MACOSX" or parts[-1].startswith(".")


def _sample_places(size: int) -> Iterable[int]:
    last = max(size - SAMPLE_BLOCK, 0)
    return sorted({last * part // (SAMPLE_BLOCKS - 1) for part in range(SAMPLE_BLOCKS)})


def _unreadable(path: Path, error: OSError) -> DataError:
    reason = (error.strerror or str(error)).lower()
    return DataError(f"cannot read {path}: {reason}; make it readable or choose another folder")


def _damaged(path: Path, error: Exception) -> DataError:
    reason = ascii(" ".join(str(error).split())[:120])
    return DataError(f"{path} is a damaged zip ({reason}); download it again")
