"""Where candidates come from: Thunder listens to similar users, Phoenix discovers without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import discovery
from reelrecs.kernels.genres import genre_matrix
from reelrecs.pipeline.candidates import Candidates, Floats
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store

_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1


class ThunderSource:
    """What the user's neighbours like: the in-network source.

    Ranks by the overlap of the neighbours who like a movie, added up (ties: the smaller row); the
    retrieval score is how many neighbours that are. Finds nothing for a user without any.
    """

    name = "thunder"
    channels = ("thunder.neighbours",)

    def __init__(self, store: Store, most: int = config.THUNDER_CANDIDATES) -> None:
        self._most = most

    def find(self, query: Query) -> Candidates:
        """At most `most` unwatched movies, best first."""
        weight = query.neighbours.weight.astype(np.int64)
        weight[~query.open_movies(len(weight))] = 0
        voted = np.flatnonzero(weight)
        # weight above inverted row in one integer: a total order that a plain sort respects
        keys = (weight[voted] << _ROW_BITS) | (_ROW_MASK - voted)
        if len(keys) > self._most:
            keys = np.partition(keys, len(keys) - self._most)[len(keys) - self._most :]
        keys.sort()
        movies = (_ROW_MASK - (keys[::-1] & _ROW_MASK)).astype(np.int32)
        return Candidates(
            movies, self.channels, query.neighbours.likes[movies, None].astype(np.float32)
        )


class PhoenixSource:
    """Well liked movies found by genre, popularity and era: the out-of-network source.

    The three channels share the places by taking turns (`kernels.discovery`), each with strengths
    on [0, 1]. For a user without taste the genre channel goes by standing within a genre, so the
    list is popular and varied.
    """

    name = "phoenix"
    channels = tuple(f"phoenix.{channel}" for channel in discovery.CHANNELS)

    def __init__(self, store: Store, most: int = config.PHOENIX_CANDIDATES) -> None:
        self._most = most
        self._movie_count = store.movie_count
        self._pool = np.flatnonzero(
            (store.movie_mean_ratings >= config.PHOENIX_MEAN)
            & (store.movie_rating_counts >= config.PHOENIX_RATINGS)
        ).astype(np.int32)
        count = store.movie_rating_counts[self._pool]
        self._popularity = (count / max(count.max(initial=0), 1)).astype(np.float32)
        self._genres = store.movie_genres[self._pool]
        self._years = store.movie_years[self._pool]
        self._standing = _standing(self._genres, count, len(store.genres))

    def find(self, query: Query) -> Candidates:
        """At most `most` unwatched movies in order of discovery."""
        closed = ~query.open_movies(self._movie_count)
        values = discovery.channel_scores(
            self._genres,
            self._years,
            self._popularity,
            self._standing,
            closed[self._pool],
            query.preferences.top_genre_mask,
            query.preferences.era,
            config.ERA_SPAN,
        )
        found, retrieval_scores = discovery.take_turns(values, self._most)
        return Candidates(self._pool[found], self.channels, retrieval_scores)


class CatalogueSource:
    """Everything the user has not rated, by popularity: for lists that the others leave short.

    In small data few movies have the ratings that other sources ask for.
    """

    name = "catalogue"
    channels = ("catalogue.popularity",)

    def __init__(self, store: Store) -> None:
        self._percentiles = store.movie_popularity_percentiles

    def find(self, query: Query) -> Candidates:
        """All unwatched movies; the retrieval score is the share of movies rated less often."""
        movies = np.flatnonzero(query.open_movies(len(self._percentiles))).astype(np.int32)
        return Candidates(movies, self.channels, self._percentiles[movies, None])


def _standing(genres: NDArray[np.uint64], count: NDArray[np.int32], genre_count: int) -> Floats:
    """1 / rank by rating count in the genre where a movie stands best; 0 without genres."""
    standing = np.zeros(len(genres), np.float32)
    for of_genre in genre_matrix(genres, genre_count).T:
        members = np.flatnonzero(of_genre)
        members = members[np.argsort(-count[members], kind="stable")]
        rank = np.arange(1, len(members) + 1, dtype=np.float32)
        standing[members] = np.maximum(standing[members], 1 / rank)
    return standing
