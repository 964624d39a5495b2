"""Whose a file is: what ReelRecs wrote may be written again, anything else only by --force."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reelrecs.errors import StorageError

F = TypeVar("F", bound=Callable[..., Any])


def force_option(command: F) -> F:
    """--force."""
    return click.option("--force", is_flag=True, help="Write over files that are not ReelRecs's.")(
        command
    )


def require_ours(path: Path, option: str, ours: Callable[[Path], bool], force: bool) -> None:
    """Raise StorageError where a file stands that `ours` does not know, unless forced."""
    if not force and path.is_file() and path.stat().st_size > 0 and not ours(path):
        raise StorageError(
            f"{path} is there and was not written by this command; choose another file with "
            f"{option}, or write over it with --force"
        )


def is_store(path: Path) -> bool:
    """Whether it is a store, of any version and in any state."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file:
            said = pa.ipc.open_file(file).schema.metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return bool(said.get(b"format", b"").startswith(b"reelrecs."))


def is_lists(path: Path) -> bool:
    """Whether it is a Parquet file of lists."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return b"dataset_digest" in said


def is_saved_run(path: Path) -> bool:
    """Whether it is a Parquet file of an evaluation's figures by user."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return bool(said.get(b"format", b"").startswith(b"reelrecs."))


def is_plot(path: Path) -> bool:
    """Whether it is a picture of an evaluation."""
    with path.open("rb") as file:
        return b"ReelRecs" in file.read(1 << 12)


def is_rejected_lines(path: Path) -> bool:
    """Whether it is a file of rejected lines: file, line, byte, cause, text."""
    with path.open("rb") as file:
        return re.match(rb"[^\t\n]+\t\d+\t\d+\t[^\t\n]+\t", file.readline(1 << 16)) is not None
