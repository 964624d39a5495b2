"""Times as people write them, as whole seconds since 1970-01-01 UTC.

Numbers may be seconds, milliseconds, microseconds or nanoseconds; a column has one unit, found from
its median. Text may be ISO 8601 dates with and without a time and a zone; without one it is UTC.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

UNITS = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9))
"""Name and how many make a second."""

SECONDS_BELOW = 10**11
"""Numbers below are seconds (as such this is the year 5138); each further unit has a thousand times
as many. Dates before 1973 in a finer unit are taken for a coarser one."""

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: what is later is no date."""

SAMPLED = 100_000
"""Numbers looked at to find the unit."""

FORMATS = ("%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%m %d, %Y", "%d %b %Y", "%b %d, %Y")
"""Forms beside ISO 8601 that well-known exports write, all of them unambiguous."""


def unit_of(numbers: NDArray[np.int64]) -> tuple[str, int]:
    """The name of the unit and how many make a second, from the median of the numbers' sizes."""
    sample = numbers[:: max(len(numbers) // SAMPLED, 1)]
    return _unit(float(np.median(np.abs(sample.astype(np.float64)))) if len(sample) else 0.0)


def second_of(number: int) -> int:
    """A number of any unit as seconds, rounded down."""
    return number // _unit(abs(float(number)))[1]


def seconds_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of one unit as seconds, rounded down; the same array where they are seconds."""
    _, per_second = unit_of(numbers)
    return numbers if per_second == 1 else numbers // per_second


def _unit(size: float) -> tuple[str, int]:
    for place, unit in enumerate(UNITS):
        if size < SECONDS_BELOW * 1000**place:
            return unit
    return UNITS[-1]


def days_of_digits(numbers: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Days since 1970 where all numbers are dates such as 20130228, else None."""
    if len(numbers) == 0 or numbers.min() < 19000101 or numbers.max() > 21001231:
        return None
    years, months, days = numbers // 10_000, numbers // 100 % 100, numbers % 100
    if months.min() < 1 or months.max() > 12 or days.min() < 1 or days.max() > 31:
        return None
    firsts = ((years - 1970) * 12 + months - 1).astype("datetime64[M]").astype("datetime64[D]")
    return firsts.astype(np.int64) + days - 1


@lru_cache(maxsize=1 << 16)
def seconds_of_date(text: str) -> int | None:
    """Seconds of a date as text; None where it is none."""
    plain = text.strip()
    try:
        moment = datetime.fromisoformat(plain.removesuffix(" UTC"))
    except ValueError:
        found = _by_format(plain)
        if found is None:
            return None
        moment = found
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def whole_number(text: str) -> int | None:
    """The number in a text, rounded down; None where there is none that 64 bits hold."""
    try:
        value = int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        value = math.floor(number)
    return value if -(2**63) <= value < 2**63 else None


def day_of(seconds: int) -> str:
    """The day of a moment, "2013-02-28"; years beyond 9999 as seconds."""
    if not -62_135_596_800 <= seconds <= LAST_SECOND:
        return f"{seconds} s"
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _by_format(text: str) -> datetime | None:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None
