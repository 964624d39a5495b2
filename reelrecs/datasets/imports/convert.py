"""Columns of anybody's table to the numbers we keep: ids, stars, seconds; bad values by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError

MAX_ID = 2**32 - 1

SCALES = (5.0, 10.0, 100.0)
"""Scales that people rate on; ratings are brought to the first, on which "liked" is defined."""

MILLISECONDS_FROM = 10**11
"""Numbers from here on are milliseconds: as seconds they would be the year 5138."""


class BadRows:
    """Rows to leave out; under "fail" the first raises."""

    def __init__(self, rejects: Rejects, count: int) -> None:
        self.rejects = rejects
        self.count = count
        self.rows: NDArray[np.bool_] | None = None

    def add(self, where: NDArray[np.bool_], column: str, cause: str, values: Any) -> None:
        """Take note of the rows where something is wrong with a column's value."""
        if not where.any():
            return
        if self.rejects.on_error == "fail":
            row = int(np.flatnonzero(where)[0])
            shown = ascii(str(values[row].as_py())[:80])
            raise DataError(
                f"row {row} (from 0), column {column}: {cause}: {shown}; mend the row, or leave "
                "such rows out with --on-error skip"
            )
        fresh = where if self.rows is None else where & ~self.rows
        self.rejects.counts[cause] += int(fresh.sum())
        self.rows = where if self.rows is None else self.rows | where


def ids_of(column: Any, name: str, bad: BadRows) -> tuple[NDArray[np.int64], list[str] | None]:
    """Ids as numbers, and their names where they are text."""
    column = plain(column)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        bad.add(_nulls(column), name, "missing field", column)
        encoded = pc.fill_null(column.cast(pa.large_string()), "").dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        order = sorted(range(len(distinct)), key=distinct.__getitem__)
        code_of = np.empty(len(distinct), np.int64)
        code_of[order] = np.arange(1, len(distinct) + 1, dtype=np.int64)
        return code_of[encoded.indices.to_numpy()], [distinct[at] for at in order]
    if kind == pa.uint32() and column.null_count == 0:
        return column.to_numpy().astype(np.int64), None
    values, wrong = _numbers(column, name, bad)
    bad.add(~wrong & (values != np.floor(values)), name, "not a whole number", column)
    bad.add(~wrong & (values < 0), name, "negative number", column)
    bad.add(~wrong & (values > MAX_ID), name, "number too large", column)
    usable = ~wrong & (values >= 0) & (values <= MAX_ID)
    return np.where(usable, values, 0).astype(np.int64), None


def stars_of(column: Any, name: str, bad: BadRows, notes: list[str]) -> NDArray[np.float32]:
    """Stars on our scale, from the least of the known scales that holds all ratings."""
    column = plain(column)
    values, wrong = _numbers(column, name, bad)
    bad.add(~wrong & ((values < 0) | (values > SCALES[-1])), name, "rating out of range", column)
    usable = ~wrong & (values >= 0) & (values <= SCALES[-1])
    highest = values[usable].max(initial=0.0)
    scale = next(scale for scale in SCALES if highest <= scale)
    if scale == SCALES[0]:
        if column.type == pa.float32() and column.null_count == 0:
            return np.asarray(column.to_numpy(), np.float32)
        return np.where(usable, values, 0).astype(np.float32)
    notes.append(f"ratings go up to {highest:g}: read as {SCALES[0]:g} stars for {scale:g}")
    return (np.where(usable, values, 0) * (SCALES[0] / scale)).astype(np.float32)


def times_of(column: Any, name: str, bad: BadRows, notes: list[str]) -> NDArray[np.int64]:
    """Seconds since 1970 of dates, of seconds and of milliseconds."""
    column = plain(column)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        bad.add(_nulls(column), name, "missing field", column)
        seconds = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        return np.asarray(pc.fill_null(seconds, 0).to_numpy(), np.int64)
    if column.type == pa.int64() and column.null_count == 0:
        seconds = column.to_numpy()
        usable = np.ones(len(seconds), np.bool_)
    else:
        values, wrong = _numbers(column, name, bad)
        usable = ~wrong & (np.abs(values) < 2**62)
        bad.add(~wrong & ~usable, name, "number too large", column)
        seconds = np.where(usable, values, 0).astype(np.int64)
    if len(seconds) and np.median(seconds[usable] if usable.any() else seconds) > MILLISECONDS_FROM:
        notes.append("times are in milliseconds")
        return np.asarray(seconds // 1000, np.int64)
    return np.asarray(seconds, np.int64)


def _numbers(column: Any, name: str, bad: BadRows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A column as float64, and where it is none; integers above 2^53 are beyond any use here."""
    bad.add(_nulls(column), name, "missing field", column)
    try:
        cast = column.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise DataError(f"column {name} is of type {column.type}; give numbers in it") from None
        cast = pa.array([_float(text) for text in column.to_pylist()], pa.float64())
    values = np.asarray(cast.to_numpy(zero_copy_only=False), np.float64)
    finite = np.isfinite(values)
    bad.add(~finite & ~_nulls(column), name, "not a number", column)
    return np.where(finite, values, 0.0), ~finite


def _float(text: str | None) -> float:
    try:
        return float(text) if text is not None else np.nan
    except ValueError:
        return np.nan


def plain(column: Any) -> Any:
    """A column in one chunk, dictionaries resolved."""
    whole = column
    if isinstance(column, pa.ChunkedArray):
        one = column.num_chunks == 1  # combining would copy even a single chunk
        whole = column.chunk(0) if one else pa.concat_arrays(column.chunks or [_empty(column)])
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole


def _empty(column: Any) -> Any:
    return pa.array([], column.type)


def _nulls(column: Any) -> NDArray[np.bool_]:
    if column.null_count == 0:
        return np.zeros(len(column), np.bool_)
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
