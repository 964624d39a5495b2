"""Sequence scores: what the order in which people watch says of the next movie.

One `SequenceScores` is worked out per request. The source draws candidates from it; the featurizer
describes every candidate by it, whoever found it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import pool
from reelrecs.kernels import sequence_features as kernels
from reelrecs.kernels.genres import genre_matrix
from reelrecs.kernels.item_item import SparseRows, entries_at
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.sequence_knn import (
    CHANNELS,
    SequenceSettings,
    sequence_votes,
    user_similarity,
)
from reelrecs.pipeline.candidates import Floats, Mask, Rows
from reelrecs.pipeline.query import Query
from reelrecs.stages.base_models import MATRICES
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.stages.markov_chain import Chain
from reelrecs.stages.recent_ratings import RecentRatings, RecentScores
from reelrecs.store.store import Store


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Scores of all movies for one history."""

    votes: Floats  # [movies, CHANNELS]
    chain: Floats  # [movies]
    summed: Floats  # [MATRICES, movies]
    seen: Mask  # [movies] in the history
    as_of_rank: int  # how many users were last active before this one's last rating
    similarity: Floats  # [users] of their histories to this one


class SequenceModel:
    """SequenceScores over one store and the base models trained on it."""

    def __init__(
        self,
        store: Store,
        named: Mapping[str, Any],
        settings: FeatureSettings | None = None,
    ) -> None:
        self.store = store
        self.settings = settings or FeatureSettings()
        self._decays = np.array(self.settings.chain_decays, np.float32)
        parts = as_readonly_contiguous(
            *(
                np.asarray(named[part], np.float32)
                for part in ("context_embeddings", "item_embeddings", "projection", "bias")
            )
        )
        self.chain = Chain(*parts)
        self._item_embeddings = as_readonly_contiguous(parts[1].T)[
            0
        ]  # a column a movie: the kernel adds up whole rows
        self.matrices = {
            name: SparseRows(
                *as_readonly_contiguous(*(named[f"{name}.{part}"] for part in SparseRows._fields))
            )
            for name in MATRICES
        }
        self._last_times = np.sort(store.by_user.times[store.by_user.indptr[1:] - 1])
        self.recent = RecentRatings(store)
        bits = genre_matrix(store.movie_genres, len(store.genres))
        self._genre_bits = bits
        self._genre_counts = store.movie_rating_counts @ bits
        self._genre_share = self._share(self._genre_counts, store.rating_count)
        self.inverse_popularity = (
            (store.movie_rating_counts + 1.0) ** -config.POPULARITY_DISCOUNT
        ).astype(np.float32)

    def genre_share(self, later: Rows) -> NDArray[np.float64]:
        """[genres]: share of all ratings that are of a genre, one of each `later` left out."""
        if len(later) == 0:
            return self._genre_share
        counts = self._genre_counts - self._genre_bits[later].sum(axis=0)
        return self._share(counts, self.store.rating_count - len(later))

    @staticmethod
    def _share(counts: NDArray[np.float64], ratings: int) -> NDArray[np.float64]:
        share: NDArray[np.float64] = np.clip(counts / max(ratings, 1), 1e-4, 1 - 1e-4)
        return share

    def recent_scores(self, query: Query) -> RecentScores:
        """What everybody has rated lately, at the moment of asking."""
        return self.recent.scores(query, self.scores(query).similarity)

    def scores(self, query: Query) -> SequenceScores:
        """The scores for a query's history; worked out once, then kept in its cache."""
        return query.cached("sequence", lambda: self._scores(query))

    def _scores(self, query: Query) -> SequenceScores:
        store, history = self.store, query.movies
        by_user, by_movie = store.by_user, store.by_movie
        chain_scores = np.empty(store.movie_count, np.float32)
        summed = np.zeros((len(MATRICES), store.movie_count), np.float32)
        summing = pool.run_async(
            kernels.base_scores,
            history,
            self.chain.context_embeddings,
            self._item_embeddings,
            self.chain.projection,
            self.chain.bias,
            self._decays,
            *(self.matrices[name] for name in MATRICES),
            self.settings.reach,
            chain_scores,
            summed,
        )
        similarity = user_similarity(
            by_user.indptr,
            by_movie.indptr,
            by_movie.users,
            history[-self.settings.similarity_movies :],
            query.user_row,
            self.settings.votes,
        )
        last_seen = min([query.as_of, *query.times[-1:].tolist()])
        rank = int(np.searchsorted(self._last_times, last_seen))
        seen = np.zeros(store.movie_count, np.bool_)
        seen[history] = True
        votes = np.zeros((store.movie_count, len(CHANNELS)), np.float32)
        without = np.zeros_like(seen) if query.include_seen else seen
        self._vote(query, similarity, rank, 0, self.settings.votes, without, votes)
        summing.result()
        return SequenceScores(votes, chain_scores, summed, seen, rank, similarity)

    def anchor_votes(self, query: Query, movies: Rows) -> Floats:
        """[movies, anchors]: the part of a movie's votes that each of the last ones brings.

        Newest first. Votes are those by which the source draws candidates; see `candidate_votes`.
        """
        anchors = min(self.settings.votes.anchors, len(query.movies))
        others = np.ones(self.store.movie_count, np.bool_)
        others[movies] = False
        votes = np.zeros((self.store.movie_count, len(CHANNELS)), np.float32)
        parts = np.empty((len(movies), anchors), np.float32)
        found = self.scores(query)
        for back in range(anchors):
            settings = self.settings.votes._replace(anchors=back + 1)
            self._vote(query, found.similarity, found.as_of_rank, back, settings, others, votes)
            parts[:, back] = candidate_votes(votes[movies])
            votes[movies] = 0.0
        return parts

    def entries(self, name: str, history: Rows, movies: Rows) -> Floats:
        """[movies, history]: how strongly each movie of a history leads to each, by one matrix."""
        found = np.empty((len(history), len(movies)), np.float32)
        entries_at(self.matrices[name], history, movies, found)
        return found.T

    def _vote(
        self,
        query: Query,
        similarity: Floats,
        as_of_rank: int,
        first: int,
        settings: SequenceSettings,
        seen: Mask,
        votes: Floats,
    ) -> None:
        store = self.store
        sequence_votes(
            store.by_user.indptr,
            store.by_user.movies,
            store.by_movie.indptr,
            store.by_movie.users,
            store.by_movie.positions,
            store.user_activity_ranks,
            similarity,
            query.movies,
            query.user_row,
            as_of_rank,
            first,
            settings,
            seen,
            votes,
        )


def candidate_votes(votes: Floats) -> Floats:
    """[movies]: the channels of [movies, CHANNELS] by which candidates are drawn, as one number."""
    drawn: Floats = votes[:, _NEXT] + np.float32(config.BEFORE_SHARE) * votes[:, _BEFORE]
    return drawn


_NEXT, _BEFORE = CHANNELS.index("next_alike"), CHANNELS.index("before")
