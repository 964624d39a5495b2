"""The feature matrix of a request, filled row by row in one pass over its candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Rows, Words, Years
from reelrecs.kernels.content import jaccard
from reelrecs.kernels.genres import bit_count
from reelrecs.kernels.jit import kernel


def featurize(
    movies: NDArray[np.int32],
    genres: NDArray[np.uint64],
    mean: NDArray[np.float32],
    count: NDArray[np.int32],
    percentile: NDArray[np.float32],
    years: NDArray[np.int16],
    age: NDArray[np.float32],
    neighbour_likes: NDArray[np.int32],
    neighbour_weight: NDArray[np.int32],
    taste: int,
    total_overlap: int,
    era: int,
    half_life: float,
    year_unknown: float,
) -> NDArray[np.float32]:
    """The ten columns of `reelrecs.stages.catalogue_features.COLUMNS` for these movie rows: [n, 10].

    All arrays but the first run over all movies of the store. Year preference halves with every
    `half_life` years away from `era` and is `year_unknown` where either year is 0.
    """  # noqa: E501
    matrix = np.empty((len(movies), 10), np.float32)
    _featurize(
        movies,
        genres,
        mean,
        count,
        percentile,
        years,
        age,
        neighbour_likes,
        neighbour_weight,
        np.uint64(taste),
        max(total_overlap, 1),
        era,
        half_life,
        year_unknown,
        matrix,
    )
    return matrix


@kernel
def _featurize(
    movies: Rows,
    genres: Words,
    mean: Floats,
    count: Rows,
    percentile: Floats,
    years: Years,
    age: Floats,
    neighbour_likes: Rows,
    neighbour_weight: Rows,
    taste: np.uint64,
    total_overlap: int,
    era: int,
    half_life: float,
    year_unknown: float,
    matrix: Floats,
) -> None:
    for row in range(len(movies)):
        movie = movies[row]
        own = bit_count(genres[movie])
        common = bit_count(genres[movie] & taste)
        matrix[row, 0] = jaccard(genres[movie], taste)
        matrix[row, 1] = (own - common) / own if own > 0 else 0.0
        matrix[row, 2] = neighbour_weight[movie] / total_overlap
        matrix[row, 3] = neighbour_likes[movie]
        matrix[row, 4] = mean[movie]
        matrix[row, 5] = count[movie]
        matrix[row, 6] = percentile[movie]
        matrix[row, 7] = years[movie]
        if era == 0 or years[movie] == 0:
            matrix[row, 8] = year_unknown
        else:
            matrix[row, 8] = 0.5 ** (abs(np.int64(years[movie]) - era) / half_life)
        matrix[row, 9] = age[movie]
