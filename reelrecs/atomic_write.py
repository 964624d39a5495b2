"""Files that appear whole or not at all, and nothing left of writers that were killed.

What is being written stands beside its place under a hidden name and is locked by its writer. The
system drops the lock with the process, so what can be locked has no writer any more.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from reelrecs.errors import StorageError

SUFFIX = ".unfinished"
"""Ends the name of what is being written; before it stand the final name and eight characters."""


def write_whole(path: Path, write_to: Callable[[BinaryIO], None]) -> None:
    """Write aside, fsync, rename: readers see the old file or the new one, never a part.

    Two processes that write at once both succeed; the later rename stands. Nothing is left behind
    when `write_to` raises or is interrupted. Raises StorageError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _aside(path, _make_file) as aside:
            with aside.open("wb") as file:
                write_to(file)
                file.flush()
                os.fsync(file.fileno())
            aside.chmod(0o644)
            aside.replace(path)
        _remove_leftovers(path)
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` for big or many files; it is gone when the block ends.

    So are those that killed processes left for the same path. Rename it to keep it. Raises
    StorageError where it cannot be made.
    """
    _remove_leftovers(path)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(_aside(path, _make_folder))
        except OSError as error:
            raise storage_error(path, error) from error
        yield folder


def storage_error(path: Path, error: OSError) -> StorageError:
    """The one-line form of what the file system said."""
    reason = (error.strerror or str(error)).lower()
    return StorageError(f"cannot write {path}: {reason}; choose a folder that can be written")


@contextmanager
def _aside(path: Path, make: Callable[[Path], str]) -> Iterator[Path]:
    """A locked file or folder beside `path`; removed at the end unless it was renamed."""
    while True:
        aside = Path(make(path))
        lock = _lock(aside, wait=True)
        if aside.exists():  # else somebody tidied up between our making and our locking it
            break
        _unlock(lock)
    try:
        yield aside
    finally:
        _remove(aside)
        _unlock(lock)


def _make_file(path: Path) -> str:
    handle, aside = tempfile.mkstemp(SUFFIX, f".{path.name}.", path.parent)
    os.close(handle)
    return aside


def _make_folder(path: Path) -> str:
    return tempfile.mkdtemp(SUFFIX, f".{path.name}.", path.parent)


def _remove_leftovers(path: Path) -> None:
    """Remove what writers of this path that are gone have left; others' files are not touched."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if pattern.fullmatch(name):
                lock = _lock(path.parent / name, wait=False)
                if lock is not None:
                    _remove(path.parent / name)
                _unlock(lock)


def _lock(path: Path, wait: bool) -> int | None:
    """Lock a file or folder; None where that cannot be, or not now and we do not wait.

    On a system without such locks, what killed writers leave stays there.
    """
    try:
        import fcntl
    except ImportError:
        return None
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(handle)
        else:
            return handle
    return None


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
