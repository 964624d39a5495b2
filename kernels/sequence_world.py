"""What the kernels of sequence evidence read, and the room that one thread works in.

A `Workspace` holds as many numbers as the data has movies and users. It is made once for a thread,
filled for one query after another, and never handed on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.item_item import SparseRows
from reelrecs.kernels.markov_chain import ChainArrays
from reelrecs.kernels.sequence_knn import CHANNELS, SequenceSettings, Voting, Watched, voting
from reelrecs.kernels.similarity_of_few import Few, few

SEEN, LATER, KNOWN_LATER = 1, 2, 4
"""Marks of a movie: in the history; rated by the same user in the store, but not in the history;
and that by the moment of asking."""


class ItemItem(NamedTuple):
    """The item-to-item models, and how far back each looks."""

    next_item: SparseRows
    ease: SparseRows
    co_occurrence: SparseRows
    reach: Any  # see `reelrecs.stages.feature_settings.Reach`


class Recent(NamedTuple):
    """Everybody's ratings in order of time, from place `start` on, and how they are counted."""

    start: int
    movies: NDArray[np.int32]  # [ratings from start on]
    users: NDArray[np.int32]  # [ratings from start on]
    windows: NDArray[np.int32]  # [windows] how many ratings back each reaches, ascending
    alike_window: int


class Lengths(NamedTuple):
    """What people rate at each length of a history."""

    counts: NDArray[np.int32]  # [lengths, movies]
    ends: NDArray[np.int32]  # [lengths] the first length beyond each; the last holds all others
    prior: float  # share of a movie's ratings at any length that is added


class Catalogue(NamedTuple):
    """What is known of each movie."""

    genres: NDArray[np.uint64]  # [movies]
    years: NDArray[np.int16]  # [movies]
    rating_counts: NDArray[np.int32]  # [movies]
    percentiles: NDArray[np.float32]  # [movies] of popularity
    inverse_popularity: NDArray[np.float32]  # [movies]
    genre_counts: NDArray[np.float64]  # [genres] ratings of movies of each
    place_indptr: NDArray[np.int64]  # [movies + 1], or nothing where all is asked at the data's end
    places: NDArray[np.int64]  # [ratings] of each movie, its ratings' places in order of time


class Settings(NamedTuple):
    """Numbers that a model was trained with."""

    votes: SequenceSettings
    similarity_movies: int
    similarity_raters: int  # more of those movies' raters are not gone through one by one
    recent_users: int
    profile_movies: int
    profile_genre_decay: float
    profile_year_decay: float


class World(NamedTuple):
    """A store and the base models trained on it."""

    watched: Watched
    times: NDArray[np.int64]  # [ratings] by user
    order: NDArray[np.uint32]  # [ratings] entries of the store in order of time
    last_times: NDArray[np.int64]  # [users] when each was last active, ascending
    chain: ChainArrays
    item_item: ItemItem
    recent: Recent
    lengths: Lengths
    catalogue: Catalogue
    settings: Settings


class Asked(NamedTuple):
    """Who asks, several of them as compressed rows."""

    indptr: NDArray[np.int64]  # [queries + 1]
    movies: NDArray[np.int32]  # [ratings] oldest first
    times: NDArray[np.int64]  # [ratings]
    own_rows: NDArray[np.int32]  # [queries]
    as_of: NDArray[np.int64]  # [queries]
    limits: NDArray[np.int64]  # [queries]
    masks: NDArray[np.bool_]  # [masks, movies] what may be recommended
    mask_of: NDArray[np.int32]  # [queries] -1: everything may be
    include_seen: NDArray[np.bool_]  # [queries]


class Scores(NamedTuple):
    """What was found out of each movie for one query."""

    votes: NDArray[np.float32]  # [movies, CHANNELS]
    chain: NDArray[np.float32]  # [movies]
    summed: NDArray[np.float32]  # [3, movies] next-item ridge, EASE, co-occurrence
    windows: NDArray[np.float32]  # [windows, movies]
    alike: NDArray[np.float32]  # [movies]
    at_length: NDArray[np.float32]  # [movies]


class Drawing(NamedTuple):
    """Room to draw candidates in."""

    channels: NDArray[np.float32]  # [retrieval channels, movies]
    chosen: NDArray[np.uint16]  # [movies] retrieval channels that chose it, as bits
    barred: NDArray[np.bool_]  # [movies] what must not be recommended
    heap: NDArray[np.float32]  # [movies]
    at_top: NDArray[np.int32]  # [movies]


class Workspace(NamedTuple):
    """One thread's room."""

    marks: NDArray[np.uint8]  # [movies] 0 between queries
    similarity: NDArray[np.float32]  # [users] 0 between queries
    voting: Voting
    few: Few
    scores: Scores
    counted_end: NDArray[np.int64]  # [1] place in time up to which windows count all; -1: not all
    drawing: Drawing


def workspace(
    movie_count: int,
    user_count: int,
    windows: int,
    votes: SequenceSettings,
    similarity_movies: int,
) -> Workspace:
    """Room for one thread; `windows` is how many windows of recent ratings are counted."""
    return Workspace(
        np.zeros(movie_count, np.uint8),
        np.zeros(user_count, np.float32),
        voting(movie_count, votes),
        few(movie_count, similarity_movies),
        Scores(
            np.zeros((movie_count, len(CHANNELS)), np.float32),
            np.zeros(movie_count, np.float32),
            np.zeros((3, movie_count), np.float32),
            np.zeros((windows, movie_count), np.float32),
            np.zeros(movie_count, np.float32),
            np.zeros(movie_count, np.float32),
        ),
        np.full(1, -1, np.int64),
        Drawing(
            np.zeros((windows + 3, movie_count), np.float32),
            np.zeros(movie_count, np.uint16),
            np.zeros(movie_count, np.bool_),
            np.zeros(movie_count, np.float32),
            np.zeros(movie_count, np.int32),
        ),
    )
