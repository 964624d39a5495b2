"""Sequence evidence: what the order in which people watch says of the next movie.

One `Evidence` is worked out per request; the source draws candidates from it and the featurizer
describes every candidate by it, whoever found it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.chain import Chain
from reelrecs.kernels import crowd, linear, pool
from reelrecs.kernels.sequence import (
    CHANNELS,
    SequenceSettings,
    sequence_votes,
    taste_similarity,
    taste_votes,
)
from reelrecs.stages import Candidates, FeatureMatrix, Floats, Mask, Query
from reelrecs.store import Store

SECONDS_A_DAY = 86_400

MATRICES = ("step", "ease", "pairs")
"""Item-to-item models; see `reelrecs.linear`."""

EVIDENCE_COLUMNS = (
    *(f"sequence.{channel}" for channel in CHANNELS),  # log(votes + 1e-4)
    "people.taste",  # log(votes of people of like taste + 1e-3)
    "model.chain",  # log-odds by the factorised Markov chain
    "model.step",  # log(sequential ridge regression + .003)
    "model.ease",
    "model.pairs",  # log(ordered co-occurrence with the last movies + 1e-3)
    "crowd.popularity",  # log(ratings + 1)
    "crowd.popularity_by_length",  # the same times log(length of the history)
    "crowd.recent",  # log share of raters who closed about when this user did
    "fit.genre",
    "fit.era",
)

LEAD_SCALE = np.array([1.0] * len(CHANNELS) + [2, 2, 0.5, 0.125, 1, 1, 8, 0.5, 4, 4], np.float32)
"""[EVIDENCE_COLUMNS] how far behind the list's best a candidate is e times less a leader."""

COLUMNS = (*EVIDENCE_COLUMNS, *(f"{column}.lead" for column in EVIDENCE_COLUMNS))
"""Each column twice: as it is, and as exp((it - the list's best) / scale). For log votes the second
is the share of the best candidate's votes: being far ahead of the rest counts beyond its log."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Dense scores over all movies for one history."""

    votes: Floats  # [movies, CHANNELS]
    taste: Floats  # [movies]
    chain: Floats
    step: Floats
    ease: Floats
    pairs: Floats
    own_rank: int  # place in closing order


class SequenceModel:
    """Evidence over one store and the base models trained on it."""

    def __init__(self, store: Store, named: Mapping[str, Any]) -> None:
        self.store = store
        self.chain = Chain(*(named[part] for part in ("inputs", "outputs", "mix", "bias")))
        self.kept: NDArray[np.int32] = named["kept"]
        self.matrices = {name: named[name] for name in MATRICES}
        self.settings = SequenceSettings()
        self._place = np.full(store.movie_count_total, -1, np.int32)
        self._place[self.kept] = np.arange(len(self.kept), dtype=np.int32)
        last = store.by_user.times[store.by_user.indptr[1:] - 1]
        self._closing_day = (last / SECONDS_A_DAY).astype(np.float32)
        self._closings = np.sort(last)
        codes = np.arange(max(len(store.genres), 1), dtype=np.uint64)
        bits = (store.movie_genres[:, None] >> codes) & np.uint64(1)
        share = (store.movie_count @ bits.astype(np.float64)) / max(store.rating_count, 1)
        self.genre_share = np.clip(share, 1e-4, 1 - 1e-4)
        self.rarity = ((store.movie_count + 1.0) ** -config.POPULARITY_DISCOUNT).astype(np.float32)

    def evidence(self, query: Query) -> Evidence:
        """Work out, or take from the query's scratch, all evidence for its history."""
        known = query.scratch.get("sequence")
        if not isinstance(known, Evidence):
            known = query.scratch["sequence"] = self._evidence(query)
        return known

    def _evidence(self, query: Query) -> Evidence:
        store, history = self.store, query.movies
        by_user, by_movie = store.by_user, store.by_movie
        similarity = taste_similarity(
            by_user.indptr, by_movie.indptr, by_movie.users, history, query.user_row
        )
        rank, day = self._closing(query)
        seen = np.zeros(store.movie_count_total, np.bool_)
        seen[history] = True
        votes = np.zeros((store.movie_count_total, len(CHANNELS)), np.float32)
        voting = pool.beside(
            sequence_votes,
            by_user.indptr,
            by_user.movies,
            by_user.ratings,
            by_movie.indptr,
            by_movie.users,
            by_movie.positions,
            store.user_closing,
            self._closing_day,
            similarity,
            history,
            query.ratings,
            query.user_row,
            rank,
            day,
            self.settings,
            seen,
            votes,
        )
        taste = taste_votes(
            by_user.indptr,
            by_user.movies,
            similarity,
            config.TASTE_NEIGHBOURS,
            store.movie_count_total,
        )
        chain = self.chain.scores(history)
        step = self._rows("step", query, config.STEP_DECAY, config.STEP_ROWS)
        ease = self._rows("ease", query, 1.0, config.EASE_ROWS)
        pairs = self._rows("pairs", query, config.PAIR_ANCHOR_DECAY, config.PAIR_ROWS)
        voting.result()
        return Evidence(votes, taste, chain, step, ease, pairs, rank)

    def just_watched(
        self, query: Query, movies: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], Floats]:
        """The last movies, newest first, and [movies, last] how often each leads to a movie."""
        last = query.movies[: -self.settings.anchors - 1 : -1]
        weights = (config.PAIR_ANCHOR_DECAY ** np.arange(len(last))).astype(np.float32)
        rows, columns = self._place[last], self._place[movies]
        leads = self.matrices["pairs"][np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))]
        known = (rows >= 0)[:, None] & (columns >= 0)
        return last, np.where(known, leads * weights[:, None], 0.0).T.astype(np.float32)

    def _rows(self, name: str, query: Query, decay: float, most: int) -> Floats:
        """Sum of the matrix's rows of the last `most` movies, each step back weighing `decay`."""
        rows = self._place[query.movies[: -most - 1 : -1]]
        weights = (decay ** np.arange(len(rows))).astype(np.float32)
        found = np.zeros(len(self.kept), np.float32)
        linear.row_sum(self.matrices[name], rows, weights, found)
        everywhere = np.zeros(self.store.movie_count_total, np.float32)
        everywhere[self.kept] = found
        return everywhere

    def _closing(self, query: Query) -> tuple[int, np.float32]:
        """Where the user stands in closing order, and the day; the data's end without a history."""
        if query.user_row >= 0:
            rank = int(self.store.user_closing[query.user_row])
            return rank, self._closing_day[query.user_row]
        last = int(query.times[-1]) if len(query.times) else self.store.clock
        return int(np.searchsorted(self._closings, last)), np.float32(last / SECONDS_A_DAY)


