"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from reelrecs.errors import StorageError


def write_whole(path: Path, write_to: Callable[[BinaryIO], None]) -> None:
    """Write aside, fsync, rename: readers see the old file or the new one, never a part.

    Two processes that write at once both succeed; the later rename stands. Nothing is left behind
    when `write_to` raises or is interrupted. Raises StorageError.
    """
    aside: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            write_to(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
        aside = None
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason.lower()}; choose a folder that can be written"
        ) from error
    finally:
        if aside is not None and os.path.exists(aside):
            os.unlink(aside)
