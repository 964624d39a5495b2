"""Which candidates may stay: small objects to put together, and the pattern for your own.

A filter removes a movie for what is known of it or of the user, never for what is not.
"""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store


class AlreadyRatedFilter:
    """Removes what the user has rated, unless the query includes that."""

    name = "already_rated"

    def keep_all(self, queries: Queries, candidates: CandidateBatch) -> Mask:
        """True for movies outside the history of their query."""
        movies = candidates.rows.movies
        unseen = np.ones(max(queries.movies.max(initial=-1), movies.max(initial=-1)) + 1, np.bool_)
        keep = np.ones(len(movies), np.bool_)
        bounds, ends = queries.indptr.tolist(), candidates.indptr.tolist()
        for at, include in enumerate(queries.include_seen.tolist()):
            if not include:
                history = queries.movies[bounds[at] : bounds[at + 1]]
                unseen[history] = False
                own = slice(ends[at], ends[at + 1])
                keep[own] = unseen[movies[own]]
                unseen[history] = True
        return keep


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

    def keep_all(self, queries: Queries, candidates: CandidateBatch) -> Mask:
        """True for movies with at least that mean from at least so many ratings."""
        return self._passes[candidates.rows.movies]


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
