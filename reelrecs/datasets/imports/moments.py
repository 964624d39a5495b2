"""Times gathered batch by batch; the unit of numbers is found when all are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.datasets.imports.growing import Growing
from reelrecs.datasets.imports.id_column import NO_ID
from reelrecs.datasets.times import (
    LAST_SECOND,
    days_of_digits,
    seconds_of_date,
    unit_of,
    whole_number,
)

MISSING, NO_TIME = "missing field", "not a time"


class TimeBuilder:
    """Builds the column of times, either all of numbers or all of dates, as the first is."""

    def __init__(self, expected: int = 0) -> None:
        self._times = Growing(np.int64, expected)
        self._dates: bool | None = None

    def add(self, values: Any) -> dict[str, NDArray[np.bool_]]:
        """Take a batch; where it holds no times [n], by cause."""
        kind = values.type
        if pa.types.is_dictionary(kind):
            values = values.dictionary_decode()
            kind = values.type
        null = np.asarray(values.is_null().to_numpy(zero_copy_only=False), np.bool_)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            self._dates = True
            exact = values.cast(pa.timestamp("s")) if pa.types.is_date(kind) else values
            ticks = pc.fill_null(exact.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[exact.type.unit]
            self._times.extend(np.asarray(ticks // per_second, np.int64))
            return {MISSING: null}
        if pa.types.is_integer(kind) and kind != pa.uint64():
            return self._numbers(values.cast(pa.int64()), null)
        if pa.types.is_floating(kind):
            numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
            fits = np.isfinite(numbers) & (np.abs(numbers) < 2.0**62)
            whole = np.floor(np.where(fits, numbers, 0)).astype(np.int64)
            bad = self._numbers(pa.array(whole), null)
            return bad | {NO_TIME: ~fits & ~null}
        return self._texts(values.cast(pa.large_string()), null)

    def finish(self) -> tuple[NDArray[np.int64], str, NDArray[np.bool_]]:
        """All as seconds, the unit they were in, and where they are beyond any date."""
        times = self._times.finish()
        days = None if self._dates else days_of_digits(times)
        if days is not None:
            return days * 86_400, "dates", np.zeros(len(days), np.bool_)
        unit, per_second = ("dates", 1) if self._dates else unit_of(times)
        if per_second > 1:
            times //= per_second
        return times, unit, (times > LAST_SECOND) | (times < -LAST_SECOND)

    def _numbers(self, values: Any, null: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        self._dates = bool(self._dates)
        self._times.extend(np.array(pc.fill_null(values, 0).to_numpy(zero_copy_only=False)))
        return {MISSING: null} | ({NO_TIME: ~null} if self._dates else {})

    def _texts(self, values: Any, null: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        if not self._dates and not null.any():
            try:
                numbers = values.cast(pa.int64())
            except pa.ArrowInvalid:
                pass
            else:
                return self._numbers(numbers, null)
        texts = ["" if text is None else text.strip() for text in values.to_pylist()]
        empty = np.array([text.casefold() in NO_ID for text in texts], np.bool_)
        if self._dates is None:
            first = next((text for text in texts if text.casefold() not in NO_ID), "0")
            self._dates = whole_number(first) is None
        read = seconds_of_date if self._dates else whole_number
        found = [read(text) for text in texts]
        wrong = np.array([value is None for value in found], np.bool_) & ~empty
        self._times.extend(np.array([value or 0 for value in found], np.int64))
        return {MISSING: empty, NO_TIME: wrong}
