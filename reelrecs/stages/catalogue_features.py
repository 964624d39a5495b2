"""Candidates as numbers: what the catalogue and the user's neighbours say of each."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.datasets.tables import RELEASE_UNKNOWN
from reelrecs.kernels.catalogue_features import featurize
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats
from reelrecs.pipeline.query import Query
from reelrecs.store.store import Store

COLUMNS = (
    "genre_overlap_score",  # Jaccard of the movie's genres with the user's top genres
    "genre_diversity_score",  # share of the movie's genres beyond those; 0 without genres
    "collaborative_score",  # share of the neighbours' overlap held by those who like it; [0, 1]
    "similar_users_count",  # neighbours who like it
    "avg_rating",  # stars; the data's mean where nobody rated it
    "rating_count",
    "popularity_percentile",  # share of movies with fewer ratings, ties half; (0, 1)
    "movie_year",  # 0 = unknown
    "year_preference_score",  # 1 in the user's era, halved every ERA_SPAN years; (0, 1]
    "days_since_released",  # at the data's clock, 0 for later; the median age where unknown
)

_SECONDS_A_DAY = 86_400


class CatalogueFeatures:
    """The ten columns for every candidate, whatever source found it; all values are finite."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mean = np.where(
            store.movie_rating_counts > 0, store.movie_mean_ratings, np.float32(store.mean_rating)
        )
        self._age = _ages(store)

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order."""
        store = self._store
        values = featurize(
            candidates.movies,
            store.movie_genres,
            self._mean,
            store.movie_rating_counts,
            store.movie_popularity_percentiles,
            store.movie_years,
            self._age,
            query.neighbours.likes,
            query.neighbours.weight,
            query.preferences.top_genre_mask,
            int(query.neighbours.overlap.sum()),
            query.preferences.era,
            config.ERA_SPAN,
            config.YEAR_PREFERENCE_UNKNOWN,
        )
        return FeatureMatrix(COLUMNS, values)


def _ages(store: Store) -> Floats:
    """Days from each movie's release to the end of the data, never negative."""
    known = store.movie_released != RELEASE_UNKNOWN
    days = np.maximum(
        store.latest_timestamp // _SECONDS_A_DAY - store.movie_released.astype(np.int64), 0
    )
    usual = np.median(days[known]) if known.any() else 0
    return np.where(known, days, usual).astype(np.float32)
