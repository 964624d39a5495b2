"""Candidates by what comes next in the sequences of others."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.pipeline.candidates import Candidates, Floats, Mask
from reelrecs.pipeline.query import Query
from reelrecs.stages.sequence_model import SequenceModel, candidate_votes


class SequenceSource:
    """What comes next, by sequence kNN and by the chain."""

    name = "sequence"
    channels = ("sequence.next", "sequence.markov_chain")

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def find(self, query: Query) -> Candidates:
        """The best unwatched movies of each channel, together, by ascending row."""
        found = self._model.scores(query)
        votes = candidate_votes(found.votes)
        votes *= self._model.inverse_popularity
        may = query.open_movies(len(votes))
        votes[~may] = 0.0
        chain = np.where(may, found.chain, -np.inf)
        by_votes, by_chain = (max(most, 2 * query.limit) for most in config.SEQUENCE_CANDIDATES)
        voted = highest(votes, by_votes) & (votes > 0)
        chained = highest(chain, by_chain) & may
        movies = np.flatnonzero(voted | chained).astype(np.int32)
        retrieval_scores = np.empty((len(movies), 2), np.float32)
        retrieval_scores[:, 0] = votes[movies] * voted[movies]
        retrieval_scores[:, 1] = np.exp(chain[movies] - chain.max()) * chained[movies]
        return Candidates(movies, self.channels, retrieval_scores)


def highest(retrieval_scores: Floats, most: int) -> Mask:
    """True for the `most` highest values, and for those tied with the last of them."""
    most = min(most, len(retrieval_scores))
    last = np.partition(retrieval_scores, len(retrieval_scores) - most)[
        len(retrieval_scores) - most
    ]
    return np.asarray(retrieval_scores >= last)
