"""Arrays of the trained base models: what each must be before a kernel sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import ModelError
from reelrecs.stages.markov_chain import DECAYS

LARGEST = 1e9
"""No number of a trained model comes near it; one flipped bit of a float32 goes far beyond."""


class ArraySpec(NamedTuple):
    """One array: its dtype, and its shape by names of counts that must agree among all arrays."""

    dtype: type[np.generic]
    shape: tuple[str, ...]
    rows_of: str = ""  # its numbers are ascending rows of this count, none twice


ARRAYS = {
    "context_embeddings": ArraySpec(np.float32, ("movies", "size")),
    "item_embeddings": ArraySpec(np.float32, ("movies", "size")),
    "projection": ArraySpec(np.float32, ("decays x size", "size")),
    "bias": ArraySpec(np.float32, ("movies",)),
    "matrix_movies": ArraySpec(np.int32, ("matrix rows",), rows_of="movies"),
    "next_item": ArraySpec(np.float32, ("matrix rows", "matrix rows")),
    "ease": ArraySpec(np.float32, ("matrix rows", "matrix rows")),
    "co_occurrence": ArraySpec(np.float32, ("matrix rows", "matrix rows")),
}
"""Every array of a trained model. A count without a value gets the length that it is met with."""


def validate(named: Mapping[str, NDArray[Any]], movie_count: int) -> None:
    """Raise ModelError unless these are all arrays of `ARRAYS` and no others, fit for the kernels.

    Dtypes, shapes against each other and the number of movies, rows in range, numbers finite and
    of a possible size.
    """
    if set(named) != set(ARRAYS):
        amiss = ", ".join(sorted(set(named) ^ set(ARRAYS)))
        raise ModelError(f"the model lacks, or has in excess, {amiss}: run train again")
    counts = {"movies": movie_count, "decays": len(DECAYS)}
    for name, spec in ARRAYS.items():
        values = named[name]
        if (
            values.dtype != spec.dtype
            or values.ndim != len(spec.shape)
            or values.shape
            != tuple(map(lambda *of: _length(counts, *of), spec.shape, values.shape))
        ):
            raise ModelError(
                f"array {name} of the model is {values.dtype} {list(values.shape)}, not "
                f"{np.dtype(spec.dtype)} [{', '.join(spec.shape)}]: run train again"
            )
        if not _possible(values, counts.get(spec.rows_of)):
            raise ModelError(f"array {name} of the model holds what cannot be: run train again")


def _length(counts: dict[str, int], name: str, met: int) -> int:
    """What the count of this name is; a product of known ones, or now known by being met."""
    if name not in counts and " x " in name:
        return int(np.prod([counts[part] for part in name.split(" x ")]))
    return counts.setdefault(name, met)


def _possible(values: NDArray[Any], rows: int | None) -> bool:
    """Whether all numbers are of a possible size, or distinct rows below `rows` in order."""
    if values.size == 0:
        return True
    if rows is not None:
        ascending = bool((values[1:] > values[:-1]).all())
        return ascending and bool(values[0] >= 0) and bool(values[-1] < rows)
    with np.errstate(invalid="ignore"):  # NaN is greater than nothing, so it is found as well
        return bool(values.min() >= -LARGEST) and bool(values.max() <= LARGEST)
