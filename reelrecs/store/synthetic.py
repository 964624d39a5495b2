"""Data of any size in the likeness of a real set, for load tests: written straight to a store."""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.atomic_write import scratch_folder, storage_error
from reelrecs.errors import InvalidRequest
from reelrecs.kernels import csr, fractal_expansion
from reelrecs.kernels.inequality import gini
from reelrecs.store import arrow_file
from reelrecs.store.build import SAID, last_activity_ranks, rating_columns, summary
from reelrecs.store.columns import TITLES, Likes, RatingsByMovie, RatingsByUser
from reelrecs.store.store import FORMAT, Store
from reelrecs.store.time_order import order_of_time

log = logging.getLogger(__name__)

MAX_RATINGS = 2_000_000_000
"""Most ratings made at once: positions by movie are 32-bit numbers."""

BLOCKS_PER_RATING = 2.5
"""Copies of the source made for each that is kept: blocks are thinned to 40 % on average, so that
no two are alike."""

MOVIE_SHARE = 0.5
"""Catalogues grow slower than audiences: movies are multiplied by about this times the root of
the growth, users by the rest."""


@dataclass(frozen=True, slots=True)
class Degrees:
    """How ratings spread over users or movies: figures that do not depend on the size."""

    count: int
    mean: float
    quantiles: dict[str, float]  # of degree / mean degree
    top_share: float  # of the ratings that the busiest hundredth has
    gini: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """Source and expansion side by side.

    `gap` is the largest distance of the two cumulative curves of degree / mean degree
    (Kolmogorov-Smirnov): 0 = the same, 1 = wholly apart.
    """

    source: Degrees
    expansion: Degrees
    gap: float


def synthesize(
    source: Store,
    ratings: int,
    path: Path,
    seed: int = 0,
) -> Store:
    """Write a store of about this many ratings to `path` and open it; the same for the same seed.

    Big arrays are made in files beside it, so memory need not hold them. Raises InvalidRequest
    and StorageError.
    """
    if not 1000 <= ratings <= MAX_RATINGS:
        raise InvalidRequest(f"{ratings:,} ratings: ask for 1,000 to {MAX_RATINGS:,}")
    probability = block_probabilities(source, ratings)
    blocks, columns = probability.shape
    log.info(f"expanding {source.name}: {blocks} x users, {columns} x movies")
    with scratch_folder(path) as folder:
        named = _catalogue(source, blocks, columns)
        named |= _expanded_ratings(source, probability, seed, folder)
        metadata = {"format": FORMAT, "genres": json.dumps(source.genres), "source": ""}
        metadata |= {name: source.metadata[name] for name in SAID}
        log.info(f"writing {path}")
        metadata |= {"name": path.stem} | summary(named, source.genres)
        arrow_file.write(path, named, metadata)
    return Store.open(path)


def _expanded_ratings(
    source: Store, probability: NDArray[np.float64], seed: int, folder: Path
) -> dict[str, arrow_file.Array]:
    """The columns of the expansion's ratings, those of one value a rating in files of `folder`."""
    rated = source.by_user
    lengths = fractal_expansion.row_lengths(rated.indptr, probability, seed)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    total, movie_count = int(indptr[-1]), probability.shape[1] * source.movie_count

    def scratch(kind: type[np.generic]) -> NDArray[Any]:
        return _array_on_disk(folder, kind, total)

    by_user = RatingsByUser(indptr, scratch(np.int32), scratch(np.float32), scratch(np.int64))
    fractal_expansion.fill_rows(
        (rated.indptr, rated.movies, rated.ratings, rated.times),
        source.movie_count, probability, seed, indptr,
        (by_user.movies, by_user.ratings, by_user.times),
    )  # fmt: skip
    log.info(f"turning {total:,} ratings round")
    movie_indptr = csr.offsets(by_user.movies, movie_count)
    by_movie = RatingsByMovie(
        movie_indptr, scratch(np.int32), scratch(np.float32), scratch(np.int32)
    )
    ranks = last_activity_ranks(by_user)
    csr.transpose(
        indptr, by_user.movies, by_user.ratings, np.argsort(ranks), movie_indptr,
        (by_movie.users, by_movie.ratings, by_movie.positions),
    )  # fmt: skip
    likes = csr.likes(indptr, by_user.movies, by_user.ratings, movie_count, config.LIKED_FROM)
    order = order_of_time(by_user)
    return rating_columns(by_user, by_movie, Likes(*likes), ranks, order)


