"""Data of any size in the likeness of a real set, for load tests: written straight to a store."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.kernels import csr, fractal_expansion
from reelrecs.kernels.inequality import gini
from reelrecs.store import arrow_file
from reelrecs.store.build import last_activity_ranks, percentiles, summary
from reelrecs.store.store import FORMAT, Store

log = logging.getLogger(__name__)

MAX_RATINGS = 2_000_000_000
"""Most ratings made at once: positions by movie are 32-bit numbers."""

BLOCKS_PER_RATING = 2.5
"""Copies of the source made for each that is kept: blocks are thinned to 40 % on average, so that
no two are alike."""

MOVIE_SHARE = 0.5
"""Catalogues grow slower than audiences: movies are multiplied by about this times the root of
the growth, users by the rest."""

SLICE = 1 << 24
"""Ratings whose float64 copies are in memory at a time when means are taken."""


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
    by_user = source.by_user
    indptr = np.concatenate(
        ([0], np.cumsum(fractal_expansion.row_lengths(by_user.indptr, probability, seed)))
    )
    total = int(indptr[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:

        def scratch(name: str, kind: type) -> NDArray[Any]:
            return np.memmap(Path(folder) / name, kind, "w+", shape=(total,))

        movies, stars = scratch("movies", np.int32), scratch("stars", np.float32)
        times = scratch("times", np.int64)
        fractal_expansion.fill_rows(
            (by_user.indptr, by_user.movies, by_user.ratings, by_user.times),
            source.movie_count, probability, seed, indptr, (movies, stars, times),
        )  # fmt: skip
        log.info(f"turning {total:,} ratings round")
        counts = np.bincount(movies, minlength=columns * source.movie_count)
        movie_indptr = np.concatenate(([0], np.cumsum(counts)))
        turned = (scratch("users", np.int32), scratch("ratings", np.float32),
                  scratch("positions", np.int32))  # fmt: skip
        activity_ranks = last_activity_ranks(times, indptr)
        fractal_expansion.transpose(
            indptr, movies, stars, np.argsort(activity_ranks), movie_indptr, turned
        )
        named = _catalogue(source, blocks, columns) | {"user_activity_ranks": activity_ranks}
        named |= _by_user(indptr, movies, stars, times) | _by_movie(movie_indptr, *turned)
        named |= fractal_expansion.likes(indptr, movies, stars, len(counts), config.LIKED_FROM)
        metadata = {"format": FORMAT, "genres": json.dumps(source.genres), "source": ""}
        log.info(f"writing {path}")
        arrow_file.write(path, named, metadata | {"name": path.stem} | summary(named))
    return Store.open(path)


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
    owners = np.repeat(users, np.diff(source.by_user.indptr))
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
        "user_ids": np.arange(1, blocks * source.user_count + 1, dtype=np.uint32),
        "movie_ids": np.arange(1, movies + 1, dtype=np.uint32),
        "movie_titles": pa.array(titles, pa.large_string()),
        "movie_years": np.tile(source.movie_years, columns),
        "movie_released": np.tile(source.movie_released, columns),
        "movie_genres": np.tile(source.movie_genres, columns),
    }


def _by_user(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    stars: NDArray[np.float32],
    times: NDArray[np.int64],
) -> dict[str, Any]:
    users = len(indptr) - 1
    sums, squares = np.empty(users), np.empty(users)
    start = 0
    while start < users:
        stop = int(np.searchsorted(indptr, indptr[start] + SLICE, "right")) - 1
        stop = min(max(stop, start + 1), users)
        part = stars[indptr[start] : indptr[stop]].astype(np.float64)
        starts = indptr[start:stop] - indptr[start]
        sums[start:stop] = np.add.reduceat(part, starts)
        squares[start:stop] = np.add.reduceat(part**2, starts)
        start = stop
    return {
        "user_indptr": indptr,
        "user_movies": movies,
        "user_ratings": stars,
        "user_times": times,
        "user_mean_ratings": (sums / np.diff(indptr)).astype(np.float32),
        "user_norm": np.sqrt(squares),
    }


def _by_movie(
    indptr: NDArray[np.int64],
    users: NDArray[np.int32],
    ratings: NDArray[np.float32],
    positions: NDArray[np.int32],
) -> dict[str, Any]:
    movies = len(indptr) - 1
    count, mean = np.empty(movies, np.int32), np.empty(movies, np.float32)
    liked = np.empty(movies, np.int32)
    csr.movie_statistics(indptr, ratings, config.LIKED_FROM, count, mean, liked)
    return {
        "movie_indptr": indptr,
        "movie_users": users,
        "movie_ratings": ratings,
        "movie_positions": positions,
        "movie_rating_counts": count,
        "movie_mean_ratings": mean,
        "movie_like_counts": liked,
        "movie_popularity_percentiles": percentiles(count),
    }
