"""What the pipeline knows of a user, read out of a history by one code path for everybody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.kernels import co_likes, genres
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.pipeline.candidates import Floats, Mask, Rows
from reelrecs.pipeline.query import CoLikeNeighbours, Preferences, Query
from reelrecs.store.store import Store


def build_query(
    store: Store,
    user_row: int,
    limit: int,
    as_of: int | None = None,
    allowed: Mask | None = None,
    include_seen: bool = False,
) -> Query:
    """The query of a stored user, with what they had rated by then; never their own neighbour.

    It is asked as of the data's end unless another moment is given. `allowed` and `include_seen`
    are those of `Query`.
    """
    rated = store.by_user
    history = rated.row(user_row)
    if as_of is not None:
        known = int(np.searchsorted(rated.times[history], as_of, "right"))
        history = slice(history.start, history.start + known)
    return _query(
        store,
        rated.movies[history],
        rated.ratings[history],
        rated.times[history],
        limit,
        user_row,
        as_of,
        allowed,
        include_seen,
    )


def query_of_history(
    store: Store,
    movies: Rows,
    ratings: Floats,
    times: NDArray[np.int64],
    limit: int,
    user_row: int = -1,
    as_of: int | None = None,
    allowed: Mask | None = None,
    include_seen: bool = False,
) -> Query:
    """The query of anybody with this history, in any order; -1 is a user the store does not hold.

    It is asked as of the data's end unless another moment is given. An empty history is valid: the
    data's mean, no neighbours, no top genres, era unknown. Raises InvalidRequest for arrays of
    unequal length, a movie row outside the store, a movie rated twice or stars that are no number.
    """
    if not len(movies) == len(ratings) == len(times):
        raise InvalidRequest("a history needs one rating and one time for each movie")
    order = np.argsort(times, kind="stable")
    movies = np.asarray(movies, np.int32)[order]
    ratings = np.asarray(ratings, np.float32)[order]
    _check(store, movies, ratings)
    times = np.asarray(times, np.int64)[order]
    return _query(store, movies, ratings, times, limit, user_row, as_of, allowed, include_seen)


def _query(
    store: Store,
    movies: Rows,
    ratings: Floats,
    times: NDArray[np.int64],
    limit: int,
    user_row: int,
    as_of: int | None,
    allowed: Mask | None,
    include_seen: bool,
) -> Query:
    movies, ratings, times = as_readonly_contiguous(movies, ratings, times)
    liked = movies[ratings >= config.LIKED_FROM]
    if as_of is None:
        as_of = store.latest_timestamp
    return Query(
        limit=limit,
        user_row=user_row,
        movies=movies,
        ratings=ratings,
        times=times,
        as_of=as_of,
        liked=liked,
        find_preferences=lambda: _preferences(store, movies, ratings, liked),
        find_neighbours=lambda: neighbours_of(store, liked, user_row),
        allowed=allowed,
        include_seen=include_seen,
    )


def _preferences(store: Store, movies: Rows, ratings: Floats, liked: Rows) -> Preferences:
    mean, preference, rated = genres.preferences(
        store.movie_genres,
        movies,
        ratings,
        len(store.genres),
        store.mean_rating,
        config.GENRE_SHRINKAGE,
    )
    known = np.flatnonzero(rated)
    top = known[np.argsort(-preference[known], kind="stable")[: config.TOP_GENRES]]
    mask = sum(1 << int(genre) for genre in top)
    return Preferences(mean, preference, top, mask, _median_year(store.movie_years[liked]))


def neighbours_of(store: Store, liked: Rows, user_row: int) -> CoLikeNeighbours:
    """The users who share the most of these likes; see `kernels.co_likes.most_shared`."""
    similar, overlap = co_likes.most_shared(
        store.likes.movie_indptr,
        store.likes.users,
        store.user_count,
        liked,
        config.THUNDER_SHARED,
        config.THUNDER_NEIGHBOURS,
        user_row,
        config.THUNDER_LIKERS,
    )
    likes, weight = co_likes.votes(
        store.likes.user_indptr,
        store.likes.movies,
        store.movie_count,
        similar,
        overlap,
    )
    return CoLikeNeighbours(similar, overlap, likes, weight)


def _check(store: Store, movies: Rows, ratings: Floats) -> None:
    if len(movies) == 0:
        return
    if movies.min() < 0 or movies.max() >= store.movie_count:
        raise InvalidRequest(
            f"a history names movie rows outside 0 to {store.movie_count - 1}: "
            "translate ids with Store.movie_row"
        )
    seen = np.zeros(store.movie_count, np.bool_)
    seen[movies] = True
    if np.count_nonzero(seen) < len(movies):
        raise InvalidRequest("a history rates a movie twice: keep the later rating only")
    if not np.isfinite(ratings).all():
        raise InvalidRequest("a history holds ratings that are no numbers: leave them out")


def _median_year(years: NDArray[np.int16]) -> int:
    """The median of the known years, rounded down; 0 where none is known."""
    known = np.sort(years[years > 0])
    middle = len(known) // 2
    if len(known) == 0:
        return 0
    return (int(known[middle]) + int(known[(len(known) - 1) // 2])) // 2
