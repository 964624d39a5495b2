"""Movies for a user without other users: by genre, by popularity and by era, in fair turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Mask, Offsets, Words, Years
from reelrecs.kernels.content import jaccard, year_closeness
from reelrecs.kernels.jit import kernel

CHANNELS = ("genre", "popularity", "era")


def channel_scores(
    genres: NDArray[np.uint64],
    years: NDArray[np.int16],
    popularity: NDArray[np.float32],
    standing: NDArray[np.float32],
    watched: NDArray[np.bool_],
    taste: int,
    era: int,
    era_span: int,
) -> NDArray[np.float32]:
    """How strongly each channel finds each movie of a pool: [CHANNELS, pool], on [0, 1].

    All arrays run over the pool. Popularity is as given; genre and era are the geometric mean of
    popularity and the match (Jaccard with `taste`, closeness to `era`), so both must hold. With no
    taste the genre channel gives `standing`; with no era the era channel finds nothing. Watched
    movies are not found.
    """
    values = np.empty((len(CHANNELS), len(genres)), np.float32)
    _strengths(
        genres, years, popularity, standing, watched, np.uint64(taste), era, era_span + 1.0, values
    )
    return values


def take_turns(
    values: NDArray[np.float32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """At most `most` columns of values[channel, column], named in turns; scores [n, channel].

    Round-robin: each channel in turn adds its best column not yet chosen (ties: the smaller
    column, never one of value 0); columns it skips because another channel chose them keep this
    channel's score too. Values must not be negative.
    """
    channels, columns = values.shape
    room = min(most, columns)
    # bits of non-negative floats order as the floats do; the inverted column breaks ties
    keys = values.view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys |= np.uint64(0xFFFFFFFF) - np.arange(columns, dtype=np.uint64)
    if 0 < room < columns:
        keys = np.partition(keys, columns - room, axis=1)[:, columns - room :]
    keys.sort(axis=1)
    ranked = (np.uint64(0xFFFFFFFF) - (keys & np.uint64(0xFFFFFFFF))).astype(np.int64)
    place = np.full(columns, -1)
    next_rank = np.full(channels, room - 1)
    found = np.empty(room, np.int64)
    retrieval_scores = np.zeros((room, channels), np.float32)
    count = _take_turns(values, ranked, most, place, next_rank, found, retrieval_scores)
    return found[:count], retrieval_scores[:count]


@kernel
def _strengths(
    genres: Words,
    years: Years,
    popularity: Floats,
    standing: Floats,
    watched: Mask,
    taste: np.uint64,
    era: int,
    reach: float,
    values: Floats,
) -> None:
    for at in range(len(genres)):
        values[0, at] = 0.0
        values[1, at] = 0.0
        values[2, at] = 0.0
        if watched[at]:
            continue
        values[1, at] = popularity[at]
        if taste == np.uint64(0):
            values[0, at] = standing[at]
        else:
            values[0, at] = np.sqrt(popularity[at] * jaccard(genres[at], taste))
        values[2, at] = np.sqrt(popularity[at] * year_closeness(years[at], era, reach))


@kernel
def _take_turns(
    values: Floats,
    ranked: Offsets,
    most: int,
    place: Offsets,
    next_rank: Offsets,
    found: Offsets,
    retrieval_scores: Floats,
) -> int:
    count = 0
    before = -1
    while count < most and count > before:
        before = count
        for channel in range(len(ranked)):
            named = False
            while not named and count < most and next_rank[channel] >= 0:
                column = ranked[channel, next_rank[channel]]
                value = values[channel, column]
                if value <= 0.0:
                    break
                next_rank[channel] -= 1
                named = place[column] < 0
                if named:
                    place[column] = count
                    found[count] = column
                    count += 1
                retrieval_scores[place[column], channel] = value
    return count
