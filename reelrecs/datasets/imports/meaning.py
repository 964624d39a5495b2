"""What the numbers of a ratings column mean: the kind of feedback and its scale, robustly found.

    all numbers 0 or 1, true or false, up or down, -1 and 1     likes
    a column named for counts, or whole numbers beyond 100      counts
    anything else                                               stars

The scale of stars ends at the first of 5, 10, 20 and 100 that next to no row exceeds; the rows that
do are bad rows. It begins at 0 where there are zeros, else at 1 (at 0.5 up to five stars). Whole
numbers up to less than 5 in many rows are a scale of that many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from reelrecs.datasets.feedback import MOVIELENS_SCALE, Feedback
from reelrecs.datasets.imports.columns import GUESSES, plain_name

SCALE_ENDS = (5.0, 10.0, 20.0, 100.0)
"""Highest numbers of the scales that people rate on."""

OUTLIERS, FEWEST_ROWS = 0.001, 10
"""Most rows, as a share of all, that may lie beyond a scale and be mistakes: one at least, where
there are so many rows or more; in fewer nothing can be told."""

MANY_ROWS = 100
"""Rows from which a highest number below five is taken for the scale's own."""

UNRATED_SHARE = 0.1
"""Share of zeros from which 0 means "no rating given" on a scale of ten or more: nobody hates so
much of what they choose."""

SIGNED_SHARE = 0.01
"""Share of numbers below 0 from which a scale reaches as far below as above."""

COUNT_COLUMNS = frozenset(GUESSES["rating"][4])


@dataclass(frozen=True, slots=True)
class Meaning:
    """How to read the numbers of a ratings column."""

    feedback: Feedback
    scale: tuple[float, float] = MOVIELENS_SCALE
    zero_is_unrated: bool = False
    lowest: float = 0.0  # numbers outside are mistakes
    highest: float = float("inf")
    notes: list[str] = field(default_factory=list)


def meaning_of(
    counts: Mapping[float, int],
    column: str,
    has_words: bool,
    feedback: Feedback | None,
    highest: float | None,
) -> Meaning:
    """What the numbers mean, given how many rows hold each; what is given is not guessed."""
    if feedback is None:
        feedback = Feedback.STARS if highest is not None else _kind(counts, column, has_words)
    values = set(counts)
    if feedback is Feedback.LIKES:
        named = "1 is liked" + (", 0 is not" if 0.0 in values else "")
        if -1.0 in values:
            named = "1 is liked, -1 is not"
        return Meaning(feedback, (min((0.0, *values)), 1.0), lowest=-1.0, highest=1.0,
                       notes=[f"{column}: likes, {named}"])  # fmt: skip
    if feedback is Feedback.COUNTS:
        least = min((value for value in values if value > 0), default=1.0)
        most = max(values, default=1.0)
        note = (f"{column}: counts, {least:g} to {most:g}; from the user's own median count on a "
                "count means liked")  # fmt: skip
        return Meaning(feedback, (least, max(most, least + 1)), notes=[note])
    if feedback is Feedback.NONE:
        return Meaning(feedback, lowest=float("-inf"),
                       notes=[f"{column} is not read: every row is an interaction"])  # fmt: skip
    return _stars(counts, column, highest)


def _kind(counts: Mapping[float, int], column: str, has_words: bool) -> Feedback:
    values, rows = set(counts), sum(counts.values())
    if has_words or values <= {0.0, 1.0} or values <= {-1.0, 0.0, 1.0}:
        return Feedback.LIKES
    whole = all(value == int(value) and value >= 0 for value in values)
    if whole and plain_name(column) in COUNT_COLUMNS:
        return Feedback.COUNTS
    beyond = sum(count for value, count in counts.items() if value > SCALE_ENDS[-1])
    if whole and beyond > _outliers(rows):
        return Feedback.COUNTS
    return Feedback.STARS


def _stars(counts: Mapping[float, int], column: str, said: float | None) -> Meaning:
    rows = sum(counts.values())
    allowed = _outliers(rows)
    below = sum(count for value, count in counts.items() if value < 0)
    signed = below > max(allowed, rows * SIGNED_SHARE, 1)
    end = said
    if end is None:
        sizes: Counter[float] = Counter()
        for value, count in counts.items():
            sizes[abs(value) if signed else value] += count
        end = _end(sizes, rows, allowed)
    inside = {value: count for value, count in counts.items() if value <= end}
    start = -end if signed else min((value for value in inside if value >= 0), default=0.0)
    zeros = inside.get(0.0, 0)
    unrated = end >= 10 and not signed and zeros >= UNRATED_SHARE * rows
    if unrated:
        start = min((value for value in inside if value > 0), default=1.0)
    start = min(start, 1.0)
    if end == 5.0 and start > 0:
        start = 0.5
    said_of = [f"{column}: stars, {start:g} to {end:g}"]
    if unrated:
        said_of.append(f"{column} 0 is taken for no rating given ({zeros:,} rows)")
    lowest = 0.0 if unrated or start >= 0 else start
    return Meaning(Feedback.STARS, (start, end), unrated, lowest, end, said_of)


def _end(counts: Mapping[float, int], rows: int, allowed: int) -> float:
    """The highest number of the scale."""
    for end in SCALE_ENDS:
        if sum(count for value, count in counts.items() if value > end) <= allowed:
            break
    else:
        top = max((value for value in counts if value <= SCALE_ENDS[-1]), default=0.0)
        return next(end for end in SCALE_ENDS if top <= end)
    inside = {value: count for value, count in counts.items() if value <= end}
    top = max(inside, default=end)
    if end == SCALE_ENDS[0]:
        if 0 < top <= 1 and any(2 * value != int(2 * value) for value in inside):
            return 1.0
        whole = all(value == int(value) for value in inside)
        if whole and 1 < top < end and rows >= MANY_ROWS:
            return top
    return end


def _outliers(rows: int) -> int:
    return max(int(rows * OUTLIERS), 1) if rows >= FEWEST_ROWS else 0
