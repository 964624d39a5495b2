"""Sequence evidence: what the order in which people watch says of the next movie.

It is gathered once for a batch of queries. The sources draw candidates from it; the featurizer
describes by it what they drew, and asks for what anybody else has found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import sequence_retrieval as kernels
from reelrecs.kernels.arrays import Offsets
from reelrecs.kernels.genres import genre_matrix
from reelrecs.kernels.item_item import SparseRows, entries_at
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.markov_chain import ChainArrays
from reelrecs.kernels.sequence_knn import (
    CHANNELS,
    Asker,
    Watched,
    add_similarity,
    clear_similarity,
    sequence_votes,
)
from reelrecs.kernels.sequence_retrieval import Draw, Found
from reelrecs.kernels.sequence_world import (
    Asked,
    Catalogue,
    ItemItem,
    Recent,
    Settings,
    Workspace,
    World,
    workspace,
)
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, Floats, Mask, Rows
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.stages.base_models import MATRICES
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.stages.markov_chain import Chain
from reelrecs.stages.recent_ratings import WINDOWS, RecentRatings
from reelrecs.store.store import Store


class SequenceEvidence(NamedTuple):
    """What is known of the candidates that the retrieval channels drew for a batch of queries."""

    candidates: CandidateBatch  # with a retrieval score in every channel
    chosen: NDArray[np.uint16]  # [candidates] the channels that drew each, as bits
    features: Floats  # [candidates, columns]

    def drawn_by(self, first: int, last: int) -> CandidateBatch:
        """The candidates of channels first .. last - 1."""
        rows = self.candidates.rows
        mask = self._of_channels(first, last)
        scores = rows.retrieval_scores[:, first:last][mask]
        drawn = Candidates(rows.movies[mask], rows.channels[first:last], scores)
        return CandidateBatch(self._ends(mask), drawn)

    def count_drawn_by(self, first: int, last: int) -> NDArray[np.int64]:
        """[queries] how many those are."""
        return np.diff(self._ends(self._of_channels(first, last)))

    def _of_channels(self, first: int, last: int) -> Mask:
        mask: Mask = self.chosen & np.uint16((1 << last) - (1 << first)) != 0
        return mask

    def _ends(self, mask: Mask) -> NDArray[np.int64]:
        """[queries + 1] where the rows of each end that are under the mask."""
        kept = np.zeros(len(mask) + 1, np.int64)
        np.cumsum(mask, out=kept[1:])
        return kept[self.candidates.indptr]


class SequenceModel:
    """The evidence over one store and the base models trained on it; shared by threads."""

    def __init__(
        self,
        store: Store,
        named: Mapping[str, Any],
        settings: FeatureSettings | None = None,
    ) -> None:
        self.store = store
        self.settings = settings or FeatureSettings()
        parts = as_readonly_contiguous(
            *(
                np.asarray(named[part], np.float32)
                for part in ("context_embeddings", "item_embeddings", "projection", "bias")
            )
        )
        self.chain = Chain(*parts)
        by_size, decays = as_readonly_contiguous(
            self.chain.item_embeddings.T, np.array(self.settings.chain_decays, np.float32)
        )  # a column a movie: the kernel adds up whole rows
        chain = self.chain
        self._chain = ChainArrays(
            chain.context_embeddings, by_size, chain.projection, chain.bias, decays
        )
        self.matrices = {
            name: SparseRows(
                *as_readonly_contiguous(*(named[f"{name}.{part}"] for part in SparseRows._fields))
            )
            for name in MATRICES
        }
        self.recent = RecentRatings(store)
        lengths = np.diff(store.by_user.indptr)
        (damping,) = as_readonly_contiguous(
            np.sqrt(lengths + self.settings.votes.length_smoothing).astype(np.float32)
        )
        self.watched = Watched(
            store.by_user.indptr,
            store.by_user.movies,
            store.by_movie.indptr,
            store.by_movie.users,
            store.by_movie.positions,
            store.user_activity_ranks,
            damping,
        )
        self._spaces: deque[Workspace] = deque()  # that no thread works in just now

    @cached_property
    def at_the_end(self) -> World:
        """What kernels read for whoever asks at the data's end."""
        nothing = np.zeros(0, np.int64)
        return self._world(self.recent.last, *as_readonly_contiguous(nothing, nothing))

    @cached_property
    def at_any_time(self) -> World:
        """The same for other moments; it takes more memory."""
        return self._world(self.recent.whole, *self.recent.places)

    def world(self, asked: Asked) -> World:
        """What kernels read to answer these."""
        late = bool((asked.as_of >= self.store.latest_timestamp).all())
        return self.at_the_end if late else self.at_any_time

    def retrieve(self, asked: Asked, columns: int, first: int, last: int) -> Found:
        """The candidates of queries first .. last - 1, described in so many columns."""
        channels = len(WINDOWS) + 3
        longest = int(asked.limits[first:last].max(initial=0))
        drawn = [max(most, 2 * longest) for most in config.SEQUENCE_CANDIDATES]
        drawn += [max(config.RECENT_CANDIDATES, longest)] * (len(WINDOWS) + 1)
        size = (last - first) * min(sum(drawn), self.store.movie_count)  # but for ties
        parts = []
        while first < last:
            found = kernels.room_for(last - first, size, channels, columns)
            done = self._gather(asked, found, False, first, last)
            if done == first:
                size = self.store.movie_count
                continue
            queries = slice(0, done - first)
            parts.append(found.part(queries, slice(0, int(found.counts[queries].sum()))))
            first = done
        if len(parts) == 1:
            return parts[0]
        return Found(*map(np.concatenate, zip(*parts, strict=True)))

    def describe(self, asked: Asked, given: Found, indptr: Offsets, first: int, last: int) -> None:
        """Fill what is told of the given candidates of queries first .. last - 1."""
        part = given.part(slice(first, last), slice(int(indptr[first]), int(indptr[last])))
        self._gather(asked, part, True, first, last)

    def _gather(self, asked: Asked, found: Found, given: bool, first: int, last: int) -> int:
        draw = Draw(*config.SEQUENCE_CANDIDATES, config.RECENT_CANDIDATES, config.BEFORE_SHARE)
        with self._space() as space:
            return kernels.gather(self.world(asked), asked, draw, space, found, given, first, last)

    def anchor_votes(self, query: Query, movies: Rows) -> Floats:
        """[movies, anchors]: the part of a movie's votes that each of the last ones brings.

        Newest first. Votes are those by which the source draws candidates; see `candidate_votes`.
        """
        votes_settings, watched = self.settings.votes, self.watched
        anchors = min(votes_settings.anchors, len(query.movies))
        parts = np.empty((len(movies), anchors), np.float32)
        last_seen = min([query.as_of, *query.times[-1:].tolist()])
        rank = int(np.searchsorted(self.at_the_end.last_times, last_seen))
        (history,) = as_readonly_contiguous(query.movies)
        similar = history[-self.settings.similarity_movies :]
        asker = Asker(history, query.user_row, rank)
        with self._space() as space:
            add_similarity(watched, similar, votes_settings, space.similarity)
            votes = space.scores.votes
            for back in range(anchors):
                votes[:] = 0.0
                upto = votes_settings._replace(anchors=back + 1)
                sequence_votes(watched, asker, back, upto, space.similarity, space.voting, votes)
                parts[:, back] = candidate_votes(votes[movies])
            clear_similarity(watched, similar, space.similarity)
        return parts

    def entries(self, name: str, history: Rows, movies: Rows) -> Floats:
        """[movies, history]: how strongly each movie of a history leads to each, by one matrix."""
        found = np.empty((len(history), len(movies)), np.float32)
        entries_at(self.matrices[name], history, movies, found)
        return found.T

    def _world(
        self, recent: Recent, place_indptr: NDArray[np.int64], places: NDArray[np.int64]
    ) -> World:
        store, settings = self.store, self.settings
        bits = genre_matrix(store.movie_genres, len(store.genres))
        inverse_popularity, genre_counts, last_times = as_readonly_contiguous(
            ((store.movie_rating_counts + 1.0) ** -config.POPULARITY_DISCOUNT).astype(np.float32),
            store.movie_rating_counts @ bits,
            np.sort(store.by_user.times[store.by_user.indptr[1:] - 1]),
        )
        return World(
            self.watched,
            store.by_user.times,
            store.rating_order,
            last_times,
            self._chain,
            ItemItem(**self.matrices, reach=settings.reach),
            recent,
            self.recent.lengths,
            Catalogue(
                store.movie_genres,
                store.movie_years,
                store.movie_rating_counts,
                store.movie_popularity_percentiles,
                inverse_popularity,
                genre_counts,
                place_indptr,
                places,
            ),
            Settings(
                settings.votes,
                settings.similarity_movies,
                config.SIMILARITY_RATERS,
                settings.recent_users,
                settings.recent_profile_movies,
                settings.recent_profile_genre_decay,
                settings.recent_profile_year_decay,
            ),
        )

    @contextmanager
    def _space(self) -> Iterator[Workspace]:
        """Room to work in, of which there is one for each thread that works at a time.

        What raised has left it in disorder: it is dropped.
        """
        try:
            space = self._spaces.pop()
        except IndexError:
            store, settings = self.store, self.settings
            space = workspace(
                store.movie_count,
                store.user_count,
                len(WINDOWS),
                settings.votes,
                settings.similarity_movies,
            )
        yield space
        self._spaces.append(space)


def asked_of(queries: Queries) -> Asked:
    """The queries as kernels take them."""
    return Asked(
        *as_readonly_contiguous(
            queries.indptr,
            queries.movies,
            queries.times,
            queries.user_rows,
            queries.as_of,
            queries.limits,
            queries.masks,
            queries.mask_of,
            queries.include_seen,
        )
    )


def candidate_votes(votes: Floats) -> Floats:
    """[movies]: the channels of [movies, CHANNELS] by which candidates are drawn, as one number."""
    drawn: Floats = votes[:, _NEXT] + np.float32(config.BEFORE_SHARE) * votes[:, _BEFORE]
    return drawn


_NEXT, _BEFORE = CHANNELS.index("next_alike"), CHANNELS.index("before")
