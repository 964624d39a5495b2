"""Other people's files of ratings: csv with any usual separator and column names, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reelrecs.datasets.files import Folder
from reelrecs.datasets.imports.columns import recognise
from reelrecs.datasets.imports.convert import SCALES
from reelrecs.datasets.imports.tables import Imported, import_frames
from reelrecs.datasets.ratings import read_ratings
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.text import MAX_ID, id_of, read_bytes, split, whole_lines
from reelrecs.errors import DataError

SEPARATORS = ("::", "\t", ";", "|", ",")
"""Tried in this order: the first that the header holds. Commas stand in many a title."""

DEFAULT_HEADER = ("user_id", "item_id", "rating", "timestamp")
"""What the columns of a file without a header are taken to be."""

Check = Callable[[str], str]


def import_files(ratings: Path, movies: Path | None, rejects: Rejects) -> Imported:
    """Tables from files; raises DataError, and MalformedRow for a bad line of a csv file."""
    rating_table = _read(ratings, ("user", "item", "rating"), ("time",), rejects)
    movie_table = None
    if movies is not None:
        movie_table = _read(movies, ("item", "title"), ("genres", "year"), rejects)
    return import_frames(rating_table, movie_table, rejects)


def _read(path: Path, needed: Sequence[str], wanted: Sequence[str], rejects: Rejects) -> pa.Table:
    if not path.is_file():
        raise DataError(f"{path} is no file; give a csv or Parquet file")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give a file with at least one rating")
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if not is_parquet:
        return _read_csv(path, needed, wanted, rejects)
    try:
        names = pq.read_schema(path).names
        return pq.read_table(
            path, columns=list(recognise(names, needed, wanted, path.name).values())
        )
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is a damaged Parquet file ({reason}); write it again") from error


def _read_csv(
    path: Path, needed: Sequence[str], wanted: Sequence[str], rejects: Rejects
) -> pa.Table:
    """The columns of these roles, ids as numbers if all are, else as text."""
    files, name = Folder(path.parent), path.name
    first = next(whole_lines(files, name, 0), None)
    if first is None:
        raise DataError(f"{path} holds no lines; give a file with at least one rating")
    head = first.raw.decode("utf-8", "replace")
    separator = next((mark for mark in SEPARATORS if mark in head), ",")
    _, header = split(first.raw, separator, head.count(separator) + 1, "utf-8", quotes=True)
    has_header = any(part[:1].isalpha() for part in header)
    names = [part.strip() for part in header] if has_header else list(DEFAULT_HEADER)
    chosen = recognise(names, needed, wanted, name)
    if _is_plain(files, name, separator, names, chosen, has_header):
        return _by_kernel(files, name, separator, names, has_header, rejects)
    columns: dict[str, list[Any]] = {role: [] for role in chosen}
    places = [(role, names.index(column), _CHECKS.get(role)) for role, column in chosen.items()]
    for line in whole_lines(files, name, first.number if has_header else 0):
        cause, fields = split(line.raw, separator, len(names), "utf-8", quotes=True)
        for _, at, check in () if cause else places:
            cause = cause or (check(fields[at]) if check else "")
        if cause:
            rejects.add(name, line.number, line.offset, cause, line.raw)
            continue
        for role, at, _ in places:
            columns[role].append(fields[at])
    return pa.table({chosen[role]: _column(role, values) for role, values in columns.items()})


def _is_plain(
    files: Folder, name: str, separator: str, names: list[str], chosen: dict[str, str], headed: bool
) -> bool:
    """Whether the kernel can read it: four columns in order, and numbers in the first row."""
    if [chosen.get(role) for role in ("user", "item", "rating", "time")] != names:
        return False
    if separator not in (",", "\t", "::", ";", "|"):
        return False
    for line in whole_lines(files, name, 1 if headed else 0):
        _, fields = split(line.raw, separator, 4, "utf-8", quotes=False)
        return len(fields) == 4 and all(field.replace(".", "0").isdigit() for field in fields)
    return False


def _by_kernel(
    files: Folder, name: str, separator: str, names: list[str], headed: bool, rejects: Rejects
) -> pa.Table:
    skipped = 0
    if headed:
        head = read_bytes(files, name)[: 1 << 16].tobytes()
        skipped = head.index(b"\n") + 1
    scale = (0.0, SCALES[-1])
    read = read_ratings(files, name, separator.encode(), rejects, skipped, scale).ratings
    arrays = (read.users, read.movies, read.stars, read.times)
    return pa.table(dict(zip(names, arrays, strict=True)))


def _column(role: str, values: list[str]) -> pa.Array:
    if role in ("user", "item"):
        if all(value.isascii() and value.isdigit() and len(value) < 11 for value in values):
            numbers = np.array([int(value) for value in values], np.int64)
            if not len(numbers) or numbers.max() <= MAX_ID:
                return pa.array(numbers.astype(np.uint32))
        return pa.array(values, pa.large_string())
    if role == "rating":
        return pa.array([float(value) for value in values], pa.float64())
    if role == "time":
        return pa.array([_seconds(value) for value in values], pa.int64())
    return pa.array(values, pa.large_string())


def _seconds(text: str) -> int:
    """Seconds since 1970 of a number or of an ISO 8601 date; without a zone it is UTC."""
    try:
        return int(float(text))
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _check_id(text: str) -> str:
    if not text:
        return "missing field"
    if text.isascii() and text.lstrip("-").isdigit():
        return id_of(text)[1]
    return ""


def _check_rating(text: str) -> str:
    if not text:
        return "missing field"
    try:
        value = float(text)
    except ValueError:
        return "not a number"
    return "" if 0 <= value <= SCALES[-1] else "rating out of range"


def _check_time(text: str) -> str:
    if not text:
        return "missing field"
    try:
        value = _seconds(text)
    except (ValueError, OverflowError):
        return "not a time"
    return "" if -(2**62) < value < 2**62 else "number too large"


_CHECKS: dict[str, Check] = {
    "user": _check_id,
    "item": _check_id,
    "rating": _check_rating,
    "time": _check_time,
}