class SequenceSource:
    """What comes next: by sequence kNN, by the chain, and by people of like taste."""

    name = "sequence"
    channels = ("sequence.next", "sequence.chain", "sequence.taste")

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def find(self, query: Query) -> Candidates:
        """The best unwatched movies of each channel, together, by ascending row."""
        found = self._model.evidence(query)
        votes = found.votes
        blended = votes[:, _NEXT] + np.float32(config.BEFORE_SHARE) * votes[:, _BEFORE]
        chain = np.exp(found.chain - found.chain.max())
        taste = found.taste.copy()
        for strength in (blended, chain, taste):
            strength[query.movies] = 0.0
        ranked = (blended * self._model.rarity, chain, taste)
        chosen = np.zeros(len(blended), np.bool_)
        for strength, most in zip(ranked, config.SEQUENCE_CANDIDATES, strict=True):
            chosen |= _highest(strength, most)
        movies = np.flatnonzero(chosen).astype(np.int32)
        strengths = np.stack([part[movies] for part in (blended, chain, taste)], axis=1)
        return Candidates(movies, self.channels, strengths)


class SequenceFeatures:
    """Every candidate by the evidence; see COLUMNS."""

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order; all values finite."""
        return FeatureMatrix(COLUMNS, self.describe(query, candidates.movies))

    def describe(
        self, query: Query, movies: NDArray[np.int32], future: Mask | None = None
    ) -> Floats:
        """[movies, COLUMNS] of a whole list, for the leads depend on its best.

        `future` [movies of the store] marks the user's own later movies.

        Those stand in the store but beyond the query's history, and must not count as the crowd's.
        """
        model, store = self._model, self._model.store
        found = model.evidence(query)
        recent = np.empty(len(movies), np.int32)
        crowd.raters_between(
            store.by_movie.indptr,
            store.by_movie.users,
            store.user_closing,
            movies,
            found.own_rank - config.RECENT_USERS // 2,
            found.own_rank + config.RECENT_USERS // 2,
            recent,
        )
        own = 0 if future is None else future[movies].astype(np.int32)
        count = (store.movie_count[movies] - own).astype(np.float32)
        whole = np.empty((len(movies), len(COLUMNS)), np.float32)
        out = whole[:, : len(EVIDENCE_COLUMNS)]
        width = len(CHANNELS)
        np.log(found.votes[movies] + np.float32(1e-4), out=out[:, :width])
        genre, era = out[:, width + 8], out[:, width + 9]
        crowd.genre_and_era(
            store.movie_genres,
            store.movie_years,
            model.genre_share,
            query.movies[: -config.STREAK_MOVIES - 1 : -1],
            config.STREAK_GENRE_DECAY,
            config.STREAK_YEAR_DECAY,
            movies,
            genre,
            era,
        )
        out[:, width] = np.log(found.taste[movies] + np.float32(1e-3))
        out[:, width + 1] = found.chain[movies]
        out[:, width + 2] = np.log(np.maximum(found.step[movies], 0) + np.float32(3e-3))
        out[:, width + 3] = found.ease[movies]
        out[:, width + 4] = np.log(found.pairs[movies] + np.float32(1e-3))
        popularity = np.log(count + 1)
        out[:, width + 5] = popularity
        out[:, width + 6] = popularity * np.float32(np.log(max(len(query.movies), 1)))
        out[:, width + 7] = np.log((recent - own + 2) / (count + 2))
        if len(movies):
            behind = (out - out.max(axis=0)) / LEAD_SCALE
            np.exp(behind, out=whole[:, len(EVIDENCE_COLUMNS) :])
        return whole


_NEXT, _BEFORE = CHANNELS.index("next_alike"), CHANNELS.index("before")


def _highest(strength: Floats, most: int) -> Mask:
    """True for the `most` highest positive values, and for those tied with the last of them."""
    most = min(most, len(strength))
    last = np.partition(strength, len(strength) - most)[len(strength) - most]
    return np.asarray((strength >= last) & (strength > 0))
