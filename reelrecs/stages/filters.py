"""Which candidates may stay: small objects to put together, and the pattern for your own.

A filter removes a movie for what is known of it or of the user, never for what is not.
"""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store


class AlreadyRatedFilter:
    """Removes what the user has rated, unless the query includes it."""

    name = "already_rated"

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for movies outside the history."""
        if query.include_seen:
            return np.ones(len(candidates), np.bool_)
        highest = max(query.movies.max(initial=-1), candidates.movies.max(initial=-1))
        unseen = np.ones(highest + 1, np.bool_)
        unseen[query.movies] = False
        return unseen[candidates.movies]


class MinimumRatingFilter:
    """Removes movies with a low mean, or with too few ratings for a mean to say anything."""

    name = "minimum_rating"

    def __init__(
        self,
        store: Store,
        mean: float = config.MINIMUM_MEAN,
        ratings: int = config.MINIMUM_RATINGS,
    ) -> None:
        self._passes = (store.movie_mean_ratings >= mean) & (store.movie_rating_counts >= ratings)

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for movies with at least that mean from at least so many ratings."""
        return self._passes[candidates.movies]


class GenrePreferenceFilter:
    """Removes movies of none of the user's top genres.

    A hard cut that costs recall; movies without genres and users without top genres pass.
    """

    name = "genre_preference"

    def __init__(self, store: Store) -> None:
        self._genres = store.movie_genres

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for movies of at least one top genre."""
        genres = self._genres[candidates.movies]
        top = np.uint64(query.preferences.top_genre_mask)
        passes: Mask = ((genres & top) != 0) | (genres == 0) | (top == 0)
        return passes


class RecencyFilter:
    """Removes movies made more than `years` away from the user's era.

    Movies without a year and users without an era pass.
    """

    name = "recency"

    def __init__(self, store: Store, years: int) -> None:
        self._years = store.movie_years
        self._span = years

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for movies of the era, give or take the span."""
        years = self._years[candidates.movies].astype(np.int32)
        away = np.abs(years - query.preferences.era)
        passes: Mask = (away <= self._span) | (years == 0) | (query.preferences.era == 0)
        return passes
