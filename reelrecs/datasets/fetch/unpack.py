"""A zip to a folder: nothing leaves the folder, nothing half-unpacked stays."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from reelrecs.atomic_write import scratch_folder, storage_error
from reelrecs.datasets.files import BLOCK, why_refused
from reelrecs.errors import DownloadError, ReelRecsError, StorageError

SPARE = 64 * 2**20
"""Bytes that must stay free on the disk after anything that is written."""


def unpack(archive: Path, root: str, target: Path) -> None:
    """Unpack the zip, whose files all lie under the folder `root`, so that `target` is that folder.

    The target must not exist; it appears whole or not at all. Raises DownloadError for a damaged
    zip, one with paths out of its root or one that grows beyond the limits of `config`, and
    StorageError where the disk refuses.
    """
    with scratch_folder(target) as aside:
        try:
            with zipfile.ZipFile(archive) as opened:
                members = [(info, _inside(info, root)) for info in opened.infolist()]
                require_space(target.parent, sum(info.file_size for info, _ in members))
                for info, inside in members:
                    _unpack_member(opened, info, aside / inside)
            os.chmod(aside, 0o755)
            os.replace(aside, target)
        except ReelRecsError:
            raise
        except OSError as error:
            raise storage_error(target, error) from error
        except Exception as error:  # zipfile and its decompressors raise a dozen types
            raise DownloadError(
                f"{archive.name} is a damaged zip ({ascii(str(error))[:120]}); nothing was kept"
            ) from error


def require_space(folder: Path, wanted: int) -> None:
    """Raise StorageError unless this many bytes and some to spare are free."""
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE:
        raise StorageError(
            f"{folder} has {free / 1e6:,.0f} MB free and {(wanted + SPARE) / 1e6:,.0f} MB are "
            "needed; make room or choose another folder with --output"
        )


def _unpack_member(opened: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path) -> None:
    if info.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return
    refused = why_refused(info)
    if refused is not None:
        raise DownloadError(f"the zip is not what was promised: {refused}; nothing was unpacked")
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, place.open("wb") as out:
        shutil.copyfileobj(source, out, BLOCK)


def _inside(info: zipfile.ZipInfo, root: str) -> Path:
    """The member's path below the root; raises DownloadError for any other place."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    wrong = (
        path.is_absolute()
        or not path.parts
        or path.parts[0] != root
        or ".." in path.parts
        or any(":" in part for part in path.parts)
        or stat.S_ISLNK(info.external_attr >> 16)
    )
    if wrong:
        raise DownloadError(
            f"the zip holds {info.filename[:80]!r}, which is outside {root}/; nothing was unpacked"
        )
    return Path(*path.parts[1:])
