"""Candidates described by all sequence evidence."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.kernels import sequence_features as kernels
from reelrecs.kernels.sequence_knn import (
    CHANNELS,
)
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Mask, Rows
from reelrecs.pipeline.query import Query
from reelrecs.stages.sequence_model import SequenceModel

_UNITS = {
    **{f"sequence.{channel}": 1.0 for channel in CHANNELS},  # log(votes + 1e-4)
    "model.next_item": 2.0,  # log(sequential ridge regression + .003)
    "model.co_occurrence": 1.0,  # log(ordered co-occurrence with the last movies + 1e-3)
    "popularity.ratings": 0.125,  # log(ratings + 1)
    "popularity.recent": 2.0,  # log share of raters last active about when this user did
    "recent_profile.genres": 0.25,  # log of how much likelier its genres are after the last movies
    "model.markov_chain": 0.5,  # log-odds by the factorised Markov chain
    "model.ease": 8.0,
    "recent_profile.years": 0.25,  # squared distance from the last years, over their variance
    "popularity.by_history_length": 2.0,  # log(ratings + 1) x log(length of the history)
}
"""What each column is multiplied by, so that one unit behind the list's best is about e times less
of a leader: see the transform "relative" in `reelrecs.scorer.ranker`."""


COLUMNS = tuple(_UNITS)


UNITS = np.array(list(_UNITS.values()), np.float32)


class SequenceFeatures:
    """Every candidate by the evidence; see COLUMNS."""

    def __init__(self, model: SequenceModel) -> None:
        self._model = model
        self._nothing = np.zeros(model.store.movie_count, np.bool_)

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order; all values finite."""
        return FeatureMatrix(COLUMNS, self.featurize(query, candidates.movies))

    def featurize(self, query: Query, movies: Rows, future: Mask | None = None) -> Floats:
        """[movies, COLUMNS]; `future` [movies of the store] marks the user's own later movies.

        Those stand in the store but beyond the query's history, and must not count as the crowd's.
        """
        model, store = self._model, self._model.store
        found = model.scores(query)
        values = np.empty((len(movies), len(COLUMNS)), np.float32)
        logged, plain = values[:, :_LOGGED], values[:, _LOGGED:]
        kernels.featurize(
            movies,
            found.votes,
            found.chain,
            model.matrix_row,
            found.summed,
            store.by_movie.indptr,
            store.by_movie.users,
            store.user_activity_ranks,
            found.as_of_rank - config.RECENT_USERS // 2,
            found.as_of_rank + config.RECENT_USERS // 2,
            self._nothing if future is None else future,
            logged,
            plain,
        )
        kernels.genre_and_year_fit(
            store.movie_genres,
            store.movie_years,
            model.genre_share,
            query.movies[: -config.RECENT_PROFILE_MOVIES - 1 : -1],
            config.RECENT_PROFILE_GENRE_DECAY,
            config.RECENT_PROFILE_YEAR_DECAY,
            movies,
            logged[:, -1],
            plain[:, 2],
        )
        np.log(logged, out=logged)
        plain[:, 3] = logged[:, _POPULARITY] * np.log(max(len(query.movies), 1))
        values *= UNITS
        return values


_LOGGED = COLUMNS.index("model.markov_chain")
"""How many columns, the first ones, are logarithms."""


_POPULARITY = COLUMNS.index("popularity.ratings")
