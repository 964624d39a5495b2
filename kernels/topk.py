"""Bounded heaps for kernels: the k best of a stream under one total order.

The order is score descending, then smaller row, so what is kept and in which order it stands
depends on nothing but the scores: not on the order of arrival, nor on the number of threads. The
heap lives in two arrays of the caller, `scores[k]` and `rows[k]`, whose first `size` entries are
used; the worst of them stands at 0. Scores must not be NaN.
"""

from __future__ import annotations

from reelrecs.kernels.arrays import Doubles, Offsets, Rows
from reelrecs.kernels.jit import inlined


@inlined
def push(
    scores: Doubles,
    rows: Rows | Offsets,
    size: int,
    score: float,
    row: int,
) -> int:
    """Offer one entry; returns the new size. The worst leaves when the heap is full."""
    if size < len(scores):
        at = size
        while at > 0:
            parent = (at - 1) >> 1
            if score < scores[parent] or (score == scores[parent] and row > rows[parent]):
                scores[at] = scores[parent]
                rows[at] = rows[parent]
                at = parent
            else:
                break
        scores[at] = score
        rows[at] = row
        return size + 1
    if size > 0 and (score > scores[0] or (score == scores[0] and row < rows[0])):
        _sink(scores, rows, size, score, row)
    return size


@inlined
def sort(
    scores: Doubles,
    rows: Rows | Offsets,
    size: int,
) -> None:
    """Turn the heap into a list in place: best first, the first `size` entries."""
    for last in range(size - 1, 0, -1):
        score, row = scores[last], rows[last]
        scores[last] = scores[0]
        rows[last] = rows[0]
        _sink(scores, rows, last, score, row)


@inlined
def _sink(
    scores: Doubles,
    rows: Rows | Offsets,
    size: int,
    score: float,
    row: int,
) -> None:
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            scores[other] < scores[child]
            or (scores[other] == scores[child] and rows[other] > rows[child])
        ):
            child = other
        if scores[child] < score or (scores[child] == score and rows[child] > row):
            scores[at] = scores[child]
            rows[at] = rows[child]
            at = child
        else:
            break
    scores[at] = score
    rows[at] = row
