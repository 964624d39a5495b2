"""Matrices cut to their strongest entries and rounded to small integers.

An item-to-item matrix says most with few of its entries, so a model keeps those alone. Cutting and
rounding come before the ranker is trained, which thus learns from what it will meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.item_item import SparseRows
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.stages.base_models import SHORT_COLUMNS

_HIGHEST_CODE = 127
"""Of an int8: the largest entry of a row."""


def strongest(values: Floats, most: int) -> NDArray[np.int64]:
    """Positions, ascending, of the `most` entries farthest from 0; of ties the earlier, no 0."""
    strength = np.abs(values)
    if most >= len(strength):
        return np.flatnonzero(strength)
    if most <= 0:
        return np.zeros(0, np.int64)
    least = np.partition(strength, len(strength) - most)[len(strength) - most]
    if least == 0:
        return np.flatnonzero(strength)
    kept = strength > least
    tied = np.flatnonzero(strength == least)
    kept[tied[: most - int(kept.sum())]] = True
    return np.flatnonzero(kept)


def sparse_rows(rows: Rows, columns: Rows, values: Floats, movie_count: int) -> SparseRows:
    """Round entries, ordered by row and column, to 127ths of the largest of their row.

    An entry below half of that is dropped: a code of 0 says no more than no entry.
    """
    scales = np.zeros(movie_count, np.float32)
    np.maximum.at(scales, rows, np.abs(values))
    scales /= np.float32(_HIGHEST_CODE)
    own = scales[rows]
    codes = np.rint(np.divide(values, own, out=np.zeros_like(values), where=own > 0))
    kept = codes != 0
    indptr = np.zeros(movie_count + 1, np.int64)
    np.cumsum(np.bincount(rows[kept], minlength=movie_count), out=indptr[1:])
    kind = np.uint16 if movie_count <= SHORT_COLUMNS else np.int32
    return SparseRows(indptr, columns[kept].astype(kind), codes[kept].astype(np.int8), scales)


def cut_dense(matrix: Floats, movies: Rows, most: int, movie_count: int) -> SparseRows:
    """The `most` strongest entries of a matrix between `movies`, as rows of the whole catalogue."""
    flat = matrix.reshape(-1)
    kept = strongest(flat, most)
    rows, columns = np.divmod(kept, len(movies)) if len(movies) else (kept, kept)
    return sparse_rows(movies[rows], movies[columns], flat[kept], movie_count)
