"""What reports are made of: tables under headings, and how an interval is written."""

from __future__ import annotations

from typing import Any, NamedTuple

from reelrecs.evaluation.bootstrap import Interval


class Table(NamedTuple):
    """Columns and rows under a heading."""

    heading: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


class Report(NamedTuple):
    """One piece of work, ready to print in any of three forms."""

    tables: list[Table]
    csv: Table
    json: dict[str, Any]


def plus_minus(interval: Interval) -> str:
    """The mean and half the interval."""
    return f"{interval.mean:.4f} ± {interval.half_width:.4f}"


def verdict(interval: Interval) -> str:
    """A difference with its interval, and whether it is a tie."""
    interval_text = f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return f"{interval_text} tie" if interval.holds_zero else interval_text


def three(interval: Interval) -> list[float]:
    """Mean, low and high, for csv."""
    return [interval.mean, interval.low, interval.high]


def difference(interval: Interval) -> dict[str, float | bool]:
    """A difference for JSON."""
    return {**interval.to_dict(), "tie": interval.holds_zero}
