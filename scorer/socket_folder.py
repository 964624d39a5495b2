"""A folder of our own for a unix socket, and what killed processes left of theirs."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from pathlib import Path

PREFIX = "reelrecs-"

SOCKET = "scorer.sock"

YOUNG, YOUNG_EMPTY = 10.0, 3_600.0
"""Seconds for which a folder is left alone, with a socket in it and without: its owner may not
listen yet, and an empty folder may be somebody else's."""


def make_folder() -> Path:
    """Make a folder that only this user may enter; clear away those whose owners are dead."""
    remove_stale_folders(Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def remove_folder(folder: Path) -> None:
    """Remove a folder with its socket, and nothing but that."""
    with contextlib.suppress(OSError):
        (folder / SOCKET).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_stale_folders(parent: Path) -> None:
    """Remove this user's folders in which nobody listens any more.

    A process that is killed cannot tidy up, so the next one does. Whether somebody listens is
    asked of the socket itself: a process id says nothing in another container.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            if entry.name.startswith(PREFIX) and _is_stale(Path(entry.path)):
                remove_folder(Path(entry.path))


def _is_stale(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        status = folder.lstat()
        mine = status.st_uid == os.getuid() and status.st_mode & 0o077 == 0
        files = os.listdir(folder)
        old = time.time() - status.st_mtime > (YOUNG if files else YOUNG_EMPTY)
        return mine and old and set(files) <= {SOCKET} and not _is_heard(folder)
    return False


def _is_heard(folder: Path) -> bool:
    """Whether somebody listens at the folder's socket; False only where it is sure."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(folder / SOCKET))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
