"""From a data set's tables to an open store: indexed once, only read and checked ever after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.datasets.ids import LONGEST_SHOWN, Ids, coded, of_one_kind, take_ids
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies, Ratings, Tables, Users
from reelrecs.errors import DataError, one_line
from reelrecs.kernels import csr
from reelrecs.store import arrow_file
from reelrecs.store.columns import (
    GENRE_MARK,
    GENRE_TEXTS,
    TITLES,
    Likes,
    RatingsByMovie,
    RatingsByUser,
)
from reelrecs.store.digests import array_digests, content_digest
from reelrecs.store.store import FORMAT, Store
from reelrecs.store.time_order import order_of_time

MAX_GENRES = 64
"""Genres that features and filters know, as bits of one 64-bit word per movie; where there are
more, all are kept as text beside, for people."""

SLICE = 1 << 20
"""Ratings whose float64 copies are in memory at a time when norms are taken."""


def store_of(tables: Tables, name: str) -> Store:
    """The same in memory, with no file behind it."""
    named, metadata = compile_tables(tables)
    return Store(named, metadata | {"name": name, "source": ""})


def build_store(
    path: Path, name: str, tables: Tables | Callable[[], Tables], source: str = ""
) -> Store:
    """Write the store of these tables to `path` and open it.

    Given by a function that does not keep them, they are given up when their ratings are sorted,
    which saves 20 bytes of memory a rating. `source` is the fingerprint of what they were read
    from; opening compares it. Raises DataError for a data set without ratings and StorageError
    where `path` cannot be written.
    """
    _write_store(path, name, tables, source)
    return Store.open(path)


def _write_store(path: Path, name: str, tables: Tables | Callable[[], Tables], source: str) -> None:
    """Write it and keep nothing, so that the store is not in memory twice when it is opened."""
    named, metadata = compile_tables(tables() if callable(tables) else tables)
    arrow_file.write(path, named, metadata | {"name": name, "source": source})


def compile_tables(tables: Tables) -> tuple[dict[str, arrow_file.Array], dict[str, str]]:
    """The store's arrays and the part of its metadata that follows from the content."""
    ratings = tables.ratings
    if len(ratings) == 0:
        raise DataError("the data set holds no ratings; give a file with at least one")
    movies, known_users, said = tables.movies or _untitled(ratings), tables.users, said_of(tables)
    del tables
    user_ids, movie_ids, by_id, by_user = _sorted_by_id(ratings, movies)
    del ratings
    genre_names, genre_masks = _genre_masks(movies)

    named: dict[str, arrow_file.Array] = {
        "user_ids": user_ids.values,
        "movie_ids": movie_ids.values,
    }
    named |= index_by_user(by_user, len(movie_ids))
    named |= {
        TITLES: pa.array([movies.titles[at] for at in by_id], pa.large_string()),
        "movie_years": movies.years[by_id],
        "movie_released": _release_days(movies)[by_id],
        "movie_genres": genre_masks[by_id],
    }
    texts = _genre_texts(movies, genre_names)
    if texts is not None:
        named[GENRE_TEXTS] = pa.array([texts[at] for at in by_id], pa.large_string())
    for link, values in movies.links.items():
        named[f"movie_{link}"] = pa.array([values[at] for at in by_id], pa.large_string())
    if known_users is not None:
        named |= _user_columns(known_users, user_ids)
    metadata = {"format": FORMAT, "genres": json.dumps(genre_names)} | said
    return named, metadata | summary(named, genre_names)


SAID = ("feedback", "file_scale", "has_times", "guesses")
"""Metadata that says what the numbers of the source mean."""


def said_of(tables: Tables) -> dict[str, str]:
    """The metadata that says what the numbers of the source mean."""
    return {
        "feedback": str(tables.feedback),
        "file_scale": json.dumps(tables.scale),
        "has_times": json.dumps(tables.has_times),
        "guesses": json.dumps(tables.notes),
    }


def index_ratings(
    users: NDArray[np.int32],
    movies: NDArray[np.int32],
    stars: NDArray[np.float32],
    times: NDArray[np.int64],
    movie_count: int,
) -> dict[str, arrow_file.Array]:
    """Ratings (rows, in file order) by user and by movie, with the statistics of both."""
    return index_by_user(sorted_by_user(users, movies, stars, times), movie_count)


