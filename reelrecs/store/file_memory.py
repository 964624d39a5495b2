"""The bytes of a file in memory that other programs cannot change unseen.

A mapped page shows whatever is in the file: who overwrites the file changes what we read, and who
cuts it has the system kill us (SIGBUS). So a file is read into memory of our own, and mapped only
where that is too much to hold; then whoever uses it can ask whether it was changed meanwhile.
"""

from __future__ import annotations

import mmap
import os
import weakref
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Identity(NamedTuple):
    """What tells one state of a file from any other; times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified: int  # of the content; a program can set it back
    changed: int  # of the entry; no program can set it


def identity(path: Path) -> Identity:
    """The state in which the file at `path` is now; raises OSError."""
    status = path.stat()
    return Identity(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


class FileMemory:
    """A file's bytes, read-only; raises OSError. Files of more than `map_from` bytes are mapped."""

    def __init__(self, path: Path, map_from: int | None = None) -> None:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            self._mapped: int | None = None  # the file's descriptor
            if map_from is not None and size > map_from:
                self._mapped = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._mapped)
                self._state = _state(self._mapped)
                view = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
                self.content: NDArray[np.uint8] = np.frombuffer(view, np.uint8)
            else:
                self.content = _read(file, size)

    def was_changed(self) -> bool:
        """Whether the mapped file was cut or written to since; never so for memory of our own."""
        return self._mapped is not None and _state(self._mapped) != self._state


def _state(descriptor: int) -> tuple[int, int]:
    """Size and time of change; not that of the entry, which changes when a file is replaced."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _read(file: FileIO, size: int) -> NDArray[np.uint8]:
    content = np.empty(size, np.uint8)
    done = 0
    while done < size:
        count = file.readinto(content.data[done:])
        if not count:
            raise OSError(f"it was cut to {done:,} bytes while it was read")
        done += count
    content.flags.writeable = False
    return content
