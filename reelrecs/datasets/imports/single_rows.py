"""One rating for each (user, item), whatever a file repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.feedback import Feedback
from reelrecs.datasets.imports.meaning import Meaning
from reelrecs.datasets.ratings import DUPLICATE
from reelrecs.datasets.rejects import Rejects

ADDED_UP = "repeated (user, item), the counts added up"

BLOCK = 1 << 20
"""Rows looked at in one go, so that looking costs no memory a row."""


def single_rows(
    owners: NDArray[np.int32],
    movies: NDArray[np.int32],
    values: NDArray[np.float32],
    times: NDArray[np.int64],
    bad: NDArray[np.bool_],
    meaning: Meaning,
    rejects: Rejects,
) -> NDArray[np.bool_]:
    """Which rows stay: of each (user, item) the latest, of equal times the later; no bad ones.

    Counts are added up in `values`, in the row that stays.
    """
    kept = ~bad
    pairs = _pairs(owners, movies, slice(None))
    if bad.any():
        pairs = pairs[kept]
    pairs.sort()
    repeated = np.unique(pairs[1:][pairs[1:] == pairs[:-1]])
    del pairs
    if len(repeated) == 0:
        return kept
    parts = []
    for start in range(0, len(owners), BLOCK):
        block = _pairs(owners, movies, slice(start, start + BLOCK))
        at = np.minimum(np.searchsorted(repeated, block), len(repeated) - 1)
        parts.append(start + np.flatnonzero((repeated[at] == block) & kept[start : start + BLOCK]))
    rows = np.concatenate(parts)
    own = _pairs(owners, movies, rows)
    order = np.lexsort((times[rows], own))
    last = np.append(own[order][1:] != own[order][:-1], True)
    rows = rows[order]
    if meaning.feedback is Feedback.COUNTS:
        starts = np.flatnonzero(np.append(True, last[:-1]))
        values[rows[last]] = np.add.reduceat(values[rows].astype(np.float64), starts)
    cause = ADDED_UP if meaning.feedback is Feedback.COUNTS else DUPLICATE
    rejects.leave_out(cause, int(len(last) - last.sum()))
    kept[rows[~last]] = False
    return kept


def _pairs(
    owners: NDArray[np.int32], movies: NDArray[np.int32], rows: slice | NDArray[np.int64]
) -> NDArray[np.int64]:
    """A number for each (user, item) of these rows."""
    pairs = owners[rows].astype(np.int64)
    pairs <<= 32
    pairs |= movies[rows]
    return pairs
