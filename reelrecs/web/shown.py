"""What the page shows of a list: rows with a bar of what made the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SAME_FOR_ALL = ("alternatives",)
"""Terms that are the same for every movie of a list, and so no reason for one of them."""

NAMES = {"cf": "similar users"}
"""What a term is called on the page where its own name is no word."""

COLOURS = 8
"""Colours of terms in the style sheet; the smallest terms share the last one."""


class Part(NamedTuple):
    """A part of a bar, in hundredths of the longest bar of the list."""

    term: str
    value: float
    start: float
    width: float
    colour: int
    against: bool  # the movie


def grouped(contributions: Mapping[str, float]) -> dict[str, float]:
    """Contributions added up by what stands before the dot, without those that tell nothing."""
    totals: dict[str, float] = {}
    for term, value in contributions.items():
        if term in SAME_FOR_ALL:
            continue
        group = term.partition(".")[0]
        group = NAMES.get(group, group.replace("_", " "))
        totals[group] = totals.get(group, 0.0) + value
    return totals


def with_bars(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Give each row its `bar`, parts in one order for all, and `ways`; the terms in that order."""
    groups = [
        grouped(row["explanation"]["contributions"]) if row.get("explanation") else {}
        for row in rows
    ]
    weight: dict[str, float] = {}
    for group in groups:
        for term, value in group.items():
            weight[term] = weight.get(term, 0.0) + abs(value)
    terms = sorted(weight, key=lambda term: -weight[term])
    longest = max((sum(map(abs, group.values())) for group in groups), default=0.0) or 1.0
    for row, group in zip(rows, groups, strict=True):
        start, bar = 0.0, []
        for colour, term in enumerate(terms):
            value = group.get(term, 0.0)
            width = 100.0 * abs(value) / longest
            if width > 0.0:
                part = Part(term, value, start, width, min(colour, COLOURS - 1), value < 0)
                bar.append(part)
                start += width
        row["bar"] = bar
        found_by = row["explanation"]["found_by"] if row.get("explanation") else {}
        ways = [channel.rpartition(".")[2].replace("_", " ") for channel in found_by]
        row["ways"] = list(dict.fromkeys(ways))
    return terms