def _array_on_disk(folder: Path, kind: type[np.generic], length: int) -> NDArray[Any]:
    """An array in a new file, its space taken at once: a full disk later would end the process."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, length * np.dtype(kind).itemsize)
        return np.memmap(file.name, kind, "r+", shape=(length,))
    except OSError as error:
        raise storage_error(folder, error) from error


def block_probabilities(source: Store, ratings: int) -> NDArray[np.float64]:
    """The small matrix [U, V]: for each block the share of ratings that stays.

    It is the source itself, reduced: how densely each group of users (of U, by activity) rates
    each group of movies (of V, by popularity), scaled so that about `ratings` stay in all.
    """
    growth = ratings / source.rating_count
    columns = max(1, round(MOVIE_SHARE * math.sqrt(growth)))
    rows = max(1, math.ceil(BLOCKS_PER_RATING * growth / columns)) if growth > 1 else 1
    users = _groups(np.diff(source.by_user.indptr), rows)
    movies = _groups(np.diff(source.by_movie.indptr), columns)
    owners = users[source.by_user.owners()]
    cells = np.bincount(owners * columns + movies[source.by_user.movies], minlength=rows * columns)
    sizes = np.outer(np.bincount(users, minlength=rows), np.bincount(movies, minlength=columns))
    density = np.maximum(cells.reshape(rows, columns), 1) / np.maximum(sizes, 1)
    low, high = 0.0, growth / density.min() + 1
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if np.minimum(1, middle * density).sum() < growth else (low, middle)
        )
    return np.asarray(np.minimum(1, high * density), np.float64)


def compare_degrees(source: Store, expansion: Store) -> dict[str, Likeness]:
    """For "users" and "movies" how alike the two degree distributions are."""
    pairs = {
        "users": (source.by_user.indptr, expansion.by_user.indptr),
        "movies": (source.by_movie.indptr, expansion.by_movie.indptr),
    }
    compared = {}
    for what, (one, other) in pairs.items():
        first, second = (
            np.sort(d[d > 0] / d[d > 0].mean()) for d in (np.diff(one), np.diff(other))
        )
        both = np.concatenate((first, second))
        curves = [np.searchsorted(d, both, "right") / len(d) for d in (first, second)]
        gap = float(np.abs(curves[0] - curves[1]).max())
        compared[what] = Likeness(_degrees(np.diff(one)), _degrees(np.diff(other)), gap)
    return compared


def _degrees(degrees: NDArray[np.int64]) -> Degrees:
    ordered = np.sort(degrees[degrees > 0]).astype(np.float64)
    count, mean = len(ordered), ordered.mean()
    shares = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    quantiles = {name: float(np.quantile(ordered, at) / mean) for name, at in shares.items()}
    top = float(ordered[-max(count // 100, 1) :].sum() / ordered.sum())
    return Degrees(count, float(mean), quantiles, top, gini(ordered))


def _groups(degrees: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The group of each row: `count` groups of equal size, the busiest first."""
    group = np.empty(len(degrees), np.int64)
    group[np.argsort(-degrees, kind="stable")] = np.arange(len(degrees)) * count // len(degrees)
    return group


def _catalogue(source: Store, blocks: int, columns: int) -> dict[str, Any]:
    movies = columns * source.movie_count
    titles = [
        title if column == 0 else f"Copy {column} of {title}"
        for column in range(columns)
        for title in source.all_titles
    ]
    return {
        "user_ids": np.arange(1, blocks * source.user_count + 1, dtype=np.int64),
        "movie_ids": np.arange(1, movies + 1, dtype=np.int64),
        TITLES: pa.array(titles, pa.large_string()),
        "movie_years": np.tile(source.movie_years, columns),
        "movie_released": np.tile(source.movie_released, columns),
        "movie_genres": np.tile(source.movie_genres, columns),
    }
