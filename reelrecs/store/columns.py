"""The arrays of a store: name, type and length of each, and those that belong together.

The bundles are NamedTuples, which compiled kernels take as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COLUMNS: dict[str, tuple[type[np.generic], str]] = {
    "user_indptr": (np.int64, "user ends"),
    "user_movies": (np.int32, "ratings"),
    "user_ratings": (np.float32, "ratings"),
    "user_times": (np.int64, "ratings"),
    "user_activity_ranks": (np.int32, "users"),
    "rating_order": (np.uint32, "ratings"),
    "user_norm": (np.float64, "users"),
    "user_likes_indptr": (np.int64, "user ends"),
    "user_likes": (np.int32, "likes"),
    "movie_indptr": (np.int64, "movie ends"),
    "movie_users": (np.int32, "ratings"),
    "movie_ratings": (np.float32, "ratings"),
    "movie_positions": (np.int32, "ratings"),
    "movie_likes_indptr": (np.int64, "movie ends"),
    "movie_likes": (np.int32, "likes"),
    "movie_rating_counts": (np.int32, "movies"),
    "movie_mean_ratings": (np.float32, "movies"),
    "movie_like_counts": (np.int32, "movies"),
    "movie_popularity_percentiles": (np.float32, "movies"),
    "movie_years": (np.int16, "movies"),
    "movie_released": (np.int32, "movies"),
    "movie_genres": (np.uint64, "movies"),
}
"""Arrays of numbers that every store holds: type, and what there is one of for each. Ends of rows
are one more than rows. Beside them stand ids, titles and whatever other texts a data set has."""

IDS = ("user_ids", "movie_ids")
"""Numbers of 64 bits or texts, whichever the data has."""

TITLES = "movie_titles"

GENRE_TEXTS, GENRE_MARK = "movie_genre_texts", "\x1f"
"""All genres of each movie, parted by a character that no text holds; in a store of more genres
than a mask has bits."""


class RatingsByUser(NamedTuple):
    """CSR over users; each user's entries oldest first."""

    indptr: NDArray[np.int64]  # [users + 1]
    movies: NDArray[np.int32]  # [ratings] movie rows
    ratings: NDArray[np.float32]  # [ratings] stars
    times: NDArray[np.int64]  # [ratings] seconds since 1970-01-01 UTC

    def row(self, user: int) -> slice:
        """Where a user's entries stand."""
        return row_of(self.indptr, user)

    def owners(self) -> NDArray[np.int64]:
        """The user row of each entry."""
        return owners_of(self.indptr)

    def places(self) -> NDArray[np.int64]:
        """Each entry's place in its user's time order."""
        return np.arange(len(self.movies)) - self.indptr[self.owners()]


class RatingsByMovie(NamedTuple):
    """CSC: for each movie who rated it, in the order of their users' last activity."""

    indptr: NDArray[np.int64]  # [movies + 1]
    users: NDArray[np.int32]  # [ratings] user rows
    ratings: NDArray[np.float32]  # [ratings] stars
    positions: NDArray[np.int32]  # [ratings] place in that user's time order

    def row(self, movie: int) -> slice:
        """Where a movie's entries stand."""
        return row_of(self.indptr, movie)

    def owners(self) -> NDArray[np.int64]:
        """The movie row of each entry."""
        return owners_of(self.indptr)


class Likes(NamedTuple):
    """CSR of likes alone, ratings of config.LIKED_FROM stars or more; both ways round."""

    user_indptr: NDArray[np.int64]  # [users + 1]
    movies: NDArray[np.int32]  # [likes] movie rows, each user's oldest first
    movie_indptr: NDArray[np.int64]  # [movies + 1]
    users: NDArray[np.int32]  # [likes] user rows, ascending for each movie

    def movies_of(self, user: int) -> NDArray[np.int32]:
        """The movies that a user likes."""
        return self.movies[row_of(self.user_indptr, user)]

    def users_of(self, movie: int) -> NDArray[np.int32]:
        """The users who like a movie."""
        return self.users[row_of(self.movie_indptr, movie)]


def row_of(indptr: NDArray[np.int64], row: int) -> slice:
    """Where the entries of a row of compressed rows stand."""
    return slice(int(indptr[row]), int(indptr[row + 1]))


def owners_of(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each entry of compressed rows [entries]."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
