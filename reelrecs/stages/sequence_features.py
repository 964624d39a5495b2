"""Every candidate by all sequence scores, as named columns."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.kernels import pool
from reelrecs.kernels import sequence_features as kernels
from reelrecs.kernels.arrays import Offsets
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.sequence_features import LOGGED_END, PLAIN_END, Logged, Plain
from reelrecs.kernels.sequence_knn import CHANNELS
from reelrecs.kernels.sequence_retrieval import room_for
from reelrecs.kernels.sequence_world import Asked
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix, Floats
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.sequence_model import SequenceEvidence, SequenceModel, asked_of

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

_NEWCOMER = [COLUMNS.index(f"newcomer.{column}") for column in _OF_NEWCOMERS]
_TAKEN_AGAIN = [COLUMNS.index(column) for column in _OF_NEWCOMERS]

_FIRST_WINDOW, _FIRST_OTHER = PLAIN_END, PLAIN_END + len(config.RECENT_WINDOWS)

_NEWCOMERS = kernels.Newcomer(
    *as_readonly_contiguous(
        np.array(_NEWCOMER, np.int64),
        np.array(_TAKEN_AGAIN, np.int64),
        np.array(list(UNITS.values()), np.float32),
    )
)


def finish(values: Floats, indptr: Offsets, lengths: Offsets, gaps: Offsets) -> None:
    """Make columns of what a kernel told of candidates, in place.

    Rows indptr[q] .. indptr[q+1] - 1 are those of a query with a history of `lengths[q]` movies and
    `gaps[q]` ratings of everybody since the last of it.
    """
    logged, windows = values[:, :LOGGED_END], values[:, _FIRST_WINDOW:_FIRST_OTHER]
    others = values[:, _FIRST_OTHER : _FIRST_OTHER + 2]
    np.log(logged, out=logged)
    np.log1p(windows, out=windows)
    others += np.array([config.ALIKE_FLOOR, config.AT_LENGTH_FLOOR], np.float32)
    np.log(others, out=others)
    context = np.log1p(np.stack([lengths, gaps], axis=1)).astype(np.float32)
    history = kernels.History(
        np.log(np.maximum(lengths, 1)),
        (1 / (1 + lengths / config.NEWCOMER_LENGTH)).astype(np.float32),
        context,
    )
    kernels.finish(indptr, history, _NEWCOMERS, values)


class SequenceFeatures:
    """Every candidate by the sequence scores; see COLUMNS. All values are finite."""

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def features_of_all(
        self, queries: Queries, candidates: CandidateBatch, evidence: SequenceEvidence | None
    ) -> FeatureMatrix:
        """One row per candidate, in the same order, whoever found it.

        What the store holds of a user beyond the history does not count.
        """
        movie_count, rows = self._model.store.movie_count, candidates.rows
        if evidence is None:
            return FeatureMatrix(COLUMNS, self.describe(asked_of(queries), candidates))
        known = evidence.candidates
        if np.array_equal(known.indptr, candidates.indptr) and np.array_equal(
            known.rows.movies, rows.movies
        ):
            return FeatureMatrix(COLUMNS, evidence.features)
        keys, wanted = known.keys(movie_count), candidates.keys(movie_count)
        places = np.searchsorted(keys, wanted)
        found = np.zeros(len(wanted), np.bool_)
        inside = places < len(keys)
        found[inside] = keys[places[inside]] == wanted[inside]
        values = np.empty((len(wanted), len(COLUMNS)), np.float32)
        values[found] = evidence.features[places[found]]
        if not found.all():
            values[~found] = self.describe(asked_of(queries), candidates.keep(~found))
        return FeatureMatrix(COLUMNS, values)

    def describe(self, asked: Asked, candidates: CandidateBatch) -> Floats:
        """[candidates, COLUMNS] from evidence that is gathered for them."""
        (indptr,) = as_readonly_contiguous(candidates.indptr)
        given = room_for(len(candidates), len(candidates.rows), 0, len(COLUMNS))
        given.counts[:], given.movies[:] = np.diff(indptr), candidates.rows.movies
        pool.over_ranges(
            lambda first, last: self._model.describe(asked, given, indptr, first, last),
            len(candidates),
        )
        values = given.features
        finish(values, indptr, np.diff(asked.indptr), given.gaps)
        return values
