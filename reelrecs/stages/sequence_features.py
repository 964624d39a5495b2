"""Every candidate by all sequence scores, as named columns."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.kernels import sequence_features as kernels
from reelrecs.kernels.sequence_features import Logged, Plain
from reelrecs.kernels.sequence_knn import CHANNELS
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.stages.recent_ratings import RecentScores
from reelrecs.stages.sequence_model import SequenceModel

_LOGGED: dict[Logged, tuple[str, float]] = {
    Logged.NEXT_ITEM: ("model.next_item", 2.0),  # log(sequential ridge regression + floor)
    Logged.CO_OCCURRENCE: ("model.co_occurrence", 1.0),  # log(co-occurrence with the last + floor)
    Logged.RATINGS: ("popularity.ratings", 0.125),  # log(ratings + 1)
    Logged.RECENT: ("popularity.recent", 2.0),  # log share of raters last active about then
    Logged.GENRES: ("recent_profile.genres", 0.25),  # log of how much likelier its genres are
}

_PLAIN: dict[Plain, tuple[str, float]] = {
    Plain.MARKOV_CHAIN: ("model.markov_chain", 0.5),  # log-odds by the factorised Markov chain
    Plain.EASE: ("model.ease", 8.0),
    Plain.YEARS: ("recent_profile.years", 0.25),  # squared distance from the last, over variance
    Plain.BY_HISTORY_LENGTH: ("popularity.by_history_length", 2.0),  # log(ratings+1) x log(length)
}

_RECENT: dict[str, float] = {
    **{f"recent.{window}": 1.0 for window in config.RECENT_WINDOWS},  # log(ratings in it + 1)
    "recent.alike": 1.0,  # log(similarity of those who rated it lately + floor)
    "recent.at_length": 1.0,  # log(smoothed count at this length of a history + floor)
}

_OF_NEWCOMERS = ("popularity.ratings", *_RECENT)
"""Columns that count otherwise for people of whom little is known: each stands a second time,
weighed by how new somebody is."""

_CONTEXT: dict[str, float] = {
    "context.length": 1.0,  # log(length of the history + 1)
    "context.gap": 1.0,  # log(ratings of everybody since the last of the history + 1)
}

UNITS: dict[str, float] = {
    **{f"sequence.{channel}": 1.0 for channel in CHANNELS},  # log(votes + floor)
    **dict(_LOGGED[column] for column in Logged),
    **dict(_PLAIN[column] for column in Plain),
    **_RECENT,
    **{f"newcomer.{column}": 1.0 for column in _OF_NEWCOMERS},  # column / (1 + length / scale)
    **_CONTEXT,
}
"""Every column, in order, and what it is multiplied by, so that one unit behind the list's best is
about e times less of a leader: see the transform "relative" in `reelrecs.scorer.ranker`."""

COLUMNS = tuple(UNITS)

COMPARED = tuple(column for column in COLUMNS if not column.startswith(("newcomer.", "context.")))
"""Those that are also told as the distance from the best; they stand first."""

_LOGGED_COUNT = len(CHANNELS) + len(Logged)

_PLAIN_END = _LOGGED_COUNT + len(Plain)

_NEWCOMER = [COLUMNS.index(f"newcomer.{column}") for column in _OF_NEWCOMERS]
_TAKEN_AGAIN = [COLUMNS.index(column) for column in _OF_NEWCOMERS]

_UNITS = np.array(list(UNITS.values()), np.float32)


class SequenceFeatures:
    """Every candidate by the sequence scores; see COLUMNS."""

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order; all values finite."""
        return FeatureMatrix(COLUMNS, self.featurize(query, candidates.movies))

    def featurize(self, query: Query, movies: Rows) -> Floats:
        """[movies, COLUMNS]; what the store holds of the user beyond the history does not count."""
        model, store, settings = self._model, self._model.store, self._model.settings
        found = model.scores(query)
        values = np.empty((len(movies), len(COLUMNS)), np.float32)
        logged, plain = values[:, :_LOGGED_COUNT], values[:, _LOGGED_COUNT:_PLAIN_END]
        recent = model.recent_scores(query)
        kernels.featurize(
            movies,
            found.votes,
            found.chain,
            found.summed,
            store.by_movie.indptr,
            store.by_movie.users,
            store.user_activity_ranks,
            query.user_row,
            found.as_of_rank,
            settings.recent_users,
            found.seen,
            model.recent.totals(query, movies, recent.end),
            logged,
            plain,
        )
        kernels.genre_and_year_fit(
            store.movie_genres,
            store.movie_years,
            model.genre_share(model.recent.later(query).movies),
            query.movies[: -settings.recent_profile_movies - 1 : -1],
            settings.recent_profile_genre_decay,
            settings.recent_profile_year_decay,
            movies,
            logged[:, Logged.GENRES],
            plain[:, Plain.YEARS],
        )
        np.log(logged, out=logged)
        of_length = np.log(max(len(query.movies), 1))
        plain[:, Plain.BY_HISTORY_LENGTH] = logged[:, Logged.RATINGS] * of_length
        _describe_recent(query, recent, movies, values[:, _PLAIN_END:])
        newness = np.float32(1 / (1 + len(query.movies) / config.NEWCOMER_LENGTH))
        values[:, _NEWCOMER] = values[:, _TAKEN_AGAIN] * (_UNITS[_TAKEN_AGAIN] * newness)
        values *= _UNITS
        return values


def _describe_recent(query: Query, recent: RecentScores, movies: Rows, values: Floats) -> None:
    """Fill values [movies, columns from RECENT on] but for those of newcomers."""
    windows = len(recent.windows)
    values[:, :windows] = np.log1p(recent.windows[:, movies].T)
    values[:, windows] = np.log(recent.alike[movies] + np.float32(config.ALIKE_FLOOR))
    values[:, windows + 1] = np.log(recent.at_length[movies] + np.float32(config.AT_LENGTH_FLOOR))
    values[:, -2] = np.log1p(len(query.movies))
    values[:, -1] = np.log1p(recent.gap)
