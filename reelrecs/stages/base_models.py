"""Arrays of the trained base models: what each must be before a kernel sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.config import UNMET_BIAS_QUANTILE
from reelrecs.errors import ModelError
from reelrecs.stages.markov_chain import DECAYS
from reelrecs.store.store import Store

LARGEST, LARGEST_HALF = 1e9, 1e3
"""No number of a trained model comes near it, nor one of half precision near the second; one
flipped bit of an exponent goes far beyond."""


class ArraySpec(NamedTuple):
    """One array: its dtype, and its shape by names of counts that must agree among all arrays."""

    dtypes: tuple[type[np.generic], ...]  # any of these
    shape: tuple[str, ...]


MATRICES = ("next_item", "ease", "co_occurrence")
"""Item-to-item models; see `reelrecs.learning.item_item`. In a model's arrays each is the parts of
its SparseRows, as in "ease.columns"."""


SHORT_COLUMNS = 1 << 16
"""Movies up to which a column's number fits into 16 bits."""

MATRIX_PARTS = ("indptr", "columns", "codes")
"""The parts of a matrix that say what stands where."""


def untrained(store: Store) -> dict[str, NDArray[Any]]:
    """Arrays for a store on which nothing was trained.

    The chain knows popularity, the matrices no pair. What they depend on is counted in the store,
    so they are made anew for each state of it.
    """
    count = store.movie_count
    matrix: dict[str, NDArray[Any]] = {
        "indptr": np.zeros(count + 1, np.int64),
        "columns": np.zeros(0, np.uint16 if count <= SHORT_COLUMNS else np.int32),
        "codes": np.zeros(0, np.int8),
        "scales": np.ones(count, np.float32),
    }
    return {
        "context_embeddings": np.zeros((count, 1), np.float16),
        "item_embeddings": np.zeros((count, 1), np.float16),
        "projection": np.zeros((len(DECAYS), 1), np.float32),
        "bias": np.log1p(store.movie_rating_counts).astype(np.float32),
        **{f"{name}.{part}": values for name in MATRICES for part, values in matrix.items()},
    }


def _matrix_arrays(name: str) -> dict[str, ArraySpec]:
    entries = (f"entries of {name}",)
    return {
        f"{name}.indptr": ArraySpec((np.int64,), ("offsets",)),
        f"{name}.columns": ArraySpec((np.uint16, np.int32), entries),
        f"{name}.codes": ArraySpec((np.int8,), entries),
        f"{name}.scales": ArraySpec((np.float32,), ("movies",)),
    }


ARRAYS = {
    "context_embeddings": ArraySpec((np.float16,), ("movies", "size")),
    "item_embeddings": ArraySpec((np.float16,), ("movies", "size")),
    "projection": ArraySpec((np.float32,), ("decays x size", "size")),
    "bias": ArraySpec((np.float32,), ("movies",)),
    **{array: spec for name in MATRICES for array, spec in _matrix_arrays(name).items()},
}
"""Every array of a trained model. A count without a value gets the length that it is met with."""


def on_rows(
    named: Mapping[str, NDArray[Any]], rows: NDArray[np.int32], movie_count: int
) -> dict[str, NDArray[Any]]:
    """The arrays of a model by the rows of another catalogue, which has so many movies.

    `rows` [its movies] says where each stands there, -1 = not at all. A movie that the model has
    not met has no vectors and no entries in matrices; its bias, which is its popularity as far as
    the chain knows, is that of the model's little known movies.
    """
    kept = np.flatnonzero(rows >= 0)
    placed: dict[str, NDArray[Any]] = {}
    for name, spec in ARRAYS.items():
        values = named[name]
        if spec.shape[0] == "movies":
            placed[name] = np.zeros((movie_count, *values.shape[1:]), values.dtype)
            if name == "bias" and len(values):
                placed[name][:] = np.quantile(values, UNMET_BIAS_QUANTILE, method="lower")
            placed[name][rows[kept]] = values[kept]
        else:
            placed[name] = values
    for name in MATRICES:
        indptr, columns, codes = (named[f"{name}.{part}"] for part in MATRIX_PARTS)
        owners = rows[np.repeat(np.arange(len(rows)), np.diff(indptr))]
        others = rows[columns]
        entries = np.flatnonzero((owners >= 0) & (others >= 0))
        entries = entries[np.lexsort((others[entries], owners[entries]))]
        counts = np.bincount(owners[entries], minlength=movie_count)
        placed[f"{name}.indptr"] = np.concatenate([[0], np.cumsum(counts)])
        placed[f"{name}.columns"] = others[entries].astype(
            np.uint16 if movie_count <= SHORT_COLUMNS else np.int32
        )
        placed[f"{name}.codes"] = codes[entries]
    return placed


def validate(named: Mapping[str, NDArray[Any]], movie_count: int) -> None:
    """Raise ModelError unless these are all arrays of `ARRAYS` and no others, fit for the kernels.

    Dtypes, shapes against each other and the number of movies, rows in range, numbers finite and
    of a possible size.
    """
    if set(named) != set(ARRAYS):
        amiss = ", ".join(sorted(set(named) ^ set(ARRAYS)))
        raise ModelError(f"the model lacks, or has in excess, {amiss}: run train again")
    counts = {"movies": movie_count, "offsets": movie_count + 1, "decays": len(DECAYS)}
    for name, spec in ARRAYS.items():
        values = named[name]
        if (
            values.dtype not in spec.dtypes
            or values.ndim != len(spec.shape)
            or values.shape
            != tuple(map(lambda *of: _length(counts, *of), spec.shape, values.shape))
        ):
            raise ModelError(
                f"array {name} of the model is {values.dtype} {list(values.shape)}, not "
                f"{np.dtype(spec.dtypes[0])} [{', '.join(spec.shape)}]: run train again"
            )
        if not _possible(values):
            raise ModelError(f"array {name} of the model holds what cannot be: run train again")
    for name in MATRICES:
        if not _compressed(named[f"{name}.indptr"], named[f"{name}.columns"], movie_count):
            raise ModelError(f"matrix {name} of the model holds what cannot be: run train again")


def _length(counts: dict[str, int], name: str, met: int) -> int:
    """What the count of this name is; a product of known ones, or now known by being met."""
    if name not in counts and " x " in name:
        return int(np.prod([counts[part] for part in name.split(" x ")]))
    return counts.setdefault(name, met)


def _possible(values: NDArray[Any]) -> bool:
    """Whether all numbers are of a possible size."""
    if values.size == 0 or values.dtype.kind in "iu":
        return True
    with np.errstate(invalid="ignore"):  # NaN is greater than nothing, so it is found as well
        largest = LARGEST_HALF if values.dtype == np.float16 else LARGEST
        return float(values.min()) >= -largest and float(values.max()) <= largest


def _compressed(indptr: NDArray[np.int64], columns: NDArray[Any], movie_count: int) -> bool:
    """Whether offsets ascend from 0 to the end, and the columns of each row below the movies."""
    if indptr[0] != 0 or indptr[-1] != len(columns) or bool((indptr[1:] < indptr[:-1]).any()):
        return False
    if len(columns) == 0:
        return True
    ascends = np.diff(columns.astype(np.int64)) > 0
    ascends[indptr[(indptr > 0) & (indptr < len(columns))] - 1] = True  # from row to row
    return bool(ascends.all()) and bool(columns.min() >= 0) and bool(columns.max() < movie_count)