def sorted_by_user(
    users: NDArray[np.int32],
    movies: NDArray[np.int32],
    stars: NDArray[np.float32],
    times: NDArray[np.int64],
) -> RatingsByUser:
    """Ratings (rows, in file order) by user, each user's oldest first, ties in file order."""
    indptr, order = csr.compress(users, int(users.max()) + 1)
    csr.order_by_time(indptr, times, order)
    return RatingsByUser(indptr, movies[order], stars[order], times[order])


def index_by_user(by_user: RatingsByUser, movie_count: int) -> dict[str, arrow_file.Array]:
    """The same by movie, and the statistics of both; no more memory is used than that takes."""
    indptr, movies, stars, _ = by_user
    order = order_of_time(by_user)  # which takes the most room, so before there is anything else
    ranks = last_activity_ranks(by_user)
    movie_indptr = csr.offsets(movies, movie_count)
    by_movie = RatingsByMovie(
        movie_indptr,
        np.empty(len(movies), np.int32),
        np.empty(len(movies), np.float32),
        np.empty(len(movies), np.int32),
    )
    csr.transpose(indptr, movies, stars, np.argsort(ranks), movie_indptr, by_movie[1:])
    likes = csr.likes(indptr, movies, stars, movie_count, config.LIKED_FROM)
    return rating_columns(by_user, by_movie, Likes(*likes), ranks, order)


def rating_columns(
    by_user: RatingsByUser,
    by_movie: RatingsByMovie,
    likes: Likes,
    activity_ranks: NDArray[np.int32],
    rating_order: NDArray[np.uint32],
    user_norms: NDArray[np.float64] | None = None,
) -> dict[str, arrow_file.Array]:
    """Ratings in both orders under the names they have in a store, with the statistics of both.

    `user_norms` [users] are worked out unless they are known.
    """
    movie_count = len(by_movie.indptr) - 1
    count = np.empty(movie_count, np.int32)
    mean = np.empty(movie_count, np.float32)
    liked = np.empty(movie_count, np.int32)
    csr.movie_statistics(by_movie.indptr, by_movie.ratings, config.LIKED_FROM, count, mean, liked)
    return {
        "user_indptr": by_user.indptr,
        "user_movies": by_user.movies,
        "user_ratings": by_user.ratings,
        "user_times": by_user.times,
        "user_activity_ranks": activity_ranks,
        "rating_order": rating_order,
        "user_norm": norms(by_user) if user_norms is None else user_norms,
        "user_likes_indptr": likes.user_indptr,
        "user_likes": likes.movies,
        "movie_likes_indptr": likes.movie_indptr,
        "movie_likes": likes.users,
        "movie_indptr": by_movie.indptr,
        "movie_users": by_movie.users,
        "movie_ratings": by_movie.ratings,
        "movie_positions": by_movie.positions,
        "movie_rating_counts": count,
        "movie_mean_ratings": mean,
        "movie_like_counts": liked,
        "movie_popularity_percentiles": percentiles(count),
    }


def norms(by_user: RatingsByUser) -> NDArray[np.float64]:
    """Euclidean length of each user's ratings."""
    indptr = by_user.indptr
    users = len(indptr) - 1
    squares = np.empty(users)
    start = 0
    while start < users:
        stop = int(np.searchsorted(indptr, indptr[start] + SLICE, "right")) - 1
        stop = min(max(stop, start + 1), users)
        part = by_user.ratings[indptr[start] : indptr[stop]].astype(np.float64)
        squares[start:stop] = np.add.reduceat(part**2, indptr[start:stop] - indptr[start])
        start = stop
    return np.sqrt(squares)


def last_activity_ranks(by_user: RatingsByUser) -> NDArray[np.int32]:
    """Each user's rank by the time of their last rating, ties by row."""
    last_times = by_user.times[by_user.indptr[1:] - 1]
    rank = np.empty(len(last_times), np.int32)
    rank[np.argsort(last_times, kind="stable")] = np.arange(len(rank), dtype=np.int32)
    return rank


def summary(named: dict[str, Any], genres: Sequence[str]) -> dict[str, str]:
    """The metadata that follows from the arrays and the names of genres."""
    return {"digest": content_digest(array_digests(named), genres)} | figures(named)


