"""Candidates that everybody rates just now, and that people rate at this point of a history."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.pipeline.candidates import Candidates, Floats, Mask
from reelrecs.pipeline.query import Query
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.sequence_source import highest


class RecentSource:
    """What is rated most in each window, and at this point of a history."""

    name = "recent"
    channels = (
        *(f"recent.{window}" for window in config.RECENT_WINDOWS),
        "recent.at_length",
    )

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def find(self, query: Query) -> Candidates:
        """The best unwatched movies of each channel, together, by ascending row."""
        found = self._model.recent_scores(query)
        known = self._model.store.movie_popularity_percentiles  # decides among equal counts
        scores = np.concatenate(
            [found.windows + known * (found.windows > 0), found.at_length[None]]
        )
        scores[:, ~query.open_movies(len(known))] = 0.0
        most = max(config.RECENT_CANDIDATES, query.limit)
        drawn = np.stack([_positive(channel, most) for channel in scores])
        movies = np.flatnonzero(drawn.any(axis=0)).astype(np.int32)
        retrieval_scores = np.ascontiguousarray((scores * drawn)[:, movies].T, np.float32)
        return Candidates(movies, self.channels, retrieval_scores)


def _positive(scores: Floats, most: int) -> Mask:
    """True for the `most` highest of the values above 0, and for those tied with the last."""
    above = np.flatnonzero(scores > 0)
    chosen = np.zeros(len(scores), np.bool_)
    chosen[above[highest(scores[above], most)] if len(above) > most else above] = True
    return chosen