def figures(named: dict[str, Any]) -> dict[str, str]:
    """The same without the digest: the data's end, its scale and mean."""
    stars = named["user_ratings"]
    return {
        "latest_timestamp": str(int(named["user_times"].max())),
        "scale": json.dumps([float(stars.min()), float(stars.max())]),
        "mean_rating": repr(float(stars.mean(dtype=np.float64))),
    }


def _untitled(ratings: Ratings) -> Movies:
    ids, _ = coded(ratings.movies)
    return Movies(
        ids=ids.column(),
        titles=[str(movie_id) for movie_id in ids],
        years=np.zeros(len(ids), np.int16),
        genres=[()] * len(ids),
        released=np.full(len(ids), RELEASE_UNKNOWN, np.int32),
    )


def _sorted_by_id(
    ratings: Ratings, movies: Movies
) -> tuple[Ids, Ids, NDArray[np.int64], RatingsByUser]:
    """Ids of users and movies, each movie row's line of the table, and the ratings by user."""
    user_ids, users = coded(ratings.users)
    movie_ids, rows, by_id = _movie_rows(movies, ratings)
    return user_ids, movie_ids, by_id, sorted_by_user(users, rows, ratings.stars, ratings.times)


def _movie_rows(
    movies: Movies, ratings: Ratings
) -> tuple[Ids, NDArray[np.int32], NDArray[np.int64]]:
    """All known movie ids, the row among them of each rating's movie, and each row's table line.

    The ids are text where those of ratings or of the table are.
    """
    of_ratings, of_table = of_one_kind(ratings.movies, movies.ids)
    known, lines = coded(of_table)
    if len(known) < len(lines):
        raise DataError("the movie table names a movie twice; give each a line of its own")
    rows = known.rows_of(of_ratings)
    missing = rows < 0
    if missing.any():
        absent, _ = coded(take_ids(of_ratings, np.flatnonzero(missing)))
        raise DataError(
            f"{len(absent)} rated movies are not in the movie table, "
            f"the first is {one_line(str(absent[0]), LONGEST_SHOWN)}; complete the table"
        )
    return known, rows, np.argsort(lines)


def _genre_masks(movies: Movies) -> tuple[list[str], NDArray[np.uint64]]:
    """Names of the genres that have bits, in order, and each movie's bits.

    Where there are more genres than bits the commonest have one, of equally common ones the first.
    """
    count = Counter(genre for genres in movies.genres for genre in set(genres))
    common = sorted(count, key=lambda name: (-count[name], name))[:MAX_GENRES]
    names = sorted(common)
    bit = {name: 1 << code for code, name in enumerate(names)}
    masks = [sum(bit.get(genre, 0) for genre in set(genres)) for genres in movies.genres]
    return names, np.array(masks, np.uint64)


def _genre_texts(movies: Movies, names: Sequence[str]) -> list[str] | None:
    """All genres of each movie as one text, where bits cannot tell them all."""
    known = set(names)
    if all(known.issuperset(genres) for genres in movies.genres):
        return None
    return [GENRE_MARK.join(dict.fromkeys(genres)) for genres in movies.genres]


def _release_days(movies: Movies) -> NDArray[np.int32]:
    """Days since 1970 of the release; the first of January where only the year is known."""
    january = (movies.years.astype(np.int64) - 1970).astype("datetime64[Y]")
    days = january.astype("datetime64[D]").astype(np.int32)
    days[movies.years == 0] = RELEASE_UNKNOWN
    return np.where(movies.released == RELEASE_UNKNOWN, days, movies.released)


def percentiles(count: NDArray[np.int32]) -> NDArray[np.float32]:
    """Share of movies with fewer ratings, ties counted half: a true percentile on (0, 1)."""
    ordered = np.sort(count)
    below = np.searchsorted(ordered, count, "left")
    up_to = np.searchsorted(ordered, count, "right")
    return ((below + up_to) / (2 * max(len(count), 1))).astype(np.float32)


def _user_columns(known: Users, user_ids: Ids) -> dict[str, arrow_file.Array]:
    """What is known of each user, "" where nothing is; of two lines of a user the later counts."""
    rows = user_ids.rows_of(known.ids)
    lines = np.full(len(user_ids), -1)
    lines[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    return {
        f"user_{name}": pa.array(
            ["" if line < 0 else values[line] for line in lines.tolist()], pa.large_string()
        )
        for name, values in known.columns.items()
    }
